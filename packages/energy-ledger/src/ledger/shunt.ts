import { type Millis, type MilliwattHours, millis, milliwattHours } from "@wattseal/base";
import { MOST_NET } from "../codec/scalars.js";
import type { EnergyCheck, EnergyGap, EnergyInterval } from "../entries/energy.js";
import { LedgerError } from "../errors.js";
import { MAX_STEP } from "../metering/integral.js";
import { minutesWithin, TOLERANCE_MWH } from "../metering/verdict.js";
import type { ShuntState } from "../snapshot/state.js";
import { AHEAD } from "./modules.js";
import type { Counted } from "./unproven.js";
import { MOST_SUSPECTS } from "./windows.js";

/** Its readings begin and end this close to the modules' records, ms: a step between readings. */
const NEAR = MAX_STEP / 1_000;
/** 100 mWh a minute, and 1 % of what went through the modules: as for a module's counters. */
const TOLERANCE_PART = 100;

/** What the shunt measured. */
export type ShuntReading = Pick<EnergyCheck, "shunt" | "t0" | "t1" | "in" | "out">;

/** What a suspect check takes back: the in of these intervals. */
export interface Doubted {
  readonly inMwh: number;
  /** By index: the newest, as many as can be settled. */
  readonly intervals: ReadonlyMap<number, number>;
}

type Covered = NonNullable<ShuntState["covered"]>;
const NOTHING: ShuntState = { covered: undefined, earned: 0, earning: [], lastEnd: millis(0) };

const sum = (a: number, b: number) => Math.min(MOST_NET, a + b);

/**
 * The modules' records since the last check or window, for the pack's shunt to bear out: their net, since what
 * circulates between modules does not pass it. Its readings come in the clear from one more device: they can take
 * trust from what modules say, and give none.
 */
export class ShuntBook {
  #covered: Covered | undefined;
  #earned: number;
  #earning: Map<number, MilliwattHours>;
  /** Its keys, oldest first, as in WindowBook. */
  #oldest: Iterator<number>;
  #lastEnd: Millis;

  constructor({ covered, earned, earning, lastEnd }: ShuntState = NOTHING) {
    this.#covered = covered;
    this.#earned = earned;
    this.#earning = new Map(earning.map(({ interval, in: inward }) => [interval, inward]));
    this.#oldest = this.#earning.keys();
    this.#lastEnd = lastEnd;
  }

  save(): ShuntState {
    return {
      covered: this.#covered,
      earned: this.#earned,
      earning: Array.from(this.#earning, ([interval, inward]) => ({ interval, in: inward })),
      lastEnd: this.#lastEnd,
    };
  }

  /** Record `index` counts as this. */
  add(index: number, record: EnergyInterval | EnergyGap, counted: Counted): void {
    const { t0, t1 } = record;
    const before = this.#covered ?? { first: index, t0, t1, count: 0, in: 0, out: 0 };
    this.#covered = {
      first: before.first,
      t0: t0 < before.t0 ? t0 : before.t0,
      t1: t1 > before.t1 ? t1 : before.t1,
      count: before.count + 1,
      in: sum(before.in, counted.in),
      out: sum(before.out, counted.out),
    };
    const earns = counted.net + counted.out;
    if (earns > 0) this.#earn(index, milliwattHours(earns));
  }

  #earn(index: number, inward: MilliwattHours): void {
    this.#earned = sum(this.#earned, inward);
    this.#earning.set(index, inward);
    if (this.#earning.size > MOST_SUSPECTS) this.#earning.delete(this.#oldest.next().value);
  }

  /** `minutes`: the log's resolution. */
  next(reading: ShuntReading, minutes: number): EnergyCheck | undefined {
    const covered = this.#covered;
    if (covered === undefined) return undefined;
    const { first, count } = covered;
    const verdict = bornOut(covered, reading, minutes) ? "consistent" : "suspect";
    const { shunt, t0, t1, in: inward, out } = reading;
    return { shunt, t0, t1, first, count, in: inward, out, verdict };
  }

  /** Takes a check; returns what it doubts if it is suspect. Throws LedgerError `check` and changes nothing. */
  check(check: EnergyCheck, now: Millis, minutes: number): Doubted {
    const wrong = this.faultOf(check, now, minutes);
    if (wrong !== undefined) throw new LedgerError("check", wrong);
    const doubted = { inMwh: this.#earned, intervals: this.#earning };
    this.#lastEnd = check.t1;
    this.close();
    return doubted;
  }

  /** The records up to here are in a window, checked or not. */
  close(): void {
    this.#covered = undefined;
    this.#earned = 0;
    if (this.#earning.size === 0) return;
    this.#earning = new Map();
    this.#oldest = this.#earning.keys();
  }

  /** Why `check` would be refused at `now`, if so. */
  faultOf(check: EnergyCheck, now: Millis, minutes: number): string | undefined {
    const covered = this.#covered;
    const due = this.next(check, minutes);
    if (covered === undefined || due === undefined) return "there is nothing to check";
    const { t0, t1, first, count, verdict } = check;
    if (first !== due.first || count !== due.count) {
      return `covers ${count} entries from ${first}, not ${due.count} from ${due.first}`;
    }
    if (t1 <= t0) return "does not end after it starts";
    if (t1 > now + AHEAD) return "ends after its entry's time";
    if (t0 < this.#lastEnd) return "starts before the last check's end";
    if (Math.abs(t0 - covered.t0) > NEAR || Math.abs(t1 - covered.t1) > NEAR) {
      return `is of another time than the records from ${covered.t0} to ${covered.t1}`;
    }
    return verdict === due.verdict
      ? undefined
      : `verdict is ${verdict}, but the figures say ${due.verdict}`;
  }
}

function bornOut(modules: Covered, shunt: ShuntReading, minutes: number): boolean {
  const difference = Math.abs(modules.in - modules.out - (shunt.in - shunt.out));
  const allowed = Math.floor((modules.in + modules.out) / TOLERANCE_PART);
  const within = Math.min(minutes - 1, minutesWithin(shunt));
  return difference - TOLERANCE_MWH * (1 + within) <= allowed;
}
