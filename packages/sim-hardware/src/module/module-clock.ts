import { type Cancel, type Clock, type Millis, millis } from "@wattseal/base";
import type { SimKernel } from "../time/kernel.js";

const MILLION = 1_000_000;

/** A module's own oscillator: simulated time, unless it drifts. */
export class ModuleClock implements Clock {
  readonly #kernel: SimKernel;
  #ppm = 0;
  /** Where both stood when the drift last changed, µs. */
  #trueOrigin = 0;
  #ownOrigin = 0;

  constructor(kernel: SimKernel) {
    this.#kernel = kernel;
  }

  /** From here on it runs `ppm` parts per million fast; what it gained stays. */
  drift(ppm: number): void {
    const own = this.#ownMicros();
    this.#trueOrigin = this.#kernel.nowMicros();
    this.#ownOrigin = own;
    this.#ppm = ppm;
  }

  now(): Millis {
    return millis(Math.floor(this.#ownMicros() / 1000));
  }

  /** The drift may change meanwhile: the task can come a little early or late by the clock's own time. */
  at(time: Millis, task: () => void): Cancel {
    const own = time * 1000 - this.#ownOrigin;
    const due = this.#trueOrigin + Math.ceil((own * MILLION) / (MILLION + this.#ppm));
    return this.#kernel.atMicros(due, task);
  }

  #ownMicros(): number {
    const elapsed = this.#kernel.nowMicros() - this.#trueOrigin;
    return this.#ownOrigin + elapsed + Math.floor((elapsed * this.#ppm) / MILLION);
  }
}
