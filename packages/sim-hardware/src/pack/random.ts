/** Repeatable numbers for physics; never for keys. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in [1 − spread, 1 + spread). */
  around(spread: number): number {
    return 1 + spread * (2 * this.next() - 1);
  }
}

const SHARE_UNITS = 2 ** 30;

/** `count` positive shares whose sum is exactly one: each is a whole number of 2^-30, so no sum of them rounds. */
export function fixedShares(count: number, seed: number, spread = 0.04): readonly number[] {
  const random = new SeededRandom(seed);
  const weights = Array.from({ length: count }, () => random.around(spread));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const units = weights.map((weight) => Math.floor((weight / total) * SHARE_UNITS));
  const left = SHARE_UNITS - units.reduce((sum, unit) => sum + unit, 0);
  return units.map((unit, i) => (i === 0 ? unit + left : unit) / SHARE_UNITS);
}
