import type { EnergyGap, EnergyInterval } from "../entries/energy.js";
import type { TotalsState } from "../snapshot/state.js";
import type { Counted } from "./unproven.js";

export interface EnergyTotals {
  /** mWh of record, gross, over all intervals of whatever verdict, as far as it counts. */
  readonly inMwh: number;
  readonly outMwh: number;
  /** mWh in and out of record in intervals and gaps that is beyond what the module can hold: it counts nowhere. */
  readonly uncountedMwh: number;
  readonly intervals: number;
  readonly windows: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

const sum = (a: number, b: number) => Math.min(MOST, a + b);

/** Sums over the whole log; each stays at 2^53 − 1 once there. */
export class TotalsBook {
  #inMwh: number;
  #outMwh: number;
  #uncountedMwh: number;
  #intervals: number;
  #windows: number;

  constructor(saved?: TotalsState) {
    this.#inMwh = saved?.inMwh ?? 0;
    this.#outMwh = saved?.outMwh ?? 0;
    this.#uncountedMwh = saved?.uncountedMwh ?? 0;
    this.#intervals = saved?.intervals ?? 0;
    this.#windows = saved?.windows ?? 0;
  }

  save(): TotalsState {
    return {
      inMwh: this.#inMwh,
      outMwh: this.#outMwh,
      uncountedMwh: this.#uncountedMwh,
      intervals: this.#intervals,
      windows: this.#windows,
    };
  }

  interval(counted: Counted): void {
    this.#inMwh = sum(this.#inMwh, counted.in);
    this.#outMwh = sum(this.#outMwh, counted.out);
    this.#intervals = sum(this.#intervals, 1);
  }

  /** What counts nowhere of an interval or a gap. */
  beyond(record: EnergyInterval | EnergyGap, counted: Counted): void {
    const beyond = record.in - counted.in + (record.out - counted.out);
    this.#uncountedMwh = sum(this.#uncountedMwh, beyond);
  }

  window(): void {
    this.#windows = sum(this.#windows, 1);
  }
}
