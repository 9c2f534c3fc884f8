import { type Cancel, milliwattHours } from "@wattseal/base";
import { type CanBus, encodeShunt, SCALE } from "@wattseal/can-protocol";
import { Transmitter } from "../legacy/transmitter.js";
import type { SimKernel } from "../time/kernel.js";
import { EnergyMeter } from "./energy-meter.js";
import type { PackModule } from "./source.js";

const PERIOD_MICROS = 100_000;
const VOLT_STEP = SCALE.voltage.multiply / SCALE.voltage.divide;
const AMP_STEP = SCALE.packCurrent.multiply / SCALE.packCurrent.divide;
const MOST_VOLTS = 65_535 * VOLT_STEP;
const MOST_AMPS = (2 ** 23 - 1) * AMP_STEP;

/** What a shunt measures wrongly. */
export interface ShuntError {
  readonly gain: number;
  readonly offsetAmps: number;
}
const EXACT: ShuntError = { gain: 1, offsetAmps: 0 };

/**
 * The pack's shunt: what all modules together exchange with charger and load, ten times a second and in the clear.
 * Its counters begin at zero with each start.
 */
export class SimShunt {
  readonly #kernel: SimKernel;
  readonly #transmitter: Transmitter;
  readonly #modules: readonly PackModule[];
  readonly #meter = new EnergyMeter({ in: milliwattHours(0), out: milliwattHours(0) });
  #error = EXACT;
  #silent = false;
  #count = 0;
  #cancel: Cancel | undefined;

  constructor(options: {
    readonly kernel: SimKernel;
    /** A node of its own, which it closes. */
    readonly bus: CanBus;
    readonly modules: readonly PackModule[];
  }) {
    this.#kernel = options.kernel;
    this.#modules = options.modules;
    this.#transmitter = new Transmitter(options.bus, () => {});
  }

  start(): void {
    this.#cancel ??= this.#schedule();
  }

  /** Says nothing more. */
  quiet(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  stop(): void {
    this.quiet();
    this.#transmitter.close();
  }

  /** Measures wrongly until called back. */
  misread(error: ShuntError): Cancel {
    this.#error = error;
    return () => {
      this.#error = EXACT;
    };
  }

  /** Its cable is off until called back: it measures on. */
  silence(): Cancel {
    this.#silent = true;
    return () => {
      this.#silent = false;
    };
  }

  #schedule(): Cancel {
    return this.#kernel.atMicros(this.#kernel.nowMicros() + PERIOD_MICROS, () => {
      this.#cancel = this.#schedule();
      this.#measure();
    });
  }

  #measure(): void {
    const { volts, amps } = this.#terminals();
    this.#meter.sample(this.#kernel.nowMicros(), volts * amps);
    this.#count += 1;
    if (this.#silent) return;
    const { in: inMwh, out: outMwh } = this.#meter;
    for (const frame of encodeShunt(this.#count, { volts, amps, inMwh, outMwh })) {
      this.#transmitter.send(frame);
    }
  }

  /** As it resolves them: its counters are over what it shows. */
  #terminals(): { readonly volts: number; readonly amps: number } {
    const closed = this.#modules.filter(({ connected }) => connected);
    const watts = this.#modules.reduce((sum, { cells }) => sum + cells.volts * cells.amps, 0);
    const volts = closed.reduce((sum, { cells }) => sum + cells.volts, 0) / (closed.length || 1);
    const { gain, offsetAmps } = this.#error;
    const amps = (volts > 0 ? (gain * watts) / volts : 0) + offsetAmps;
    return {
      volts: Math.min(MOST_VOLTS, Math.round(volts / VOLT_STEP) * VOLT_STEP),
      amps: Math.max(-MOST_AMPS, Math.min(MOST_AMPS, Math.round(amps / AMP_STEP) * AMP_STEP)),
    };
  }
}
