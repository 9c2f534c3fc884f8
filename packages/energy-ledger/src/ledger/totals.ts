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

const NOTHING: TotalsState = { inMwh: 0, outMwh: 0, uncountedMwh: 0, intervals: 0, windows: 0 };
const MOST = Number.MAX_SAFE_INTEGER;

/** Sums over the whole log; each stays at 2^53 − 1 once there. */
export class TotalsBook {
  #totals: TotalsState;

  constructor(saved: TotalsState = NOTHING) {
    this.#totals = saved;
  }

  save(): TotalsState {
    return this.#totals;
  }

  interval(counted: Counted): void {
    const { inMwh, outMwh, intervals, ...rest } = this.#totals;
    this.#totals = {
      ...rest,
      inMwh: Math.min(MOST, inMwh + counted.in),
      outMwh: Math.min(MOST, outMwh + counted.out),
      intervals: Math.min(MOST, intervals + 1),
    };
  }

  /** What counts nowhere of an interval or a gap. */
  beyond(record: EnergyInterval | EnergyGap, counted: Counted): void {
    const beyond = record.in - counted.in + (record.out - counted.out);
    if (beyond === 0) return;
    const uncountedMwh = Math.min(MOST, this.#totals.uncountedMwh + beyond);
    this.#totals = { ...this.#totals, uncountedMwh };
  }

  window(): void {
    this.#totals = { ...this.#totals, windows: Math.min(MOST, this.#totals.windows + 1) };
  }
}
