import { type Cancel, type Clock, type Micros, type Millis, micros, millis } from "@wattseal/base";
import type { TraceRecord } from "@wattseal/can-protocol";
import type { TimeReader } from "../time/kernel.js";
import type { TraceSource } from "./source.js";

export interface PlayerOptions {
  readonly source: TraceSource;
  readonly clock: Clock;
  /** When the first record is due (default: now); the others keep their distance from it. */
  readonly start?: Millis;
}

/**
 * Plays a trace at its own pace on a clock: never early, by up to a millisecond late. Records that go back in
 * time are played at once. Holds one batch of the source; with simulated time, add it to the kernel as a reader,
 * so that time waits for the file.
 */
export class TracePlayer implements TimeReader {
  /** Settles after the last record or `stop()`; rejects with what reading threw. */
  readonly finished: Promise<void>;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #play: (record: TraceRecord, time: Micros) => boolean;
  readonly #iterator: AsyncIterator<readonly TraceRecord[]>;
  #settle: { resolve(): void; reject(reason: unknown): void } | undefined;
  #batch: readonly TraceRecord[] = [];
  #at = 0;
  #reading: Promise<void> | undefined;
  #shift: number | undefined;
  #latest = 0;
  #cancel: Cancel = () => {};

  /** `play` returns false when it cannot take the record now: it is given it again after `resume()`. */
  constructor(options: PlayerOptions, play: (record: TraceRecord, time: Micros) => boolean) {
    this.#clock = options.clock;
    this.#start = (options.start ?? options.clock.now()) * 1000;
    this.#play = play;
    this.#iterator = options.source.batches[Symbol.asyncIterator]();
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever does not wait for the end need not handle how it came.
    this.finished.catch(() => {});
    this.#read();
  }

  ready(): Promise<void> | undefined {
    return this.#reading;
  }

  resume(): void {
    this.#cancel();
    if (this.#reading === undefined) this.#schedule();
  }

  stop(): void {
    this.#cancel();
    this.#settle?.resolve();
    this.#settle = undefined;
    void this.#iterator.return?.();
  }

  #read(): void {
    this.#reading = this.#iterator.next().then(
      ({ done, value }) => {
        this.#reading = undefined;
        if (done === true) return this.stop();
        this.#batch = value;
        this.#at = 0;
        this.#schedule();
      },
      (error: unknown) => {
        this.#reading = undefined;
        this.#settle?.reject(error);
        this.#settle = undefined;
      },
    );
  }

  #schedule(): void {
    if (this.#settle === undefined) return;
    const record = this.#batch[this.#at];
    if (record === undefined) {
      this.#read();
      return;
    }
    this.#shift ??= this.#start - record.time;
    const due = millis(Math.ceil(this.#timeOf(record) / 1000));
    this.#cancel = this.#clock.at(due, () => this.#playDue());
  }

  #playDue(): void {
    const now = this.#clock.now() * 1000;
    for (;;) {
      const record = this.#batch[this.#at];
      if (record === undefined || this.#settle === undefined) break;
      const time = this.#timeOf(record);
      if (time > now) break;
      if (!this.#play(record, micros(time))) return;
      this.#latest = time;
      this.#at += 1;
    }
    this.#schedule();
  }

  #timeOf(record: TraceRecord): number {
    return Math.max(this.#latest, record.time + (this.#shift ?? 0));
  }
}
