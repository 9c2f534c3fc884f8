/** Token bucket: so much at once, and then one in so much time. In memory: a restart fills it. */
export interface TokenBucketSize {
  /** Taken at once, at most, after a rest. */
  readonly burst: number;
  /** ms for one more. */
  readonly everyMs: number;
}

export class TokenBucket {
  readonly #size: TokenBucketSize;
  /** ms of refilling that have gathered at `#at`. */
  #gathered: number;
  #at: number;

  /** Full. `now`: ms of any clock, of the same one at every `take`. */
  constructor(size: TokenBucketSize, now: number) {
    this.#size = size;
    this.#gathered = size.burst * size.everyMs;
    this.#at = now;
  }

  /** Takes one and gives 0, or takes none and gives the ms after which there is one. A clock set back refills nothing. */
  take(now: number): number {
    const { burst, everyMs } = this.#size;
    const since = Math.max(0, now - this.#at);
    this.#gathered = Math.min(burst * everyMs, this.#gathered + since);
    this.#at = now;
    if (this.#gathered < everyMs) return everyMs - this.#gathered;
    this.#gathered -= everyMs;
    return 0;
  }
}
