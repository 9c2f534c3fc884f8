/** Of a budget that is running out, one request in this many is met. */
const LOTTERY = 8;

/**
 * So many at once, and so many a second: what strangers' messages may cost. While it lasts, first come first
 * served; below half it is drawn by lot, so that whoever floods cannot time his to be always the next one.
 */
export class Budget {
  readonly #perSecond: number;
  readonly #random: () => number;
  #left: number;
  #at = 0;

  /** `random`: uniform in [0, 1). */
  constructor(perSecond: number, random: () => number) {
    this.#perSecond = perSecond;
    this.#random = random;
    this.#left = perSecond;
  }

  /** False: not this one. */
  take(now: number): boolean {
    const earned = ((now - this.#at) * this.#perSecond) / 1000;
    this.#left = Math.min(this.#perSecond, this.#left + earned);
    this.#at = now;
    if (this.#left < 1) return false;
    if (this.#left < this.#perSecond / 2 && this.#random() * LOTTERY >= 1) return false;
    this.#left -= 1;
    return true;
  }
}
