import type { Clock } from "@wattseal/base";

/** So many at once, and one more every `refillMs`. */
export class Bucket {
  readonly #clock: Pick<Clock, "now">;
  readonly #burst: number;
  readonly #refillMs: number;
  /** ms: when it is full again. */
  #fullAt: number;

  constructor(clock: Pick<Clock, "now">, burst: number, refillMs: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#fullAt = clock.now();
  }

  /** False: nothing is left. */
  take(): boolean {
    const now = this.#clock.now();
    const fullAt = Math.max(this.#fullAt, now) + this.#refillMs;
    if (fullAt - now > this.#burst * this.#refillMs) return false;
    this.#fullAt = fullAt;
    return true;
  }
}
