import { bytesEqual, type Micros, type MilliwattHours, toHex } from "@wattseal/base";
import type { Counters, EnergyInterval } from "../entries/energy.js";
import { LedgerError } from "../errors.js";
import { MAX_STEP } from "./integral.js";
import {
  type Carried,
  type MeasuredInterval,
  msOf,
  OpenInterval,
  type Point,
  wentBack,
} from "./interval.js";
import { TELEMETRY_TYPE, type TelemetrySaid, telemetrySaid } from "./telemetry.js";
import { judge, NOTHING_USED, type ToleranceUse } from "./verdict.js";
import { crossesWindow, MOST_MINUTES } from "./window.js";

/** One accepted telemetry as it was kept. */
export interface RetainedReading {
  /** When its last frame was on the bus, by the gateway's clock: the one thing here that no digest covers. */
  readonly time: Micros;
  /** Handshake hash of the session that sealed it. */
  readonly session: Uint8Array;
  readonly counter: number;
  readonly body: Uint8Array;
}

/** Readings of one interval, in their order. */
export interface RetainedInterval {
  /** The reading that it starts from; absent where it starts at its own first one. */
  readonly from: RetainedReading | undefined;
  /** As the gateway's meter had it: below 1 mWh in each direction, and known from nowhere else. */
  readonly carried: Carried;
  readonly readings: readonly RetainedReading[];
}

/** What the log says of the module before the interval. */
export interface Standing {
  /** mWh, as the module's last link.paired says; 0 when unknown. */
  readonly capacity: MilliwattHours;
  /** Of the minute's tolerance, by the module's entries before. */
  readonly used: ToleranceUse;
  /** What of this is taken for granted, said with the verdict. */
  readonly assumed?: string | undefined;
}

type Field = Exclude<keyof EnergyInterval, "module">;

export interface FieldFinding {
  readonly field: Field;
  readonly finding: "ok" | "different" | "not derivable";
  readonly reason?: string;
}

export interface Derivation {
  /** One for each field of the entry but the module, which the caller chose the readings by. */
  readonly fields: readonly FieldFinding[];
  /** What the next interval starts with, where it goes on from this one. */
  readonly remainder: Carried | undefined;
  /** The module's own time between readings, against the gateway's: the furthest apart, ms. */
  readonly tickSpread: number | undefined;
}

const FIELDS = [
  "t0",
  "t1",
  "in",
  "out",
  "start",
  "end",
  "integralIn",
  "integralOut",
  "voltageLow",
  "voltageHigh",
  "currentLow",
  "currentHigh",
  "temperatureLow",
  "temperatureHigh",
  "socStart",
  "socEnd",
  "readings",
  "digest",
] as const satisfies readonly Field[];

interface Said extends TelemetrySaid, RetainedReading {}

function said(reading: RetainedReading): Said {
  return { ...telemetrySaid(reading.body), ...reading };
}

/**
 * Measures the interval again from its readings, as the meter did, and compares it with `entry` field by field.
 * Readings that a meter would not have put into one interval, and a body that is no telemetry, are an error:
 * LedgerError `reading`, DecodeError.
 */
export function rederive(
  entry: EnergyInterval,
  retained: RetainedInterval,
  standing: Standing,
): Derivation {
  const readings = retained.readings.map(said);
  const from = retained.from === undefined ? undefined : said(retained.from);
  const [first] = readings;
  if (first === undefined) return underivable("no reading of it is retained");
  const open = new OpenInterval(from ?? first, retained.carried);
  let last = from;
  for (const reading of readings) {
    if (last !== undefined) {
      requireOneInterval(last, reading, last === from);
      open.step(last, reading);
    }
    open.add(reading, reading.session, { ...reading, type: TELEMETRY_TYPE });
    last = reading;
  }
  const measured = open.close(last ?? first, true);
  return {
    fields: [
      ...FIELDS.map((field) => compare(field, entry, measured)),
      verdictOf(entry, measured, standing),
    ],
    remainder: open.remainder,
    tickSpread: tickSpread(from === undefined ? readings : [from, ...readings]),
  };
}

/** What a module's intervals have used of their minute's tolerance, oldest first, as the log has them (M-8, M-10). */
export function usedBy(
  intervals: readonly EnergyInterval[],
  capacity: MilliwattHours,
): ToleranceUse {
  return intervals.reduce(
    (used, interval) =>
      interval.verdict === "consistent" ? judge(interval, capacity, used).used : used,
    NOTHING_USED,
  );
}

/** Every field is open, for one reason. */
export function underivable(reason: string): Derivation {
  const fields = [...FIELDS, "verdict" as const].map(
    (field) => ({ field, finding: "not derivable", reason }) as const,
  );
  return { fields, remainder: undefined, tickSpread: undefined };
}

/**
 * What ends an interval in the meter: a counter that goes back, a step that is too long, an hour's end. Whether intervals
 * ended at each minute is for the log to say (energy.resolution), and nothing that is derived hangs on it.
 */
function requireOneInterval(last: Point, next: Point, isFirst: boolean): void {
  const problem =
    next.time < last.time
      ? "are out of order"
      : wentBack(last.counters, next.counters)
        ? "have counters that go back"
        : next.time - last.time > MAX_STEP
          ? `are more than ${MAX_STEP / 1_000_000} s apart`
          : !isFirst && crossesWindow(last.time, next.time, MOST_MINUTES)
            ? "have an hour's end between them"
            : undefined;
  if (problem === undefined) return;
  throw new LedgerError(
    "reading",
    `the readings at ${msOf(last.time)} and ${msOf(next.time)} ms ${problem}: they are not of one interval`,
  );
}

function compare(
  field: (typeof FIELDS)[number],
  entry: EnergyInterval,
  measured: MeasuredInterval,
): FieldFinding {
  if (equal(entry[field], measured[field])) return { field, finding: "ok" };
  const reason = `the entry says ${text(entry[field])}, its readings ${text(measured[field])}`;
  return { field, finding: "different", reason };
}

type FieldValue = EnergyInterval[(typeof FIELDS)[number]];

function equal(a: FieldValue, b: FieldValue): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && bytesEqual(a, b);
  if (typeof a !== "object") return a === b;
  return isCounters(b) && a.in === b.in && a.out === b.out && a.boot === b.boot;
}

function isCounters(value: FieldValue): value is Counters {
  return typeof value === "object" && !(value instanceof Uint8Array);
}

function text(value: FieldValue): string {
  if (value instanceof Uint8Array) return toHex(value);
  return isCounters(value) ? `in ${value.in} out ${value.out} boot ${value.boot}` : String(value);
}

/** A gateway may be stricter than the figures, never milder (docs/ledger-format.md, M-10). */
function verdictOf(
  entry: EnergyInterval,
  measured: MeasuredInterval,
  standing: Standing,
): FieldFinding {
  const field = "verdict";
  const { verdict } = judge(measured, standing.capacity, standing.used);
  const { assumed } = standing;
  if (verdict === entry.verdict) {
    return { field, finding: "ok", ...(assumed === undefined ? {} : { reason: assumed }) };
  }
  const reason = `the entry says ${entry.verdict}, its readings ${verdict}`;
  const stricter = verdict === "consistent" && entry.verdict === "suspect";
  return { field, finding: stricter ? "ok" : "different", reason };
}

/** The furthest that the gateway's time has moved against the module's own within one start of the module, ms. */
function tickSpread(readings: readonly Said[]): number {
  let offset = 0;
  let least = 0;
  let most = 0;
  let widest = 0;
  let last: Said | undefined;
  for (const reading of readings) {
    if (last?.counters.boot === reading.counters.boot) {
      const ticks = (reading.tick - last.tick) | 0; // modulo 2^32, to either side
      offset += (reading.time - last.time) / 1000 - ticks;
      least = Math.min(least, offset);
      most = Math.max(most, offset);
    } else {
      offset = least = most = 0;
    }
    widest = Math.max(widest, most - least);
    last = reading;
  }
  return Math.round(widest);
}
