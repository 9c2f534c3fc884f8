/** Each bucket's end is so much above its beginning: what a quantile is wrong by, at most. */
const RATIO = 1.05;
const FIRST_MS = 0.1;

/** How long things took, in memory that does not grow with their number. */
export class Latencies {
  readonly #counts: number[] = [];
  #total = 0;

  /** `count` things took `ms` each. */
  add(ms: number, count: number): void {
    const bucket = Math.max(
      0,
      Math.ceil(Math.log(Math.max(ms, FIRST_MS) / FIRST_MS) / Math.log(RATIO)),
    );
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#total += count;
  }

  get count(): number {
    return this.#total;
  }

  /** ms that the share `q`, 0 to 1, of them took at most, rounded up by 5 % or less; undefined before the first. */
  quantile(q: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.max(1, Math.ceil(q * this.#total));
    for (const [bucket, count = 0] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return FIRST_MS * RATIO ** bucket;
    }
    return undefined;
  }
}
