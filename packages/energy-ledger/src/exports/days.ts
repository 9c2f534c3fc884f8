/**
 * One UTC day of a log as two registers: what went in and out by consistent intervals, summed from the log's first
 * entry. What a day says depends on the log alone, whenever it is asked: a day is told once a window after it is there.
 */
import type { Entry } from "../entries/entry.js";
import { DAY } from "../society/policy.js";

/** Both registers at one moment. */
export interface RegisterReading {
  /** UTC ms: a window's end. */
  readonly time: number;
  /** Whether the wall clock was synchronised then. */
  readonly synchronised: boolean;
  /** mWh since the log began. */
  readonly inMwh: number;
  readonly outMwh: number;
}

export interface LedgerDay {
  /** 1 for the log's first day with a window, 2 for the next such day. */
  readonly page: number;
  /** UTC ms of its midnight. */
  readonly start: number;
  /** The last reading of the day before; of the first day, its own first. */
  readonly begin: RegisterReading;
  readonly end: RegisterReading;
  /** What suspect and unauthenticated intervals, gaps, and intervals that the shunt does not bear out say: in no register. */
  readonly leftOut: {
    readonly inMwh: number;
    readonly outMwh: number;
    /** Times that a counter went back: what passed is unknown. */
    readonly resets: number;
  };
  readonly softwareVersion: string;
  /** The entries that say it, and the RFC 6962 root of the tree of the first `last` + 1 entries. */
  readonly first: number;
  readonly last: number;
  readonly root: Uint8Array;
}

/** What is known of the log as of the entry just replayed. */
export interface LogMoment {
  readonly synchronised: boolean;
  readonly softwareVersion: string;
  root(): Uint8Array;
}

const NOTHING = { inMwh: 0, outMwh: 0, resets: 0 };
const NO_ENERGY = { inMwh: 0, outMwh: 0 };

/** Where the records of a log stand: after the last entry of this day, nothing of which is told again. */
export type ToldDay = Pick<LedgerDay, "page" | "end">;

export class DayMeter {
  #inMwh: number;
  #outMwh: number;
  #leftOut = NOTHING;
  /** Consistent intervals that the pack's shunt may still not bear out: until its check, or the window. */
  #pending = NO_ENERGY;
  #last: RegisterReading | undefined;
  #day: LedgerDay | undefined;
  #page: number;
  #first: number | undefined;

  /** Begins with entry 0 or, `after` a day, with the entry that follows its `last`. */
  constructor(after?: ToldDay) {
    this.#page = after?.page ?? 0;
    this.#last = after?.end;
    this.#inMwh = after?.end.inMwh ?? 0;
    this.#outMwh = after?.end.outMwh ?? 0;
  }

  /** Takes the next entry; returns the day that is complete with it. */
  take(index: number, entry: Entry, moment: LogMoment): LedgerDay | undefined {
    const { type, body } = entry;
    if (type === "energy.window") return this.#window(index, body, moment);
    if (type === "energy.check") this.#settle(body.verdict === "consistent");
    if (type === "energy.interval") this.#add(body, body.verdict === "consistent");
    else if (type === "energy.gap") this.#add(body, false);
    else if (type === "energy.reset") {
      this.#leftOut = { ...this.#leftOut, resets: this.#leftOut.resets + 1 };
    } else return undefined;
    this.#first ??= index;
    return undefined;
  }

  #add({ in: inMwh, out: outMwh }: { in: number; out: number }, consistent: boolean): void {
    const energy = { inMwh, outMwh };
    if (consistent) this.#pending = plus(this.#pending, energy);
    else this.#leftOut = { ...this.#leftOut, ...plus(this.#leftOut, energy) };
  }

  #settle(registered: boolean): void {
    const settled = this.#pending;
    this.#pending = NO_ENERGY;
    if (registered) {
      this.#inMwh = sum(this.#inMwh, settled.inMwh);
      this.#outMwh = sum(this.#outMwh, settled.outMwh);
    } else this.#leftOut = { ...this.#leftOut, ...plus(this.#leftOut, settled) };
  }

  #window(index: number, { t0, t1 }: { t0: number; t1: number }, moment: LogMoment) {
    this.#settle(true);
    const { synchronised, softwareVersion } = moment;
    // a window that ends at midnight belongs to the day before
    const start = Math.floor((t1 - 1) / DAY) * DAY;
    const end = { time: t1, synchronised, inMwh: this.#inMwh, outMwh: this.#outMwh };
    const open = this.#day;
    const same = open !== undefined && start <= open.start;
    const before = this.#last ?? { time: t0, synchronised, inMwh: 0, outMwh: 0 };
    if (!same) this.#page += 1;
    const leftOut = same ? added(open.leftOut, this.#leftOut) : this.#leftOut;
    this.#day = {
      page: this.#page,
      start: same ? open.start : start,
      begin: same ? open.begin : before,
      end,
      leftOut,
      softwareVersion,
      first: same ? open.first : (this.#first ?? index),
      last: index,
      root: moment.root(),
    };
    this.#last = end;
    this.#leftOut = NOTHING;
    this.#first = undefined;
    return same ? undefined : open;
  }
}

type Energy = typeof NO_ENERGY;

/** Stays an exact integer: a module may say any counter, and what is left out need not be more than beyond all sense. */
const sum = (a: number, b: number) => Math.min(Number.MAX_SAFE_INTEGER, a + b);

const plus = (a: Energy, b: Energy): Energy => ({
  inMwh: sum(a.inMwh, b.inMwh),
  outMwh: sum(a.outMwh, b.outMwh),
});

const added = (a: LedgerDay["leftOut"], b: LedgerDay["leftOut"]): LedgerDay["leftOut"] => ({
  ...plus(a, b),
  resets: a.resets + b.resets,
});
