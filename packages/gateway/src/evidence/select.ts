import {
  type Counters,
  type EnergyInterval,
  type RetainedInterval,
  telemetrySaid,
} from "@wattseal/energy-ledger";
import type { KeptReading } from "./block.js";

/** An interval's readings as they were kept, whole. */
export interface KeptInterval extends RetainedInterval {
  readonly from: KeptReading | undefined;
  readonly readings: readonly KeptReading[];
}

/** How much of an interval is kept, where that is not all of it. */
export interface PartlyKept {
  /** Of its readings. */
  readonly found: number;
}

/**
 * Picks the readings of `interval` out of its module's, oldest first: from one that began an interval on, as many
 * as the entry counts, up to its end.
 */
export function selectInterval(
  interval: EnergyInterval,
  readings: readonly KeptReading[],
): KeptInterval | PartlyKept {
  for (const [first, reading] of readings.entries()) {
    const { begins } = reading;
    if (begins === undefined) continue;
    const own = readings.slice(first, first + interval.readings);
    const from = begins.continued ? readings[first - 1] : undefined;
    if (!isWhole(interval, own) || (begins.continued && from === undefined)) continue;
    const { t0, start } = interval;
    if (isAt(from ?? reading, t0, start)) return { from, carried: begins.carried, readings: own };
  }
  const within = readings.filter(({ time }) => ms(time) > interval.t0 && ms(time) <= interval.t1);
  return { found: Math.min(within.length, interval.readings - 1) };
}

function isWhole(interval: EnergyInterval, own: readonly KeptReading[]): boolean {
  const last = own.at(-1);
  if (last === undefined || own.length !== interval.readings) return false;
  if (own.some(({ begins }, i) => i > 0 && begins !== undefined)) return false;
  return isAt(last, interval.t1, interval.end);
}

function isAt({ time, body }: KeptReading, at: number, counters: Counters | undefined): boolean {
  const said = telemetrySaid(body).counters;
  return (
    ms(time) === at &&
    said.in === counters?.in &&
    said.out === counters.out &&
    said.boot === counters.boot
  );
}

const ms = (time: number) => Math.floor(time / 1000);
