/** What charger and load ask of the pack. */
export interface PowerDemand {
  /** Watts, positive charging, `seconds` after the pack was first switched on; `soc` is its mean, 0 to 1. */
  watts(seconds: number, soc: number): number;
}

const CHARGE_SECONDS = 200;
const DRIVE_SECONDS = 220;
const REST_SECONDS = 15;
const CYCLE_SECONDS = CHARGE_SECONDS + DRIVE_SECONDS + 2 * REST_SECONDS;
/** The charger's constant current comes from a constant power: it has a fuse, not a shunt. */
const CHARGER_WATTS_PER_MODULE = 4200;
const LOAD_WATTS_PER_MODULE = 4600;
const TOO_EMPTY_TO_DRIVE = 0.15;

/** Demonstration: charges for 200 s, drives for 220 s with regenerative braking, rests between, and again. */
export function demoDemand(modules: number): PowerDemand {
  return {
    watts(seconds, soc) {
      const phase = seconds % CYCLE_SECONDS;
      if (phase < CHARGE_SECONDS) return modules * CHARGER_WATTS_PER_MODULE;
      const driving = phase - CHARGE_SECONDS - REST_SECONDS;
      if (driving < 0 || driving >= DRIVE_SECONDS || soc < TOO_EMPTY_TO_DRIVE) return 0;
      return -modules * LOAD_WATTS_PER_MODULE * driveShape(driving);
    },
  };
}

/** Between about −0.25 (braking) and 1, mean near 0.8: so that a cycle ends about where it began. */
function driveShape(seconds: number): number {
  const hills = Math.sin((2 * Math.PI * seconds) / 47);
  const stops = Math.sin((2 * Math.PI * seconds) / 13);
  const braking = stops < -0.85 && hills < 0.3;
  return braking ? -0.25 : Math.min(1, 0.85 + 0.15 * hills + 0.1 * stops);
}

export function constantDemand(watts: number): PowerDemand {
  return { watts: () => watts };
}
