/** What can be at all: bounds that hold whatever a module says. */
import type { EnergyInterval } from "../entries/energy.js";
import { MAX_STEP, rawPower } from "./integral.js";
import { FULL_RESOLUTION, WINDOW } from "./window.js";

/** ms: the longest step between two readings of one interval. */
const STEP = MAX_STEP / 1_000;
/**
 * At full resolution no interval is longer, ms: it ends in the minute in which its second reading came, and its first
 * is at most one step before that minute.
 */
export const LONGEST_INTERVAL = WINDOW + STEP;

/** Whether an interval spans more than one of `minutes`, a divisor of 60, may: docs/ledger-format.md, M-7. */
export function isTooLong({ t0, t1 }: Pick<EnergyInterval, "t0" | "t1">, minutes: number): boolean {
  if (t1 - t0 <= LONGEST_INTERVAL) return false;
  return minutes === FULL_RESOLUTION || t1 - (t1 % (minutes * WINDOW)) - t0 > STEP;
}

/** 1 mWh in units of 0.0003 W × 1 ms. */
const RAW_MS_PER_MWH = 12_000_000;

/**
 * The most mWh that an exact integral over `duration` ms shows where no sample is above `power` (0.0003 W, zero
 * or more). Ends are cut to whole ms, so the readings lie less than 1 ms further apart; up to 1 mWh was carried in.
 */
function mostEnergy(power: number, duration: number): number {
  return power === 0 ? 0 : Math.floor((power * (duration + 1)) / RAW_MS_PER_MWH) + 1;
}

/** Whether the integral says more than voltage and current at their extremes could have moved in the time. */
export function exceedsExtremes(interval: EnergyInterval): boolean {
  const { t0, t1, voltageHigh, currentLow, currentHigh, integralIn, integralOut } = interval;
  const duration = t1 - t0;
  const mostIn = mostEnergy(Math.max(0, rawPower(voltageHigh, currentHigh)), duration);
  const mostOut = mostEnergy(Math.max(0, -rawPower(voltageHigh, currentLow)), duration);
  // Power has one direction at a time; each direction has a carry of its own.
  const mostTogether = Math.max(mostIn, mostOut) + 1;
  return integralIn > mostIn || integralOut > mostOut || integralIn + integralOut > mostTogether;
}

/** mWh: 655.36 A × 983.025 V, the ends of the bus's scales, for an hour. */
const MOST_OF_UNKNOWN_CAPACITY = 644_235_264;

/**
 * The most mWh that a module can have given, net, between any two moments: what it holds when full. A new one
 * holds more than it is rated for, by less than a quarter. `capacity` as in its link.paired, 0 when unknown.
 */
export function mostHeld(capacity: number): number {
  return capacity === 0 ? MOST_OF_UNKNOWN_CAPACITY : capacity + Math.floor(capacity / 4);
}
