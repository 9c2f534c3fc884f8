import {
  energy,
  entryIndex,
  hash32,
  label,
  module,
  netEnergy,
  phrase,
  sourceName,
  time,
  u8,
  u16,
  u32,
} from "../codec/scalars.js";
import { byteString, integer, oneOf, optional, record, type Value } from "../codec/schema.js";

import { MOST_MINUTES } from "../metering/window.js";

/** Why an interval may, or may not, earn: see metering/verdict.ts. */
export const verdict = oneOf("verdict", "consistent", "suspect", "unauthenticated");
export type Verdict = Value<typeof verdict>;

const counterFields = {
  /** mWh taken in since the module was made, 48 bits. */
  in: energy,
  /** mWh given out since the module was made, 48 bits. */
  out: energy,
  /** Starts of the module, 16 bits. */
  boot: u16,
};
/** A module's own counters, as its authenticated telemetry said them. */
export const counters = record(counterFields, (reader) => {
  reader.array(3);
  return {
    in: counterFields.in.read(reader),
    out: counterFields.out.read(reader),
    boot: counterFields.boot.read(reader),
  };
});
export type Counters = Value<typeof counters>;
const optionalCounters = optional(counters);
const optionalHash = optional(hash32);

const intervalFields = {
  module,
  /** UTC ms of the reading it starts from: the end of the module's entry before. */
  t0: time,
  /** UTC ms of the last reading before the window's end (or before it was closed early). */
  t1: time,
  /** mWh of record: the counters' difference; the integral where a module has no counters. */
  in: energy,
  out: energy,
  /** Counters at t0 and t1; both absent for a module without authenticated counters. */
  start: optionalCounters,
  end: optionalCounters,
  /** mWh by the gateway's own integral of the readings. */
  integralIn: energy,
  integralOut: energy,
  /** Extremes as raw values of the bus: 0.015 V; 0.02 A with 32768 for 0 A, above it charging; 0.01 °C with 5535 for 0 °C. */
  voltageLow: u16,
  voltageHigh: u16,
  currentLow: u16,
  currentHigh: u16,
  temperatureLow: u16,
  temperatureHigh: u16,
  /** State of charge at t0 and t1, steps of 0.5 %. */
  socStart: u8,
  socEnd: u8,
  /** Readings after t0, up to and with t1 (and the one at t0, where nothing came before it). */
  readings: u32,
  /** Reading digest (design: CAN link); absent for a module without a sealed link. */
  digest: optionalHash,
  verdict,
};
/** One module's energy from t0 to t1. */
export const energyInterval = record(intervalFields, (reader) => {
  reader.array(20);
  return {
    module: module.read(reader),
    t0: time.read(reader),
    t1: time.read(reader),
    in: energy.read(reader),
    out: energy.read(reader),
    start: optionalCounters.read(reader),
    end: optionalCounters.read(reader),
    integralIn: energy.read(reader),
    integralOut: energy.read(reader),
    voltageLow: u16.read(reader),
    voltageHigh: u16.read(reader),
    currentLow: u16.read(reader),
    currentHigh: u16.read(reader),
    temperatureLow: u16.read(reader),
    temperatureHigh: u16.read(reader),
    socStart: u8.read(reader),
    socEnd: u8.read(reader),
    readings: u32.read(reader),
    digest: optionalHash.read(reader),
    verdict: verdict.read(reader),
  };
});
export type EnergyInterval = Value<typeof energyInterval>;
/** The slow reading of the same schema, which tests hold against the fast one. */
export const energyIntervalByFields = record(intervalFields);

/** A hole between readings, with what the counters say went through meanwhile. */
export const energyGap = record({
  module,
  /** UTC ms of the last reading before and the first after. */
  t0: time,
  t1: time,
  /** mWh: the counters' difference; zero where a module has none. */
  in: energy,
  out: energy,
  start: optionalCounters,
  end: optionalCounters,
  /** `silence`: no reading for over 5 s; `away`: the gateway did not listen, or could not date what it heard. */
  reason: oneOf("gap reason", "silence", "away"),
});
export type EnergyGap = Value<typeof energyGap>;

/** A counter went back: what passed between is unknown, and counting starts again from `end`. */
export const energyReset = record({
  module,
  t0: time,
  t1: time,
  start: counters,
  end: counters,
});
export type EnergyReset = Value<typeof energyReset>;

/**
 * A module's own word to the federation, as it came (design: counter statement): uid, boot counter, tick, both counters
 * and a MAC that only the federation can check. The log keeps it; whether it is true is for the federation to say.
 */
export const energyStatement = record({
  module,
  statement: byteString("a counter statement", 58),
});
export type EnergyStatement = Value<typeof energyStatement>;

/** Closes a window: the only entry that moves the society's net energy. */
export const energyWindow = record({
  /** UTC ms: the end of the window before, and this one's. */
  t0: time,
  t1: time,
  /** First interval, gap, suspect check or accepted resolve since the last window; absent when there is none. */
  first: optional(entryIndex),
  /** How many of those there are. */
  count: u32,
  /** mWh: Σ in − Σ out, where suspect and unauthenticated intervals and gaps count only their out. */
  net: netEnergy,
});
export type EnergyWindow = Value<typeof energyWindow>;

/** The pack's own shunt over the time of modules' records, which it bears out together or not. */
export const energyCheck = record({
  shunt: sourceName,
  /** UTC ms of its first and last reading: within 5 s those of the records' start and end. */
  t0: time,
  t1: time,
  /** First interval or gap since the last check or window, and how many of those there are. */
  first: entryIndex,
  count: u32,
  /** mWh by the shunt. */
  in: energy,
  out: energy,
  /** `suspect` makes suspects of the consistent intervals among them. */
  verdict: oneOf("check verdict", "consistent", "suspect"),
});
export type EnergyCheck = Value<typeof energyCheck>;

/** The stock as measured, where the book can be set right. */
export const energyReconcile = record({
  /** `opening`: SOC × capacity, before any window and any other reconcile. `full`, `empty`: the pack is at an end of its range. */
  kind: oneOf("reconcile kind", "opening", "full", "empty"),
  /** mWh in the pack. */
  stock: energy,
  /** How it was measured, for people. */
  basis: phrase,
});
export type EnergyReconcile = Value<typeof energyReconcile>;

/** From here on intervals end at every so many UTC minutes, counted from the hour; at the log's start it is one. */
export const energyResolution = record({
  /** A divisor of 60. */
  minutes: integer("a resolution in minutes", 1, MOST_MINUTES),
  /** E.g. `disk-pressure`, `room`. */
  reason: label,
  /** For people. */
  detail: phrase,
});

/** Settles a suspect interval. */
export const energyResolve = record({
  /** Index of the suspect energy.interval. */
  interval: entryIndex,
  decision: oneOf("decision", "accept", "reject"),
  /** What settled it, e.g. `pack-shunt`. */
  evidence: label,
  reason: phrase,
});
export type EnergyResolve = Value<typeof energyResolve>;
