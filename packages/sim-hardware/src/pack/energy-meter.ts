import { type MilliwattHours, milliwattHours } from "@wattseal/base";

/** W·µs in one mWh. */
const WATT_MICROS = 3_600_000;

/** One direction: whole mWh out, the rest carried. */
class Register {
  #count: number;
  #carried = 0;

  constructor(count: MilliwattHours) {
    this.#count = count;
  }

  get count(): MilliwattHours {
    return milliwattHours(this.#count);
  }

  add(wattMicros: number): void {
    const sum = this.#carried + wattMicros;
    const whole = Math.floor(sum / WATT_MICROS);
    this.#count += whole;
    this.#carried = sum - whole * WATT_MICROS;
  }
}

/**
 * A module's two energy counters: the trapezoid of max(P, 0) and of max(−P, 0) over the power samples it is
 * given. Only the fraction of a mWh that is still carried separates a counter from the exact sum.
 */
export class EnergyMeter {
  readonly #in: Register;
  readonly #out: Register;
  /** What it counts for each mWh that passes; other than 1 in a module that lies. */
  gain = 1;
  #time: number | undefined;
  #watts = 0;

  constructor(opening: { readonly in: MilliwattHours; readonly out: MilliwattHours }) {
    this.#in = new Register(opening.in);
    this.#out = new Register(opening.out);
  }

  /** Charged, since the module was made. */
  get in(): MilliwattHours {
    return this.#in.count;
  }

  /** Discharged, since the module was made. */
  get out(): MilliwattHours {
    return this.#out.count;
  }

  /** Positive `power` (W) charges. `time` in µs; integrates from the sample before, if there is one. */
  sample(time: number, power: number): void {
    const watts = power * this.gain;
    if (this.#time !== undefined) {
      const half = (time - this.#time) / 2;
      this.#in.add(half * (Math.max(this.#watts, 0) + Math.max(watts, 0)));
      this.#out.add(half * (Math.max(-this.#watts, 0) + Math.max(-watts, 0)));
    }
    this.#time = time;
    this.#watts = watts;
  }

  /** The next sample begins anew: nothing is integrated up to it. */
  pause(): void {
    this.#time = undefined;
  }
}
