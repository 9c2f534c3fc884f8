import {
  type Cancel,
  type Entropy,
  type Logger,
  type Millis,
  type ModuleUid,
  millis,
  milliwattHours,
  silentLogger,
  type TimeSource,
} from "@wattseal/base";
import { VirtualBus } from "./bus/virtual-bus.js";
import { SimError } from "./errors.js";
import { type Fault, startFault } from "./faults/fault.js";
import type { Stage } from "./faults/stage.js";
import { LegacyModule, type LegacyModuleView } from "./legacy/legacy-module.js";
import type { SimLegacyModule } from "./legacy/quirks.js";
import { isPaired, type ModuleFlash, type PairedFlash } from "./module/flash.js";
import { FlashStore } from "./module/flash-store.js";
import { HIGHEST_RATE } from "./module/messages.js";
import { type ModuleView, SimModule } from "./module/sim-module.js";
import { ModuleCells } from "./pack/cells.js";
import { CircuitSource } from "./pack/circuit-source.js";
import { constantDemand, demoDemand, type PowerDemand } from "./pack/demand.js";
import { SeededRandom } from "./pack/random.js";
import { SimShunt } from "./pack/shunt.js";
import type { PackModule, PackSource } from "./pack/source.js";
import type { Recording } from "./replay/recording.js";
import { ReplaySource } from "./replay/replay-source.js";
import type { FaultEvent } from "./scenario/scenario.js";
import { type Schedule, scheduleFaults } from "./scenario/schedule.js";
import { type ModuleState, readState, type SimulatorState, StateKeeper } from "./state.js";
import { type RunOptions, SimKernel } from "./time/kernel.js";
import { SimTimeSource } from "./time/time-source.js";
import type { WallClock } from "./time/wall-clock.js";

const DEFAULT_NOMINAL_BIT_RATE = 500_000;
const DEFAULT_DATA_BIT_RATE = 2_000_000;
const DEFAULT_TELEMETRY_HZ = 5;
const DEFAULT_SEED = 1;
/** Parts the numbers that faults draw from those that the cells do. */
const FAULT_STREAM = 0x5f_a7_17_5e;
const FIRST_SOC = 0.55;
const MOST_MODULES = 31;
/** Longer than any PDU and its segments are on their way. */
const SETTLE_MS = 500;

/** What the pack does. */
export type Drive =
  /** Modules at rest. */
  | { readonly kind: "idle" }
  /** Charges, drives a load, and again. */
  | { readonly kind: "demo" }
  /** One power for the whole pack; positive charges. */
  | { readonly kind: "constant"; readonly watts: number }
  | { readonly kind: "replay"; readonly recording: Recording };

export interface SimulatorOptions {
  /**
   * With slots of their own; the halves stay the caller's to dispose of, after `stop()`. Those that are not paired
   * (any more) take no part.
   */
  readonly modules: readonly ModuleFlash[];
  /** Clear-text modules beside them, on a classic bus only. */
  readonly legacyModules?: readonly SimLegacyModule[];
  readonly drive: Drive;
  /** What goes wrong, and when: seconds from this start. */
  readonly events?: readonly FaultEvent[];
  readonly entropy: Entropy;
  readonly wall: WallClock;
  /** Time begins here, or where the state folder's last run ended, whichever is later. */
  readonly startTime: Millis;
  /** Of everything physical: spreads, shares. */
  readonly seed?: number;
  /** CAN FD with bit-rate switch: a bus without a classic node. */
  readonly fd?: boolean;
  readonly nominalBitRate?: number;
  readonly dataBitRate?: number;
  /** Readings per second of each module, above 0 to 10. */
  readonly telemetryHz?: number;
  /** The pack has a shunt of its own on the bus. Default false. */
  readonly shunt?: boolean;
  /**
   * Keeps time, boot counters, energy counters and SOC across restarts, and what a pack stores in the modules' flash.
   * Held with `lockFolder` where another process could take it.
   */
  readonly stateDirectory?: string;
  readonly logger?: Logger;
}

export interface Simulator {
  readonly kernel: SimKernel;
  /** UTC of a pack controller in this process. */
  readonly timeSource: TimeSource;
  readonly bus: VirtualBus;
  readonly modules: readonly ModuleView[];
  readonly legacyModules: readonly LegacyModuleView[];
  /** Settles, in a replay, 1.5 simulated seconds after the last sample; otherwise never. */
  readonly finished: Promise<void>;
  /** Of a replay, 0 to 1. */
  readonly progress: number | undefined;
  /** Of the options' events, those whose time has not come. */
  readonly eventsAhead: readonly FaultEvent[];
  /** Lets time run, as SimKernel.run. */
  run(options?: RunOptions): Promise<void>;
  /** Lets something go wrong, from now on until called back. Throws SimError `configuration` for a slot that no module has. */
  inject(fault: Fault): Cancel;
  /**
   * Between runs: ends the drive and all faults and lets what is on the wire arrive, so that afterwards everything that
   * modules sent has been received.
   */
  settle(): Promise<void>;
  /** Switches everything off and keeps the state; idempotent. */
  stop(): Promise<void>;
}

/**
 * A pack of modules on a virtual bus, switched on but standing at its start time until `run()`.
 * Throws SimError `configuration` or `state-folder`.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { stateDirectory, legacyModules = [], logger = silentLogger } = options;
  const flashes = pairedOf(options.modules, logger);
  checkModules(flashes);
  checkLegacy(options, legacyModules);
  const kept = stateDirectory === undefined ? undefined : await readState(stateDirectory);
  const kernel = new SimKernel({ start: startOf(options.startTime, kept), wall: options.wall });
  const bus = new VirtualBus(kernel, {
    nominalBitRate: options.nominalBitRate ?? DEFAULT_NOMINAL_BIT_RATE,
    dataBitRate: options.fd === true ? (options.dataBitRate ?? DEFAULT_DATA_BIT_RATE) : undefined,
  });
  const random = new SeededRandom(options.seed ?? DEFAULT_SEED);
  const eeproms = [...flashes, ...legacyModules].map(({ uid }) => eepromOf(uid, kept));
  let keeper: StateKeeper | undefined;
  const flashStore = new FlashStore(stateDirectory, logger);
  const periodMs = telemetryPeriod(options.telemetryHz ?? DEFAULT_TELEMETRY_HZ);
  const modules = flashes.map(
    (flash, i) =>
      new SimModule({
        kernel,
        bus,
        flash,
        entropy: options.entropy,
        fd: options.fd === true,
        cells: new ModuleCells(random),
        eeprom: eeproms[i] ?? eepromOf(flash.uid, undefined),
        periodMs,
        phaseMs: Math.floor((i * periodMs) / flashes.length),
        booted: () => keeper?.renew(),
        store: (written, done) => flashStore.write(written, done),
        logger,
      }),
  );
  const legacy = legacyModules.map(
    (module, i) =>
      new LegacyModule({
        kernel,
        bus: bus.attach({ name: `legacy-${i + 1}` }),
        module,
        cells: new ModuleCells(random),
        eeprom: eeproms[flashes.length + i] ?? eepromOf(module.uid, undefined),
      }),
  );
  const all = [...modules, ...legacy];
  const source = sourceOf(options, kernel, all, random, eeproms);
  const shunt =
    options.shunt === true
      ? new SimShunt({ kernel, bus: bus.attach({ name: "shunt" }), modules: all })
      : undefined;
  const absent = kept?.modules.filter(({ uid }) => !all.some((module) => module.uid === uid)) ?? [];
  keeper =
    stateDirectory === undefined
      ? undefined
      : await StateKeeper.open(stateDirectory, kernel, () => [
          ...all.map(({ eeprom }) => eeprom),
          ...absent,
        ]);
  if (keeper !== undefined) kernel.addReader(keeper);
  kernel.addReader(flashStore);
  return new RunningSimulator(
    kernel,
    bus,
    { modules, legacy, shunt },
    source,
    [flashStore, keeper],
    {
      events: options.events ?? [],
      random: new SeededRandom((options.seed ?? DEFAULT_SEED) ^ FAULT_STREAM),
      logger,
    },
  );
}

interface Faults {
  readonly events: readonly FaultEvent[];
  readonly random: SeededRandom;
  readonly logger: Logger;
}

class RunningSimulator implements Simulator {
  readonly kernel: SimKernel;
  readonly timeSource: SimTimeSource;
  readonly bus: VirtualBus;
  readonly modules: readonly SimModule[];
  readonly legacyModules: readonly LegacyModule[];
  readonly finished: Promise<void>;
  readonly #source: PackSource;
  readonly #shunt: SimShunt | undefined;
  readonly #stage: Stage;
  readonly #schedule: Schedule;
  readonly #flashStore: FlashStore;
  readonly #keeper: StateKeeper | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(
    kernel: SimKernel,
    bus: VirtualBus,
    all: {
      readonly modules: readonly SimModule[];
      readonly legacy: readonly LegacyModule[];
      readonly shunt: SimShunt | undefined;
    },
    source: PackSource,
    [flashStore, keeper]: readonly [FlashStore, StateKeeper | undefined],
    { events, random, logger }: Faults,
  ) {
    this.kernel = kernel;
    this.timeSource = new SimTimeSource(kernel);
    this.bus = bus;
    this.modules = all.modules;
    this.legacyModules = all.legacy;
    this.finished = source.finished;
    this.#source = source;
    this.#shunt = all.shunt;
    this.#flashStore = flashStore;
    this.#keeper = keeper;
    this.#stage = {
      kernel,
      bus,
      modules: this.modules,
      random,
      timeSource: this.timeSource,
      shunt: all.shunt,
    };
    this.#schedule = scheduleFaults(events, this.#stage, logger);
    for (const module of all.modules) module.start();
    source.start();
    all.shunt?.start();
  }

  get progress(): number | undefined {
    return this.#source instanceof ReplaySource ? this.#source.progress : undefined;
  }

  get eventsAhead(): readonly FaultEvent[] {
    return this.#schedule.ahead;
  }

  run(options?: RunOptions): Promise<void> {
    this.#running = this.kernel.run(options);
    return this.#running;
  }

  inject(fault: Fault): Cancel {
    return startFault(fault, this.#stage);
  }

  settle(): Promise<void> {
    this.#schedule.end();
    this.#source.stop();
    for (const module of this.modules) module.quiet();
    this.#shunt?.quiet();
    return this.run({ until: millis(this.kernel.now() + SETTLE_MS) });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.kernel.stop();
    // Whoever started the run hears of its failure.
    await this.#running?.catch(() => {});
    this.#schedule.end();
    this.#source.stop();
    for (const module of [...this.modules, ...this.legacyModules]) module.stop();
    this.#shunt?.stop();
    await this.#flashStore.ready();
    await this.#keeper?.close();
  }
}

/** An erased module has no slot to speak from. */
function pairedOf(flashes: readonly ModuleFlash[], logger: Logger): readonly PairedFlash[] {
  for (const flash of flashes) {
    if (!isPaired(flash)) logger.warn("sim.module.unpaired", { uid: flash.uid });
  }
  return flashes.filter(isPaired);
}

function checkModules(flashes: readonly PairedFlash[]): void {
  const refuse = (problem: string) => new SimError("configuration", "usage", problem);
  if (flashes.length === 0) throw refuse("a pack has at least one module that is paired with it");
  const slots = new Set<number>();
  for (const { pairing } of flashes) {
    if (slots.has(pairing.slot)) throw refuse(`slot ${pairing.slot} is given to two modules`);
    slots.add(pairing.slot);
  }
}

function checkLegacy(
  { modules, fd }: SimulatorOptions,
  legacyModules: readonly SimLegacyModule[],
): void {
  const refuse = (problem: string) => new SimError("configuration", "usage", problem);
  if (legacyModules.length > 0 && fd === true) {
    throw refuse("clear-text modules are classic-only nodes: they would destroy FD frames");
  }
  const odd = legacyModules.find(({ uid }) => uid.slice(4, 8) !== "0000");
  if (odd !== undefined) throw refuse(`no announcement can carry the unique id ${odd.uid}`);
  const uids = new Set([...modules, ...legacyModules].map(({ uid }) => uid));
  if (uids.size < modules.length + legacyModules.length) {
    throw refuse("two modules have one unique id");
  }
  if (uids.size > MOST_MODULES) throw refuse(`a bus has ${MOST_MODULES} modules at most`);
}

function startOf(requested: Millis, kept: SimulatorState | undefined): Millis {
  return kept === undefined ? requested : millis(Math.max(requested, Math.ceil(kept.time / 1000)));
}

/** The EEPROM of this start: the boot counter is one more than at the last. */
function eepromOf(uid: ModuleUid, kept: SimulatorState | undefined): ModuleState {
  const last = kept?.modules.find((module) => module.uid === uid);
  const zero = milliwattHours(0);
  return {
    uid,
    boot: ((last?.boot ?? 0) + 1) % 2 ** 16,
    in: last?.in ?? zero,
    out: last?.out ?? zero,
    soc: last?.soc ?? FIRST_SOC,
  };
}

function telemetryPeriod(hertz: number): number {
  if (!(hertz > 0 && hertz <= HIGHEST_RATE)) {
    throw new SimError("configuration", "usage", `telemetry rate ${hertz} is not in 0 to 10 Hz`);
  }
  return Math.round(1000 / hertz);
}

function sourceOf(
  options: SimulatorOptions,
  kernel: SimKernel,
  modules: readonly PackModule[],
  random: SeededRandom,
  eeproms: readonly ModuleState[],
): PackSource {
  const { drive, seed = DEFAULT_SEED } = options;
  const circuit = (demand: PowerDemand) =>
    new CircuitSource({ kernel, modules, demand, random, socs: eeproms.map(({ soc }) => soc) });
  switch (drive.kind) {
    case "idle":
      return circuit(constantDemand(0));
    case "demo":
      return circuit(demoDemand(modules.length));
    case "constant":
      return circuit(constantDemand(drive.watts));
    case "replay":
      return new ReplaySource({ kernel, modules, recording: drive.recording, seed });
  }
}
