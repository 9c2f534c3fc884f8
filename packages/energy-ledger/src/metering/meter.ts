import {
  bytesEqual,
  type Micros,
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  micros,
  millis,
  milliwattHours,
} from "@wattseal/base";
import type { Counters, EnergyGap } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import { LedgerError } from "../errors.js";
import { ReadingDigest } from "./digest.js";
import { Extremes, type RawState } from "./extremes.js";
import { ExactIntegral, MAX_STEP, rawPower } from "./integral.js";
import { judge, NOTHING_USED, type ToleranceUse } from "./verdict.js";
import { WINDOW } from "./window.js";

/** One accepted telemetry message of a module. */
export interface Reading extends RawState {
  /** When its last frame was on the bus. A time below the record's end counts as that. */
  readonly time: Micros;
  /** The module's own; absent for a legacy module. */
  readonly counters: Counters | undefined;
  /** Counter of the sealed PDU, its inner type, and its body (read, not kept): what the digest covers. */
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
}

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
}

/** The last reading, at which one interval ends and the next starts. */
interface Point extends RawState {
  readonly time: Micros;
  readonly counters: Counters | undefined;
  readonly power: number;
}

interface OpenInterval {
  readonly from: Point;
  readonly extremes: Extremes;
  readings: number;
}

/**
 * Turns one module's readings into entries that tile its counters: each interval, gap or reset starts where the
 * one before ended. Pure: time comes with the readings.
 */
export class ModuleMeter {
  readonly #options: MeterOptions;
  readonly #in = new ExactIntegral();
  readonly #out = new ExactIntegral();
  readonly #digest = new ReadingDigest();
  #session: Uint8Array | undefined;
  /** End of the record in the log, until the first reading after a start. */
  #resume: RecordEnd | undefined;
  #used: ToleranceUse;
  #last: Point | undefined;
  #open: OpenInterval | undefined;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#resume = options.resume;
    this.#used = options.resume?.used ?? NOTHING_USED;
  }

  get module(): ModuleUid {
    return this.#options.module;
  }

  /** The readings from now on are of this link session; told again, it changes nothing. */
  session(handshakeHash: Uint8Array): void {
    if (this.#session !== undefined && bytesEqual(this.#session, handshakeHash)) return;
    this.#session = handshakeHash.slice();
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
    return [this.#interval(open, last)];
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
    const power = rawPower(voltage, current);
    return { voltage, current, temperatureLow, temperatureHigh, soc, counters, time, power };
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
    const done = crossesMinute(last.time, point.time) ? this.close() : [];
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
    this.#open ??= { from: last, extremes: new Extremes(last), readings: 0 };
    const dt = point.time - last.time;
    this.#in.add(Math.max(last.power, 0), Math.max(point.power, 0), dt);
    this.#out.add(Math.max(-last.power, 0), Math.max(-point.power, 0), dt);
  }

  #add(reading: Reading, point: Point): void {
    this.#open ??= { from: point, extremes: new Extremes(point), readings: 0 };
    this.#open.extremes.add(point);
    this.#open.readings += 1;
    this.#last = point;
    if (this.#session !== undefined) {
      this.#digest.add(this.#session, reading.counter, reading.type, reading.body);
    }
  }

  #hole(from: RecordEnd, to: RecordEnd, reason: EnergyGap["reason"]): MeterEntry {
    const { module } = this.#options;
    const { t1: t0, end: start } = from;
    const { t1, end } = to;
    if (start !== undefined && end !== undefined && wentBack(start, end)) {
      return { type: "energy.reset", body: { module, t0, t1, start, end } };
    }
    const passed = difference(start, end);
    return { type: "energy.gap", body: { module, t0, t1, ...passed, start, end, reason } };
  }

  #interval(open: OpenInterval, last: Point): MeterEntry {
    const { module, capacity, authenticated } = this.#options;
    const integralIn = milliwattHours(this.#in.take());
    const integralOut = milliwattHours(this.#out.take());
    const { counters: start } = open.from;
    const { counters: end } = last;
    const record =
      start === undefined ? { in: integralIn, out: integralOut } : difference(start, end);
    const t1 = msOf(last.time);
    const integral = { integralIn, integralOut };
    const measured = { t1, ...record, start, end, ...integral, ...open.extremes.fields() };
    const { verdict, used } = judge(measured, capacity, this.#used);
    this.#used = used;
    const body = {
      module,
      t0: msOf(open.from.time),
      ...measured,
      readings: open.readings,
      digest: authenticated ? this.#digest.take() : undefined,
      verdict,
    };
    return { type: "energy.interval", body };
  }
}

function msOf(time: Micros): Millis {
  return millis(Math.floor(time / 1000));
}

function endOf(point: Point): RecordEnd {
  return { t1: msOf(point.time), end: point.counters };
}

function crossesMinute(from: Micros, to: Micros): boolean {
  const minute = WINDOW * 1000;
  return Math.floor(from / minute) !== Math.floor(to / minute);
}

function wentBack(from: Counters | undefined, to: Counters | undefined): boolean {
  if (from === undefined || to === undefined) return false;
  return to.in < from.in || to.out < from.out;
}

function difference(start: Counters | undefined, end: Counters | undefined) {
  const known = start !== undefined && end !== undefined;
  return {
    in: milliwattHours(known ? end.in - start.in : 0),
    out: milliwattHours(known ? end.out - start.out : 0),
  };
}
