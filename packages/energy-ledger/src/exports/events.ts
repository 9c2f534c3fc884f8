/** Negative events of one module, and how long it was in extreme temperatures; definitions in passport.ts. */
import type { EnergyInterval } from "../entries/energy.js";
import { ZERO_CELSIUS } from "./rows.js";

/** Bounds that events are counted against. No regulation sets them: a manufacturer's own belong here. */
export interface PassportLimits {
  /** At or below: deep discharge, per cent. */
  readonly deepDischargePct: number;
  /** Above, below: over- and under-temperature, °C. */
  readonly highC: number;
  readonly lowC: number;
  /** The same while charging. */
  readonly chargingHighC: number;
  readonly chargingLowC: number;
}

export const DEFAULT_LIMITS: PassportLimits = {
  deepDischargePct: 5,
  highC: 60,
  lowC: -20,
  chargingHighC: 45,
  chargingLowC: 0,
};

/** How often something began, and the entries where it did first and last. */
export interface EventCount {
  readonly count: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
}

export const NO_EVENT: EventCount = { count: 0, first: undefined, last: undefined };

export function another(event: EventCount, index: number, times = 1): EventCount {
  return { count: event.count + times, first: event.first ?? index, last: index };
}

export type EventName = "deepDischarge" | "overTemperature" | "underTemperature";
export type ExtremeTime = "highMs" | "lowMs" | "chargingHighMs" | "chargingLowMs";

/** 0.5 % steps; above 100 % a module says nothing. */
const MOST_SOC = 200;

export class ModuleEvents {
  readonly events: Record<EventName, EventCount> = {
    deepDischarge: NO_EVENT,
    overTemperature: NO_EVENT,
    underTemperature: NO_EVENT,
  };
  /** An interval counts whole where its extreme is beyond the bound: an upper bound, to an interval. */
  readonly times: Record<ExtremeTime, number> = {
    highMs: 0,
    lowMs: 0,
    chargingHighMs: 0,
    chargingLowMs: 0,
  };
  readonly #limits: PassportLimits;
  readonly #within: Record<EventName, boolean> = {
    deepDischarge: false,
    overTemperature: false,
    underTemperature: false,
  };

  constructor(limits: PassportLimits) {
    this.#limits = limits;
  }

  take(index: number, interval: EnergyInterval): void {
    const limits = this.#limits;
    const high = (interval.temperatureHigh - ZERO_CELSIUS) / 100;
    const low = (interval.temperatureLow - ZERO_CELSIUS) / 100;
    const socs = [interval.socStart, interval.socEnd].filter((soc) => soc <= MOST_SOC);
    const deep = socs.some((soc) => soc / 2 <= limits.deepDischargePct);
    this.#event("deepDischarge", index, deep);
    this.#event("overTemperature", index, high > limits.highC);
    this.#event("underTemperature", index, low < limits.lowC);
    const charging = interval.in > interval.out;
    const duration = interval.t1 - interval.t0;
    if (high > limits.highC) this.times.highMs += duration;
    if (low < limits.lowC) this.times.lowMs += duration;
    if (charging && high > limits.chargingHighC) this.times.chargingHighMs += duration;
    if (charging && low < limits.chargingLowC) this.times.chargingLowMs += duration;
  }

  /** Counts its beginning: while it lasts, over however many intervals, it is one event. */
  #event(name: EventName, index: number, now: boolean): void {
    if (now && !this.#within[name]) this.events[name] = another(this.events[name], index);
    this.#within[name] = now;
  }
}
