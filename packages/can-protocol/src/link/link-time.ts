import { type Millis, millis } from "@wattseal/base";

/** A deadline that is not set. */
export const NEVER = Number.POSITIVE_INFINITY;

/**
 * Time as a link counts it. The host's clock is UTC and may be set back; deadlines and ages here never are.
 * A step forward cannot be told from sleep, and is taken for it.
 */
export class LinkTime {
  #ahead = 0;
  #last = 0;

  /** The link's time at the host's `now`. */
  take(now: Millis): Millis {
    const at = this.at(now);
    this.#ahead = at - now;
    this.#last = at;
    return at;
  }

  /** As `take`, remembering nothing. */
  at(now: Millis): Millis {
    return millis(Math.max(now + this.#ahead, this.#last));
  }

  /** The host's time at a deadline of the link; undefined for NEVER. */
  hostTime(at: number): Millis | undefined {
    return at === NEVER ? undefined : millis(Math.max(0, at - this.#ahead));
  }
}
