import { type Cancel, type Clock, type Micros, type Millis, micros, millis } from "@wattseal/base";

interface Waiting {
  readonly time: Millis;
  readonly task: () => void;
  cancel: Cancel;
}

/**
 * UTC as the log has it: the machine's, but never below what the log has said already. After a step backwards it
 * holds until UTC has caught up. Runs on steady time; whoever watches the machine's UTC sets it.
 */
export class LogClock implements Clock {
  readonly #steady: Clock;
  /** UTC less steady time, ms. */
  #offset: number;
  #latest: Millis;
  /** UTC was below this when it was last set; undefined once it has caught up. */
  #heldUntil: Millis | undefined;
  readonly #waiting = new Set<Waiting>();

  /** `utc` is the machine's now. */
  constructor(steady: Clock, utc: Millis) {
    this.#steady = steady;
    this.#offset = utc - steady.now();
    this.#latest = utc;
  }

  /** The log goes on after an entry of this time. */
  notBefore(time: Millis): void {
    if (this.utc < time) this.#heldUntil = time;
    this.#latest = millis(Math.max(this.#latest, time));
  }

  now(): Millis {
    this.#latest = millis(Math.max(this.#latest, this.utc));
    return this.#latest;
  }

  /** What the machine's UTC would be now, had nobody set it since it was last looked at. */
  get utc(): number {
    return this.#steady.now() + this.#offset;
  }

  /** Until when the log's time stands still; undefined while it runs. */
  get heldUntil(): Millis | undefined {
    if (this.#heldUntil !== undefined && this.utc >= this.#heldUntil) this.#heldUntil = undefined;
    return this.#heldUntil;
  }

  /** A moment of steady time, µs, as the log dates it; undefined while the log's time stands still. */
  dated(steady: Micros): Micros | undefined {
    return this.heldUntil === undefined
      ? micros(Math.max(0, steady + 1000 * this.#offset))
      : undefined;
  }

  /** Moves UTC by `ms`: a step. One backwards holds the log's time. */
  step(ms: number): void {
    const before = this.now();
    this.slew(ms);
    this.notBefore(before);
  }

  /** Moves UTC by a hair, which nobody has to notice. */
  slew(ms: number): void {
    this.#offset += ms;
    for (const waiting of this.#waiting) {
      waiting.cancel();
      this.#schedule(waiting);
    }
  }

  at(time: Millis, task: () => void): Cancel {
    const waiting: Waiting = { time, task, cancel: () => {} };
    this.#waiting.add(waiting);
    this.#schedule(waiting);
    return () => {
      this.#waiting.delete(waiting);
      waiting.cancel();
    };
  }

  #schedule(waiting: Waiting): void {
    const { time, task } = waiting;
    const wait = time <= this.now() ? 0 : time - this.utc;
    waiting.cancel = this.#steady.at(millis(this.#steady.now() + wait), () => {
      this.#waiting.delete(waiting);
      task();
    });
  }
}
