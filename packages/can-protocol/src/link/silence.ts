import { STRIKES_TO_LOSE } from "./limits.js";
import { NEVER } from "./link-time.js";

/** Counts a module's silence: a strike each time `strikeMs` go by without a word, three at most. */
export class Silence {
  readonly #strikeMs: number;
  #heardAt = 0;
  #strikes = 0;
  #deadline = NEVER;

  constructor(strikeMs: number) {
    this.#strikeMs = strikeMs;
  }

  get strikes(): number {
    return this.#strikes;
  }

  get deadline(): number {
    return this.#deadline;
  }

  /** Counting starts anew: the bus, the host or the session is back. */
  start(now: number): void {
    this.#heardAt = now;
    this.#strikes = 0;
    this.#deadline = now + this.#strikeMs;
  }

  stop(): void {
    this.#deadline = NEVER;
  }

  /** Cheap, for every PDU: the deadline is put right when it comes. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** At the deadline: how many strikes there are now, or undefined when the module was heard meanwhile. */
  check(now: number): number | undefined {
    const due = this.#heardAt + (this.#strikes + 1) * this.#strikeMs;
    if (now < due) {
      this.#deadline = due;
      return undefined;
    }
    this.#strikes += 1;
    this.#deadline = this.#strikes < STRIKES_TO_LOSE ? due + this.#strikeMs : NEVER;
    return this.#strikes;
  }

  silentMs(now: number): number {
    return now - this.#heardAt;
  }
}
