import type { BusInfo } from "@wattseal/can-protocol";
import type { SimKernel } from "../time/kernel.js";

/** ISO 11898-1 §12.1.4.4: what bus-off waits for, again and again. */
const RUN_BITS = 11;

/** Counts runs of 11 recessive bits: one behind every frame and error frame, and one after the other on an idle wire. */
export class RecessiveRuns {
  readonly #kernel: SimKernel;
  readonly #runMicros: number;
  #count = 0;
  #idleSince: number | undefined;

  constructor(kernel: SimKernel, info: BusInfo) {
    this.#kernel = kernel;
    this.#runMicros = (RUN_BITS * 1e6) / info.nominalBitRate;
    this.#idleSince = kernel.nowMicros();
  }

  /** The wire is not idle from here on. */
  busy(): void {
    this.#count = this.#total();
    this.#idleSince = undefined;
  }

  /** A frame and its intermission have ended: a run by themselves. */
  idle(): void {
    this.#count = this.#total() + 1;
    this.#idleSince = this.#kernel.nowMicros();
  }

  after(runs: number, task: () => void): void {
    this.#awaitCount(this.#total() + runs, task);
  }

  /** The wire may be busy meanwhile: looks again at the earliest time that is possible. */
  #awaitCount(count: number, task: () => void): void {
    const from = this.#idleSince ?? this.#kernel.nowMicros();
    const due = Math.ceil(from + (count - this.#count) * this.#runMicros);
    this.#kernel.atMicros(due, () => {
      if (this.#total() >= count) task();
      else this.#awaitCount(count, task);
    });
  }

  #total(): number {
    if (this.#idleSince === undefined) return this.#count;
    const idle = this.#kernel.nowMicros() - this.#idleSince;
    return this.#count + Math.floor(idle / this.#runMicros);
  }
}
