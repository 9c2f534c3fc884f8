import { type Slot, slot } from "@wattseal/base";
import { STRAY_MS } from "./limits.js";

const SLOTS = Array.from({ length: 31 }, (_, i) => slot(i + 1));

/**
 * Which module ids may be given: never a paired slot, and none under which somebody is heard that we did not
 * register, until that one has been silent for `STRAY_MS` and a little (a module drops after 11.1 s).
 */
export class SlotBook {
  readonly #secured: ReadonlySet<number>;
  /** Id → when a stranger was heard under it, and sent away, last. At most 31. */
  readonly #strays = new Map<Slot, { heard: number; sentAway: number }>();

  constructor(secured: readonly Slot[]) {
    this.#secured = new Set(secured);
  }

  /** The lowest free one, or `preferred` if that is free. */
  choose(taken: ReadonlySet<Slot>, preferred: Slot | undefined, now: number): Slot | undefined {
    const free = SLOTS.filter((candidate) => this.#isFree(candidate, taken, now));
    return preferred !== undefined && free.includes(preferred) ? preferred : free[0];
  }

  /** True when the stranger is to be sent away now. */
  stray(at: Slot, now: number): boolean {
    const known = this.#strays.get(at);
    const due = known === undefined || now - known.sentAway >= STRAY_MS;
    this.#strays.set(at, { heard: now, sentAway: due ? now : known.sentAway });
    return due;
  }

  #isFree(candidate: Slot, taken: ReadonlySet<Slot>, now: number): boolean {
    if (this.#secured.has(candidate) || taken.has(candidate)) return false;
    const stray = this.#strays.get(candidate);
    return stray === undefined || now - stray.heard > DROP_MS;
  }
}

/** A module drops its id after 11.1 s. */
const DROP_MS = 12_000;
