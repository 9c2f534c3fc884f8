import type { EnergyInterval, Verdict } from "../entries/energy.js";
import { LONGEST_INTERVAL } from "./limits.js";
import { windowOf } from "./window.js";

/** 1 % of what went through, and 100 mWh: design, ledger. */
const TOLERANCE_PERCENT = 1;
export const TOLERANCE_MWH = 100;

/** Steps of 0.5 %: below 5 % the state of charge says too little, and the check abstains. */
const LEAST_SOC_STEPS = 10;
const SOC_STEPS = 200n;
/**
 * The charge that moved may be up to a quarter less or more than ΔSOC × capacity (a pack worn to 80 % of its
 * capacity, and voltage that varies over the range), and each end of ΔSOC is only known to one step.
 */
const QUARTER = 4n;
const SOC_TOLERANCE_STEPS = 2n;

type Measured = Pick<
  EnergyInterval,
  "t0" | "t1" | "in" | "out" | "start" | "integralIn" | "integralOut" | "socStart" | "socEnd"
>;

/**
 * What a module's consistent intervals have used of one window's tolerance. The window is the UTC minute in which
 * an interval ends, not an energy.window entry: neither resets, gaps and restarts nor windows closed early, all of
 * which make more intervals, make more tolerance.
 */
export interface ToleranceUse {
  /** UTC minutes since 1970. */
  readonly window: number;
  /** Σ |Δin| + |Δout|, counters against integral, mWh. */
  readonly difference: number;
  /** Σ in + out, mWh. */
  readonly through: number;
}
export const NOTHING_USED: ToleranceUse = { window: 0, difference: 0, through: 0 };

/** Minutes that lie wholly within what was aggregated: no other interval ends in them. Else none. */
export function minutesWithin({ t0, t1 }: Pick<EnergyInterval, "t0" | "t1">): number {
  return t1 - t0 <= LONGEST_INTERVAL ? 0 : windowOf(t1) - windowOf(t0) - 1;
}

function usedWith(used: ToleranceUse, interval: Measured): ToleranceUse {
  const apart =
    Math.abs(interval.in - interval.integralIn) + Math.abs(interval.out - interval.integralOut);
  // As each of them would have allowed alone: what is too small for a step of the current is not suspect for being added up.
  const difference = Math.max(0, apart - TOLERANCE_MWH * minutesWithin(interval));
  const through = interval.in + interval.out;
  const window = windowOf(interval.t1);
  if (used.window !== window) return { window, difference, through };
  return {
    window,
    difference: used.difference + difference,
    through: used.through + through,
  };
}

/** Counters against an integral: within 1 % of what went through, and 100 mWh. */
export function countersAgree({
  difference,
  through,
}: Pick<ToleranceUse, "difference" | "through">): boolean {
  return 100 * (difference - TOLERANCE_MWH) <= TOLERANCE_PERCENT * through;
}

/** docs/ledger-format.md M-9: |moved − ΔSOC·capacity| ≤ (|ΔSOC| / 4 + 2 steps)·capacity, times 800; exact up to 2^59. */
function chargeAgrees(interval: Measured, capacity: number): boolean {
  const soc = interval.socEnd - interval.socStart;
  if (capacity === 0 || Math.abs(soc) < LEAST_SOC_STEPS) return true;
  const whole = BigInt(capacity);
  const apart = SOC_STEPS * BigInt(interval.in - interval.out) - BigInt(soc) * whole;
  const allowed = (BigInt(Math.abs(soc)) + QUARTER * SOC_TOLERANCE_STEPS) * whole;
  return QUARTER * (apart < 0n ? -apart : apart) <= allowed;
}

export interface Judgement {
  /** What the figures earn. */
  readonly verdict: Verdict;
  /** What has been used once the interval counts as that: a suspect one uses nothing, for it earns nothing. */
  readonly used: ToleranceUse;
}

/**
 * Judges a module's next interval; meter and fold both ask here. `capacity` in mWh, 0 when unknown; `used` by the
 * module's intervals before this one.
 */
export function judge(interval: Measured, capacity: number, used: ToleranceUse): Judgement {
  if (interval.start === undefined) return { verdict: "unauthenticated", used };
  const after = usedWith(used, interval);
  return countersAgree(after) && chargeAgrees(interval, capacity)
    ? { verdict: "consistent", used: after }
    : { verdict: "suspect", used };
}
