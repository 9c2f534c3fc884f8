import { type ModuleCells, RATED_AMP_HOURS, SERIES_CELLS } from "./cells.js";
import { openCircuitVolts } from "./ocv.js";
import type { SeededRandom } from "./random.js";

/** Of one module: 94 cells of about 2 mΩ, and a polarisation of half that with 30 s. */
const SERIES_OHMS = 0.19;
const POLARISATION_OHMS = 0.09;
const POLARISATION_SECONDS = 30;
const JOULES_PER_KELVIN = 36_000;
const WATTS_PER_KELVIN = 8;
const AMBIENT_CELSIUS = 20;
const CAPACITY_SPREAD = 0.04;
const RESISTANCE_SPREAD = 0.08;

/** Ceiling of the charger's constant-voltage phase and floor of the load, whole module. */
const CHARGE_VOLTS = SERIES_CELLS * 4.15;
const EMPTY_VOLTS = SERIES_CELLS * 3.0;

/** Equivalent circuit of one module: open-circuit voltage, series resistance, one RC pair, lumped heat. */
export class ModuleCircuit {
  readonly cells: ModuleCells;
  readonly #ampSeconds: number;
  readonly #ohms: number;
  #polarisation = 0;

  constructor(cells: ModuleCells, random: SeededRandom, soc: number) {
    this.cells = cells;
    this.#ampSeconds = RATED_AMP_HOURS * 3600 * random.around(CAPACITY_SPREAD);
    this.#ohms = SERIES_OHMS * random.around(RESISTANCE_SPREAD);
    cells.soc = soc;
    cells.celsius = AMBIENT_CELSIUS;
    cells.volts = this.sourceVolts;
  }

  get conductance(): number {
    return 1 / this.#ohms;
  }

  /** Voltage behind the series resistance. */
  get sourceVolts(): number {
    return SERIES_CELLS * openCircuitVolts(this.cells.soc) + this.#polarisation;
  }

  /** Moves charge, polarisation and heat on by `seconds` under the present current. */
  advance(seconds: number): void {
    const { cells } = this;
    const { amps } = cells;
    cells.soc = Math.min(1, Math.max(0, cells.soc + (amps * seconds) / this.#ampSeconds));
    this.#polarisation +=
      (seconds / POLARISATION_SECONDS) * (amps * POLARISATION_OHMS - this.#polarisation);
    const heat = amps * amps * (this.#ohms + POLARISATION_OHMS);
    const loss = (cells.celsius - AMBIENT_CELSIUS) * WATTS_PER_KELVIN;
    cells.celsius += (seconds * (heat - loss)) / JOULES_PER_KELVIN;
  }

  /** Takes its part of the current at the common terminal voltage. */
  connect(terminalVolts: number): void {
    this.cells.volts = terminalVolts;
    this.cells.amps = (terminalVolts - this.sourceVolts) * this.conductance;
  }

  disconnect(): void {
    this.cells.volts = this.sourceVolts;
    this.cells.amps = 0;
  }
}

/**
 * Terminal voltage of modules in parallel that together take `watts` (positive charges), held between the
 * charger's constant voltage and the load's floor. The current of each follows from its own source voltage
 * and resistance: Σ (V − E_i)·G_i = I and V·I = P.
 */
export function solveParallel(modules: readonly ModuleCircuit[], watts: number): number {
  let conductance = 0;
  let shortCircuit = 0;
  for (const module of modules) {
    conductance += module.conductance;
    shortCircuit += module.sourceVolts * module.conductance;
  }
  const rest = shortCircuit / conductance;
  // V² − E·V − P/G = 0; beyond the matched load there is no solution and the floor holds.
  const discriminant = rest * rest + (4 * watts) / conductance;
  const volts = discriminant <= 0 ? 0 : (rest + Math.sqrt(discriminant)) / 2;
  if (watts > 0) return Math.max(rest, Math.min(volts, CHARGE_VOLTS));
  return Math.min(rest, Math.max(volts, EMPTY_VOLTS));
}
