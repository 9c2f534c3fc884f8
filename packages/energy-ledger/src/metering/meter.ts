import {
  bytesEqual,
  type Micros,
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  micros,
} from "@wattseal/base";
import type { Counters, EnergyGap } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import { LedgerError } from "../errors.js";
import { MAX_STEP } from "./integral.js";
import {
  type Carried,
  type DigestedPdu,
  msOf,
  NOTHING_CARRIED,
  OpenInterval,
  type Point,
  passedBetween,
  wentBack,
} from "./interval.js";
import { judge, NOTHING_USED, type ToleranceUse } from "./verdict.js";
import { crossesWindow, FULL_RESOLUTION } from "./window.js";

/**
 * One accepted telemetry message of a module. `time`: when its last frame was on the bus; below the record's end it
 * counts as that. `counters`: the module's own; absent for a legacy module.
 */
export interface Reading extends Point, DigestedPdu {}

type MeterType = "energy.interval" | "energy.gap" | "energy.reset";
/** Entries but for their time, in the order to append them. */
export type MeterEntry = {
  readonly [Type in MeterType]: Pick<Entry<Type>, "type" | "body">;
}[MeterType];

interface RecordEnd {
  readonly t1: Millis;
  /** Absent for a module without counters. */
  readonly end: Counters | undefined;
}

/** Where a module's record ends: the end of its last interval, gap or reset. */
export interface ModuleEnd extends RecordEnd {
  /** Of the tolerance of the window it ends in: a restart within the minute gives no more of it. */
  readonly used: ToleranceUse;
}

export interface MeterOptions {
  readonly module: ModuleUid;
  /** mWh, as in its link.paired; 0 when unknown. */
  readonly capacity: MilliwattHours;
  /** False for a legacy module: no counters are expected and its intervals never earn. */
  readonly authenticated: boolean;
  /** The end of its record in the log: what passed since is then a gap. */
  readonly resume?: ModuleEnd | undefined;
  /** UTC minutes of an interval, a divisor of 60; absent: one. */
  readonly minutes?: number;
}

/** How the last reading was taken: what deriving its interval again needs beside it. */
export interface Taken {
  /** What it counts as: its own time, or the end of the record before. */
  readonly time: Micros;
  /** Whether it began an interval. */
  readonly begun: boolean;
  /** Whether that interval starts at the reading before it, or at its own first one. */
  readonly continued: boolean;
  /** What that interval started with. */
  readonly carried: Carried;
}

/**
 * Turns one module's readings into entries that tile its counters: each interval, gap or reset starts where the
 * one before ended. Pure: time comes with the readings.
 */
export class ModuleMeter {
  readonly #options: MeterOptions;
  #carried = NOTHING_CARRIED;
  #session: Uint8Array | undefined;
  /** End of the record in the log, until the first reading after a start. */
  #resume: RecordEnd | undefined;
  #used: ToleranceUse;
  #last: Point | undefined;
  #open: OpenInterval | undefined;
  #continued = false;
  #minutes: number;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#resume = options.resume;
    this.#used = options.resume?.used ?? NOTHING_USED;
    this.#minutes = options.minutes ?? FULL_RESOLUTION;
  }

  get module(): ModuleUid {
    return this.#options.module;
  }

  /** Undefined before the first reading, and after `close`. */
  get taken(): Taken | undefined {
    const open = this.#open;
    const last = this.#last;
    if (open === undefined || last === undefined) return undefined;
    const { readings, carried } = open;
    return { time: last.time, begun: readings === 1, continued: this.#continued, carried };
  }

  /** The readings from now on are of this link session; told again, it changes nothing. */
  session(handshakeHash: Uint8Array): void {
    if (this.#session !== undefined && bytesEqual(this.#session, handshakeHash)) return;
    this.#session = handshakeHash.slice();
  }

  /** Intervals end at every so many UTC minutes from now on. Where that is sooner, the caller has closed what is open. */
  closeEvery(minutes: number): void {
    this.#minutes = minutes;
  }

  /** Takes a reading; returns the entries that it completes, mostly none. */
  accept(reading: Reading): readonly MeterEntry[] {
    this.#check(reading);
    const point = this.#pointOf(reading);
    const done = this.#resume === undefined ? this.#continue(point) : this.#rejoin(point);
    this.#add(reading, point);
    return done;
  }

  /**
   * The window that ends at `boundary` is over. Closes the interval unless a reading at or past the boundary
   * has already done so.
   */
  closeWindow(boundary: Millis): readonly MeterEntry[] {
    const last = this.#last;
    return last !== undefined && last.time < boundary * 1000 ? this.close() : [];
  }

  /** Closes the interval at its last reading, before the window's end: shutdown, end of an epoch, unpairing. */
  close(): readonly MeterEntry[] {
    const open = this.#open;
    const last = this.#last;
    if (open === undefined || last === undefined) return [];
    this.#open = undefined;
    this.#carried = open.remainder;
    return [this.#interval(open, last)];
  }

  /**
   * Closes the interval; the next reading begins with a gap, as after a start. For readings whose times do not follow
   * from those before: the clock was set.
   */
  interrupt(): readonly MeterEntry[] {
    const done = this.close();
    const last = this.#last;
    if (last !== undefined) this.#resume = endOf(last);
    this.#last = undefined;
    return done;
  }

  #check(reading: Reading): void {
    const { authenticated, module } = this.#options;
    const problem =
      authenticated && reading.counters === undefined
        ? "has no counters, though its link is authenticated"
        : authenticated && this.#session === undefined
          ? "comes before its link session"
          : !authenticated && reading.counters !== undefined
            ? "has counters, though nothing authenticates them"
            : undefined;
    if (problem === undefined) return;
    throw new LedgerError("reading", `module ${module}: a reading ${problem}`, { kind: "usage" });
  }

  #pointOf(reading: Reading): Point {
    const { voltage, current, temperatureLow, temperatureHigh, soc, counters } = reading;
    const earliest = this.#last?.time ?? micros(1000 * (this.#resume?.t1 ?? 0));
    const time = reading.time < earliest ? earliest : reading.time;
    return { voltage, current, temperatureLow, temperatureHigh, soc, counters, time };
  }

  /** The first reading after a start: what the log has not seen is a gap. */
  #rejoin(point: Point): readonly MeterEntry[] {
    const end = this.#resume;
    this.#resume = undefined;
    if (end === undefined) return [];
    return [this.#hole(end, endOf(point), "away")];
  }

  #continue(point: Point): readonly MeterEntry[] {
    const last = this.#last;
    if (last === undefined) return [];
    if (wentBack(last.counters, point.counters) || point.time - last.time > MAX_STEP) {
      return [...this.#breakOff(), this.#hole(endOf(last), endOf(point), "silence")];
    }
    const done = crossesWindow(last.time, point.time, this.#minutes) ? this.close() : [];
    this.#step(last, point);
    return done;
  }

  /** Ends the interval so that the next one starts afresh at the coming reading. */
  #breakOff(): readonly MeterEntry[] {
    const done = this.close();
    this.#last = undefined;
    return done;
  }

  #step(last: Point, point: Point): void {
    this.#open ??= this.#begin(last, true);
    this.#open.step(last, point);
  }

  #add(reading: Reading, point: Point): void {
    this.#open ??= this.#begin(point, false);
    this.#open.add(point, this.#session, reading);
    this.#last = point;
  }

  #begin(from: Point, continued: boolean): OpenInterval {
    this.#continued = continued;
    return new OpenInterval(from, this.#carried);
  }

  #hole(from: RecordEnd, to: RecordEnd, reason: EnergyGap["reason"]): MeterEntry {
    const { module } = this.#options;
    const { t1: t0, end: start } = from;
    const { t1, end } = to;
    if (start !== undefined && end !== undefined && wentBack(start, end)) {
      return { type: "energy.reset", body: { module, t0, t1, start, end } };
    }
    const passed = passedBetween(start, end);
    return { type: "energy.gap", body: { module, t0, t1, ...passed, start, end, reason } };
  }

  #interval(open: OpenInterval, last: Point): MeterEntry {
    const { module, capacity, authenticated } = this.#options;
    const measured = open.close(last, authenticated);
    const { verdict, used } = judge(measured, capacity, this.#used);
    this.#used = used;
    return { type: "energy.interval", body: { module, ...measured, verdict } };
  }
}

function endOf(point: Point): RecordEnd {
  return { t1: msOf(point.time), end: point.counters };
}
