import type { ModuleCells } from "./cells.js";
import type { EnergyMeter } from "./energy-meter.js";

/** A module as whoever plays the pack sees it. */
export interface PackModule {
  readonly cells: ModuleCells;
  readonly meter: EnergyMeter;
  /** Relay closed: current can flow. */
  readonly connected: boolean;
  /** A verified session with the pack controller. */
  readonly linked: boolean;
  /**
   * Keeps its readings from the pack for a while. A clear-text module has none of its own accord, and answers when it
   * is asked.
   */
  withhold?(withheld: boolean): void;
}

/** Plays voltages and currents into the modules. */
export interface PackSource {
  start(): void;
  /** Currents are zero from here on; idempotent. */
  stop(): void;
  /** Settles when there is nothing more to play; never for an endless source. */
  readonly finished: Promise<void>;
}
