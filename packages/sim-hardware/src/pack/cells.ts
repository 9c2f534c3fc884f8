import type { SeededRandom } from "./random.js";

/** Cells in series in one module. */
export const SERIES_CELLS = 94;
/** Rated charge of one module; with 94 cells about 5.5 kWh. */
export const RATED_AMP_HOURS = 16;

/** Weakest and strongest cell against the mean. */
const VOLT_SPREAD = 0.004;
const CELSIUS_SPREAD = 1.5;

export interface CellDetail {
  readonly volts: number;
  readonly celsius: number;
}

/** What a module's sensors show; whoever plays the pack (circuit or recording) sets it. */
export class ModuleCells {
  /** Positive charges. */
  amps = 0;
  volts = 0;
  /** 0 to 1. */
  soc = 0.5;
  soh = 1;
  celsius = 20;
  /** In series. */
  cells = SERIES_CELLS;
  readonly #voltSpread: number;
  readonly #celsiusSpread: number;

  constructor(random: SeededRandom) {
    this.#voltSpread = VOLT_SPREAD * random.around(0.5);
    this.#celsiusSpread = CELSIUS_SPREAD * random.around(0.5);
    this.soh = 0.98 * random.around(0.015);
  }

  get meanCellVolts(): number {
    return this.volts / this.cells;
  }
  get lowestCellVolts(): number {
    return Math.max(0, this.meanCellVolts - this.#voltSpread);
  }
  get highestCellVolts(): number {
    return this.meanCellVolts + this.#voltSpread;
  }
  get lowestCelsius(): number {
    return this.celsius - this.#celsiusSpread;
  }
  get highestCelsius(): number {
    return this.celsius + this.#celsiusSpread;
  }

  /** One cell, 0 to cells − 1: the spread runs evenly through the string. */
  cell(index: number): CellDetail {
    const place = this.cells < 2 ? 0 : (2 * index) / (this.cells - 1) - 1;
    return {
      volts: Math.max(0, this.meanCellVolts + place * this.#voltSpread),
      celsius: this.celsius + place * this.#celsiusSpread,
    };
  }
}
