import type { Cancel } from "@wattseal/base";
import { SimError } from "../errors.js";
import { RATED_AMP_HOURS } from "../pack/cells.js";
import { fixedShares } from "../pack/random.js";
import { READING } from "../pack/reach.js";
import type { PackModule, PackSource } from "../pack/source.js";
import type { SimKernel } from "../time/kernel.js";
import { cellsFor, firstSoc } from "./cell-string.js";
import { LONGEST_BRIDGED_SECONDS, type RecordedSample, type Recording } from "./recording.js";

const MICROS = 1_000_000;
/** Modules that never link do not keep the recording waiting beyond this. */
const LONGEST_WAIT_MICROS = 60 * MICROS;
const LINK_CHECK_MICROS = 100_000;
/** From the last link to the first sample: every module tells its counters before they move. */
const SETTLE_MICROS = 1 * MICROS;
/** A hole, however long, takes this long: longer than readings may be apart, so that the log has a gap there. */
const HOLE_MICROS = (LONGEST_BRIDGED_SECONDS + 1) * MICROS;
/** After the last sample, for the last telemetry of every module. */
const FINISH_MICROS = 1.5 * MICROS;

/**
 * Plays a recording at its own sample times: every module has the pack's voltage, and a fixed share of its
 * current. Shares are positive and sum to exactly one, so the modules' counters sum to the file's trapezoid.
 * Begins a second after every module has a verified session; the current is zero before, inside holes and after. In a
 * hole, where the file knows nothing, modules say nothing.
 */
export class ReplaySource implements PackSource {
  readonly finished: Promise<void>;
  readonly #kernel: SimKernel;
  readonly #modules: readonly PackModule[];
  readonly #samples: readonly RecordedSample[];
  readonly #shares: readonly number[];
  readonly #ampSeconds: number;
  #finish: () => void = () => {};
  #cancel: Cancel | undefined;
  #deadline = 0;
  #played = 0;
  #soc: number;
  /** Simulated time of the file's time 0. */
  #origin = 0;

  /** Throws SimError `recording` for a current that is beyond a module's readings. */
  constructor(options: {
    readonly kernel: SimKernel;
    readonly modules: readonly PackModule[];
    readonly recording: Recording;
    readonly seed: number;
  }) {
    this.#kernel = options.kernel;
    this.#modules = options.modules;
    this.#samples = options.recording.samples;
    this.#shares = fixedShares(options.modules.length, options.seed);
    checkShares(options.recording, this.#shares);
    this.#ampSeconds = RATED_AMP_HOURS * 3600 * options.modules.length;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const first = this.#samples[0];
    this.#soc = first === undefined ? 0 : firstSoc(first);
    for (const module of this.#modules) module.cells.cells = cellsFor(first?.volts ?? 0);
    if (first !== undefined) this.#show(first, 0);
  }

  /** Share of the samples played, 0 to 1. */
  get progress(): number {
    return this.#played / this.#samples.length;
  }

  start(): void {
    this.#deadline = this.#kernel.nowMicros() + LONGEST_WAIT_MICROS;
    this.#awaitLinks();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#withhold(false);
    this.#noCurrent();
  }

  #awaitLinks(): void {
    const now = this.#kernel.nowMicros();
    if (now < this.#deadline && !this.#modules.every((module) => module.linked)) {
      this.#cancel = this.#kernel.atMicros(now + LINK_CHECK_MICROS, () => this.#awaitLinks());
      return;
    }
    const begin = now + SETTLE_MICROS;
    this.#origin = begin - fileMicros(this.#samples[0]);
    this.#cancel = this.#kernel.atMicros(begin, () => this.#playNext());
  }

  #playNext(): void {
    const sample = this.#samples[this.#played];
    if (sample === undefined) return;
    this.#withhold(false);
    this.#countCharge(sample);
    this.#show(sample, sample.amps);
    const now = this.#kernel.nowMicros();
    this.#modules.forEach(({ cells, meter }) => {
      meter.sample(now, cells.volts * cells.amps);
    });
    this.#played += 1;
    this.#scheduleNext(now);
  }

  #scheduleNext(now: number): void {
    const next = this.#samples[this.#played];
    if (next === undefined) {
      this.#noCurrent();
      this.#cancel = this.#kernel.atMicros(now + FINISH_MICROS, this.#finish);
      return;
    }
    if (next.afterHole) {
      this.#noCurrent();
      this.#withhold(true);
      this.#origin = now + HOLE_MICROS - fileMicros(next);
    }
    this.#cancel = this.#kernel.atMicros(this.#origin + fileMicros(next), () => this.#playNext());
  }

  /** The file's own SOC where it has one, else charge counted from the first voltage. */
  #countCharge(sample: RecordedSample): void {
    const before = this.#samples[this.#played - 1];
    if (before !== undefined && !sample.afterHole) {
      const charge = ((sample.seconds - before.seconds) * (sample.amps + before.amps)) / 2;
      this.#soc = Math.min(1, Math.max(0, this.#soc + charge / this.#ampSeconds));
    }
    this.#soc = sample.soc ?? this.#soc;
  }

  #show(sample: RecordedSample, amps: number): void {
    this.#modules.forEach(({ cells }, i) => {
      cells.volts = sample.volts;
      cells.amps = amps * (this.#shares[i] ?? 0);
      cells.celsius = sample.celsius ?? cells.celsius;
      cells.soc = this.#soc;
    });
  }

  #withhold(withheld: boolean): void {
    for (const module of this.#modules) module.withhold?.(withheld);
  }

  #noCurrent(): void {
    for (const { cells, meter } of this.#modules) {
      cells.amps = 0;
      meter.pause();
    }
  }
}

function fileMicros(sample: RecordedSample | undefined): number {
  return Math.round((sample?.seconds ?? 0) * MICROS);
}

function checkShares({ name, samples }: Recording, shares: readonly number[]): void {
  const largest = Math.max(...shares);
  const beyond = samples.find(({ amps }) => Math.abs(amps) * largest > READING.amps);
  if (beyond === undefined) return;
  const { line, amps } = beyond;
  const modules = `${shares.length} ${shares.length === 1 ? "module" : "modules"}`;
  const share = `a share of ${(amps * largest).toFixed(2)} A for one of ${modules}`;
  const limit = `its reading holds ${READING.amps} A at most`;
  throw new SimError("recording", "input", `${name}, line ${line}: ${amps} A: ${share}; ${limit}`);
}
