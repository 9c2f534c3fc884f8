import type { Cancel } from "@wattseal/base";
import type { SimKernel } from "../time/kernel.js";
import { ModuleCircuit, solveParallel } from "./circuit.js";
import type { PowerDemand } from "./demand.js";
import type { SeededRandom } from "./random.js";
import type { PackModule, PackSource } from "./source.js";

const STEP_MICROS = 100_000;

/** The pack as an equivalent circuit under a power demand; modules whose relay is open take no part. */
export class CircuitSource implements PackSource {
  /** Endless. */
  readonly finished = new Promise<void>(() => {});
  readonly #kernel: SimKernel;
  readonly #modules: readonly PackModule[];
  readonly #circuits: readonly ModuleCircuit[];
  readonly #demand: PowerDemand;
  #activeSeconds = 0;
  #cancel: Cancel | undefined;

  constructor(options: {
    readonly kernel: SimKernel;
    readonly modules: readonly PackModule[];
    readonly demand: PowerDemand;
    readonly random: SeededRandom;
    /** State of charge to begin with, by module, 0 to 1. */
    readonly socs: readonly number[];
  }) {
    this.#kernel = options.kernel;
    this.#modules = options.modules;
    this.#demand = options.demand;
    this.#circuits = options.modules.map(
      ({ cells }, i) => new ModuleCircuit(cells, options.random, options.socs[i] ?? cells.soc),
    );
  }

  start(): void {
    this.#cancel ??= this.#scheduleStep();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const { cells, meter } of this.#modules) {
      cells.amps = 0;
      meter.pause();
    }
  }

  #scheduleStep(): Cancel {
    return this.#kernel.atMicros(this.#kernel.nowMicros() + STEP_MICROS, () => {
      this.#cancel = this.#scheduleStep();
      this.#step();
    });
  }

  #step(): void {
    const seconds = STEP_MICROS / 1_000_000;
    const active: ModuleCircuit[] = [];
    this.#circuits.forEach((circuit, i) => {
      circuit.advance(seconds);
      if (this.#modules[i]?.connected === true) active.push(circuit);
      else circuit.disconnect();
    });
    if (active.length > 0) this.#share(active, seconds);
    const now = this.#kernel.nowMicros();
    for (const { cells, meter } of this.#modules) meter.sample(now, cells.volts * cells.amps);
  }

  #share(active: readonly ModuleCircuit[], seconds: number): void {
    this.#activeSeconds += seconds;
    const soc = active.reduce((sum, { cells }) => sum + cells.soc, 0) / active.length;
    const volts = solveParallel(active, this.#demand.watts(this.#activeSeconds, soc));
    for (const circuit of active) circuit.connect(volts);
  }
}
