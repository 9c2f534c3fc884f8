/** Raw values of the bus: 0.015 V and 0.02 A a step, so a unit of power is 0.0003 W. */
export const CURRENT_ZERO = 32_768;

/** A step longer than this is a gap, not a trapezoid, µs. */
export const MAX_STEP = 5_000_000;

/**
 * Trapezoid of one step: (P0 + P1)/2 × 0.0003 W × dt µs = (P0 + P1) × dt / 24e9 mWh, exactly.
 * 24e9 = 24,000 × 10^6: the sum is split by the first factor so that every product stays below 2^53.
 */
const DENOMINATOR = 24_000_000_000;
export const LARGEST_REMAINDER = DENOMINATOR - 1;
const SPLIT = 24_000;
const REST = DENOMINATOR / SPLIT;

/** Positive is charging. |power| ≤ 65,535 × 32,768 < 2^31. */
export function rawPower(voltage: number, current: number): number {
  return voltage * (current - CURRENT_ZERO);
}

/**
 * Energy of one sign of power over time, in whole mWh with the remainder carried: nothing is rounded away.
 *
 * Bounds: both powers ≤ 2^31 and dt ≤ 5e6, so whole × dt < 2^32 / 24e3 × 5e6 < 2^40 and the new remainder
 * < 24e9 + 24e9 + 24e3 × 5e6 < 2^38.
 */
export class ExactIntegral {
  #mwh = 0;
  #remainder: number;

  /** `remainder` as `remainder` below: what an interval before has left. */
  constructor(remainder = 0) {
    this.#remainder = remainder;
  }

  /** What is left below a whole mWh, in units of 1/24e9 mWh: 0 to LARGEST_REMAINDER. */
  get remainder(): number {
    return this.#remainder;
  }

  /** Adds a step of `dt` µs between two powers, zero or more, in units of 0.0003 W. */
  add(power0: number, power1: number, dt: number): void {
    const sum = power0 + power1;
    const whole = Math.floor(sum / SPLIT);
    const product = whole * dt;
    const hours = Math.floor(product / REST);
    const remainder =
      this.#remainder + (product - hours * REST) * SPLIT + (sum - whole * SPLIT) * dt;
    const carried = Math.floor(remainder / DENOMINATOR);
    this.#mwh += hours + carried;
    this.#remainder = remainder - carried * DENOMINATOR;
  }

  /** The whole mWh since the last call; the remainder stays. */
  take(): number {
    const mwh = this.#mwh;
    this.#mwh = 0;
    return mwh;
  }
}
