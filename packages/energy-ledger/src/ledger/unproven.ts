import type { Millis } from "@wattseal/base";
import { windowOf } from "../metering/window.js";
import type { ModulesState } from "../snapshot/state.js";

/** What the books take an entry's energy for, mWh. */
export interface Counted {
  readonly in: number;
  readonly out: number;
  /** Of the two, what the entry adds to its window's net. */
  readonly net: number;
}

type Flow = NonNullable<ModulesState[number]["unproven"]>;

/**
 * One module's energy that is not proven: of suspect and unauthenticated intervals, and of gaps. Its counters may
 * say anything up to 2^48 mWh; between two moments a module gives or takes, net, at most what it holds. So a
 * window counts at most that for a module, however many entries say how much. Duration is no measure: a clock that
 * was set back leaves hours of use in an entry of no length, and a gap of days is at most one charge.
 */
export class UnprovenFlow {
  /** UTC minute in which the entries end, and what they have counted; undefined before the first. */
  #flow: Flow | undefined;

  constructor(saved?: Flow) {
    this.#flow = saved;
  }

  save(): Flow | undefined {
    return this.#flow;
  }

  /** What counts of this entry, of which `out` counts in its window. `most` mWh is what the module can hold. */
  count(t1: Millis, inward: number, out: number, most: number): Counted {
    const window = windowOf(t1);
    const before = this.#flow?.window === window ? this.#flow : { in: 0, out: 0 };
    const countedIn = Math.min(inward, Math.max(0, most - before.in));
    const countedOut = Math.min(out, Math.max(0, most - before.out));
    this.#flow = { window, in: before.in + countedIn, out: before.out + countedOut };
    return { in: countedIn, out: countedOut, net: 0 - countedOut };
  }
}
