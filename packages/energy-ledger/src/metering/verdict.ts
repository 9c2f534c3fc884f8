import type { EnergyInterval, Verdict } from "../entries/energy.js";

/** 1 % of what went through, and 100 mWh: design, ledger. */
const TOLERANCE_PERCENT = 1;
const TOLERANCE_MWH = 100;

/** Steps of 0.5 %: below 5 % the state of charge says too little, and the check abstains. */
const LEAST_SOC_STEPS = 10;
const SOC_STEPS = 200;
/**
 * The charge that moved may be up to a quarter less or more than ΔSOC × capacity (a pack worn to 80 % of its
 * capacity, and voltage that varies over the range), and each end of ΔSOC is only known to one step.
 */
const SOC_TOLERANCE_PERCENT = 25;
const SOC_TOLERANCE_STEPS = 2;

type Measured = Pick<
  EnergyInterval,
  "in" | "out" | "start" | "integralIn" | "integralOut" | "socStart" | "socEnd"
>;

function countersAgree(interval: Measured): boolean {
  const difference =
    Math.abs(interval.in - interval.integralIn) + Math.abs(interval.out - interval.integralOut);
  const through = interval.in + interval.out;
  return 100 * (difference - TOLERANCE_MWH) <= TOLERANCE_PERCENT * through;
}

function chargeAgrees(interval: Measured, capacity: number): boolean {
  const steps = interval.socEnd - interval.socStart;
  if (capacity === 0 || Math.abs(steps) < LEAST_SOC_STEPS) return true;
  const step = capacity / SOC_STEPS;
  const tolerance = (Math.abs(steps) * SOC_TOLERANCE_PERCENT) / 100 + SOC_TOLERANCE_STEPS;
  return Math.abs(interval.in - interval.out - steps * step) <= tolerance * step;
}

/** The verdict that the figures earn. `capacity` in mWh, 0 when unknown. */
export function verdictOf(interval: Measured, capacity: number): Verdict {
  if (interval.start === undefined) return "unauthenticated";
  return countersAgree(interval) && chargeAgrees(interval, capacity) ? "consistent" : "suspect";
}
