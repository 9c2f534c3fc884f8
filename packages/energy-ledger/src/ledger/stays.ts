import type { Millis, ModuleUid } from "@wattseal/base";
import type { Counters, EnergyInterval } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";

/** mWh. */
interface Reached {
  readonly in: number;
  readonly out: number;
}

/**
 * What one log says a module counted while it was there: from its first interval after a pairing to its last one before it
 * was unpaired, gaps included. Where its counters went back, what they will count again is not of the stay any more.
 */
export interface Stay {
  readonly module: ModuleUid;
  /** Index of its first interval, which names it, and of its latest. */
  readonly first: number;
  readonly last: number;
  readonly t0: Millis;
  readonly t1: Millis;
  /** Counters at both ends, mWh. */
  readonly start: Reached;
  readonly end: Reached;
}

/** Of one module, the newest; of modules, those heard last. A pack has 31 at a time. */
const MOST_STAYS = 16;
const MOST_MODULES = 256;
/** Told of at once: more than entries come between two times that somebody asks. */
const MOST_CHANGED = 131_072;

/** Follows one log, entry by entry. Bounded, whatever the log says. */
export class StayBook {
  /** By module, the one heard longest ago first; the last stay of each may be open. */
  readonly #modules = new Map<ModuleUid, { stays: Stay[]; open: boolean }>();
  #changed = new Map<string, Stay>();

  observe(index: number, { type, body }: Entry): void {
    if (type === "energy.interval") this.#interval(index, body);
    else if (type === "energy.reset") this.#wentBack(body.module, body.end);
    else if (type === "link.unpaired") this.#close(body.module);
  }

  /** All of them, for whoever compares logs. */
  stays(): readonly Stay[] {
    return [...this.#modules.values()].flatMap(({ stays }) => stays);
  }

  /** Of what is changed, forgets what is not followed any more: it was taken when it was new. */
  forgetPast(): void {
    this.#changed = new Map(this.stays().map((stay) => [nameOf(stay), stay]));
  }

  /** Those that are new or longer since the last call. */
  takeChanged(): readonly Stay[] {
    const changed = [...this.#changed.values()];
    this.#changed = new Map();
    return changed;
  }

  #interval(index: number, { module, t0, t1, start, end }: EnergyInterval): void {
    if (start === undefined || end === undefined) return;
    const known = this.#modules.get(module) ?? { stays: [], open: false };
    this.#modules.delete(module);
    this.#modules.set(module, known);
    const open = known.open ? known.stays.pop() : undefined;
    const begun = open ?? { module, first: index, t0, start: reachedBy(start) };
    this.#put(known, { ...begun, last: index, t1, end: reachedBy(end) });
    known.open = true;
    const [oldest] = this.#modules.keys();
    if (this.#modules.size > MOST_MODULES && oldest !== undefined) this.#modules.delete(oldest);
  }

  #wentBack(module: ModuleUid, to: Counters): void {
    const known = this.#modules.get(module);
    if (known === undefined || !known.open) return;
    const stay = known.stays.pop();
    if (stay === undefined) return;
    const end = reachedBy(to);
    const start = { in: Math.min(stay.start.in, end.in), out: Math.min(stay.start.out, end.out) };
    this.#put(known, { ...stay, start, end });
  }

  #close(module: ModuleUid): void {
    const known = this.#modules.get(module);
    if (known !== undefined) known.open = false;
  }

  #put(known: { stays: Stay[] }, stay: Stay): void {
    known.stays.push(stay);
    if (known.stays.length > MOST_STAYS) known.stays.shift();
    this.#changed.set(nameOf(stay), stay);
    if (this.#changed.size > MOST_CHANGED) this.forgetPast();
  }
}

function nameOf({ module, first }: Stay): string {
  return `${module} ${first}`;
}

/** mWh that two stays of one module both claim, 0 of each where their counters follow each other. */
export function claimedTwice(a: Stay, b: Stay): Reached {
  const shared = (of: "in" | "out") =>
    Math.max(0, Math.min(a.end[of], b.end[of]) - Math.max(a.start[of], b.start[of]));
  return { in: shared("in"), out: shared("out") };
}

function reachedBy({ in: inward, out }: Counters): Reached {
  return { in: inward, out };
}
