import type { LinkLimits } from "./options.js";

/**
 * When a PDU that nothing opens, or a hello, may call for new keys although keys are in use. Either may be
 * forged: the first earns a handshake at once, the next ones ever later, until none has come for a while.
 * An end that has truly lost its peer falls silent to it, and silence calls for new keys by itself.
 */
export class Resync {
  readonly #limits: LinkLimits;
  #step = 0;
  #until = 0;

  constructor(limits: LinkLimits) {
    this.#limits = limits;
  }

  allows(now: number): boolean {
    if (now < this.#until) return false;
    const { spacingMs, resyncMaxMs } = this.#limits;
    const calm = now > this.#until + this.#step;
    this.#step = calm ? spacingMs : Math.min(resyncMaxMs, 2 * this.#step);
    this.#until = now + this.#step;
    return true;
  }
}
