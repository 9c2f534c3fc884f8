import type { EnergyInterval } from "../entries/energy.js";

/** What one reading says, as raw values of the bus. */
export interface RawState {
  /** 0.015 V. */
  readonly voltage: number;
  /** 0.02 A, 32768 for 0 A, above it charging. */
  readonly current: number;
  /** 0.01 °C, 5535 for 0 °C: coldest and warmest cell. */
  readonly temperatureLow: number;
  readonly temperatureHigh: number;
  /** 0.5 %. */
  readonly soc: number;
}

type ExtremeName =
  | "voltageLow"
  | "voltageHigh"
  | "currentLow"
  | "currentHigh"
  | "temperatureLow"
  | "temperatureHigh"
  | "socStart"
  | "socEnd";

/** Lowest and highest of an interval, both ends included. */
export class Extremes {
  #voltageLow: number;
  #voltageHigh: number;
  #currentLow: number;
  #currentHigh: number;
  #temperatureLow: number;
  #temperatureHigh: number;
  readonly #socStart: number;
  #socEnd: number;

  constructor(first: RawState) {
    this.#voltageLow = first.voltage;
    this.#voltageHigh = first.voltage;
    this.#currentLow = first.current;
    this.#currentHigh = first.current;
    this.#temperatureLow = first.temperatureLow;
    this.#temperatureHigh = first.temperatureHigh;
    this.#socStart = first.soc;
    this.#socEnd = first.soc;
  }

  add(state: RawState): void {
    this.#voltageLow = Math.min(this.#voltageLow, state.voltage);
    this.#voltageHigh = Math.max(this.#voltageHigh, state.voltage);
    this.#currentLow = Math.min(this.#currentLow, state.current);
    this.#currentHigh = Math.max(this.#currentHigh, state.current);
    this.#temperatureLow = Math.min(this.#temperatureLow, state.temperatureLow);
    this.#temperatureHigh = Math.max(this.#temperatureHigh, state.temperatureHigh);
    this.#socEnd = state.soc;
  }

  fields(): Pick<EnergyInterval, ExtremeName> {
    return {
      voltageLow: this.#voltageLow,
      voltageHigh: this.#voltageHigh,
      currentLow: this.#currentLow,
      currentHigh: this.#currentHigh,
      temperatureLow: this.#temperatureLow,
      temperatureHigh: this.#temperatureHigh,
      socStart: this.#socStart,
      socEnd: this.#socEnd,
    };
  }
}
