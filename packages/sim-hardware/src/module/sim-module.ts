import {
  type Cancel,
  type Entropy,
  type Logger,
  type MilliwattHours,
  type ModuleUid,
  millis,
  type Slot,
} from "@wattseal/base";
import type { LinkCounts, LinkStatus } from "@wattseal/can-protocol";
import type { ModulePairing } from "@wattseal/device-keys";
import type { VirtualBus } from "../bus/virtual-bus.js";
import type { ModuleCells } from "../pack/cells.js";
import { EnergyMeter } from "../pack/energy-meter.js";
import type { PackModule } from "../pack/source.js";
import type { ModuleState } from "../state.js";
import type { SimKernel } from "../time/kernel.js";
import { Controller } from "./controller.js";
import type { ModuleFlash, PairedFlash } from "./flash.js";
import { ModuleClock } from "./module-clock.js";

/** How often the firmware writes its counters to the EEPROM: so much is lost with the supply. */
const EEPROM_PERIOD_MS = 10_000;
const BOOT_COUNTERS = 2 ** 16;
/** Every secured identifier of the slot, in both directions: it must notice others sending under its own. */
const SECURED_BASES = { code: 0x630, mask: 0x7f8 } as const;
const SLOT_MASK = 0xff;
const STATE_NAMES = ["off", "standby", "precharge", "on"] as const;
export type ModuleStateName = (typeof STATE_NAMES)[number];

/** A module as displays and tests see it, at the present simulated time. */
export interface ModuleView {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  readonly linked: boolean;
  readonly state: ModuleStateName;
  readonly volts: number;
  /** Positive charges. */
  readonly amps: number;
  readonly socPercent: number;
  readonly celsius: number;
  /** Whole mWh since the module was made. */
  readonly energyIn: MilliwattHours;
  readonly energyOut: MilliwattHours;
  readonly bootCounter: number;
  /** Milliseconds since this start. */
  readonly tick: number;
  readonly link: LinkStatus;
  readonly alarms: number;
}

export interface SimModuleOptions {
  readonly kernel: SimKernel;
  readonly bus: VirtualBus;
  readonly flash: PairedFlash;
  readonly entropy: Entropy;
  readonly fd: boolean;
  readonly cells: ModuleCells;
  /** EEPROM with the boot counter of this start. */
  readonly eeprom: ModuleState;
  readonly periodMs: number;
  readonly phaseMs: number;
  /** The boot counter has moved: to be kept before time goes on. */
  readonly booted: () => void;
  /** Writes the flash; `done` hears whether it is durable, before time goes on. */
  readonly store: (flash: ModuleFlash, done: (durable: boolean) => void) => void;
  readonly logger: Logger;
}

/** The name of a module's node on the virtual bus. */
export const moduleNodeName = (slot: number): string => `module-${slot}`;

/** A module: cells, sensors, EEPROM and oscillator, and while it has power the firmware that runs on them. */
export class SimModule implements PackModule, ModuleView {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  readonly cells: ModuleCells;
  readonly clock: ModuleClock;
  readonly #options: SimModuleOptions;
  /** As written last. */
  #flash: ModuleFlash;
  /** Of the last write. */
  #eeprom: ModuleState;
  #meter: EnergyMeter;
  #gain = 1;
  #alarms = 0;
  /** The firmware; none without power, and none in a module that has been erased. */
  #controller: Controller | undefined;
  /** Undefined without power. */
  #powerOff: Cancel | undefined;
  #lastLink: LinkStatus;
  /** Of earlier boots. */
  #countsBefore: LinkCounts | undefined;

  constructor(options: SimModuleOptions) {
    const { kernel, flash, eeprom } = options;
    this.uid = flash.uid;
    this.slot = flash.pairing.slot;
    this.cells = options.cells;
    this.clock = new ModuleClock(kernel);
    this.#options = options;
    this.#flash = flash;
    this.#eeprom = eeprom;
    this.#meter = new EnergyMeter(eeprom);
    const controller = this.#powerOn(flash.pairing);
    this.#controller = controller;
    this.#lastLink = controller.link;
  }

  get linked(): boolean {
    return this.#controller?.linked ?? false;
  }
  get connected(): boolean {
    return this.#controller?.connected ?? false;
  }
  get state(): ModuleStateName {
    return STATE_NAMES[this.#controller?.state ?? 0] ?? "off";
  }
  get volts(): number {
    return this.cells.volts;
  }
  get amps(): number {
    return this.cells.amps;
  }
  get socPercent(): number {
    return this.cells.soc * 100;
  }
  get celsius(): number {
    return this.cells.celsius;
  }
  /** What it counts without power is lost. */
  get meter(): EnergyMeter {
    return this.#meter;
  }
  get energyIn(): MilliwattHours {
    return this.#meter.in;
  }
  get energyOut(): MilliwattHours {
    return this.#meter.out;
  }
  get bootCounter(): number {
    return this.#eeprom.boot;
  }
  get tick(): number {
    return this.#controller?.tick ?? 0;
  }
  /** Without power, as it was last. Counts go on over restarts. */
  get link(): LinkStatus {
    if (this.#controller === undefined) return this.#lastLink;
    const status = this.#controller.link;
    return { ...status, counts: sum(this.#countsBefore, status.counts) };
  }
  get alarms(): number {
    return this.#alarms;
  }

  /** What has to survive a restart. */
  get eeprom(): ModuleState {
    if (this.#powerOff === undefined) return { ...this.#eeprom, soc: this.cells.soc };
    const { uid, bootCounter, meter, cells } = this;
    return { uid, boot: bootCounter, in: meter.in, out: meter.out, soc: cells.soc };
  }

  start(): void {
    this.#controller?.start();
  }

  quiet(): void {
    this.#controller?.quiet();
  }

  withhold(withheld: boolean): void {
    this.#controller?.withhold(withheld);
  }

  /** Power off, for good and in order. */
  stop(): void {
    this.#eeprom = this.eeprom;
    this.#lose();
  }

  /** The supply fails: RAM, session and the counters since the last EEPROM write are lost. Until called back. */
  brownOut(): Cancel {
    this.#lose();
    return () => {
      if (this.#powerOff !== undefined) return;
      const { boot } = this.#eeprom;
      this.#eeprom = { ...this.#eeprom, boot: (boot + 1) % BOOT_COUNTERS };
      this.#meter = new EnergyMeter(this.#eeprom);
      this.#meter.gain = this.#gain;
      const { pairing } = this.#flash;
      this.#controller = pairing === undefined ? this.#powerUnpaired() : this.#powerOn(pairing);
      this.#options.booted();
      this.#controller?.start();
    };
  }

  /** See Controller.hang; a hung module that loses power starts sound. */
  hang(): Cancel {
    const controller = this.#controller;
    controller?.hang(true);
    return () => this.#stillRunning(controller)?.hang(false);
  }

  freezeSoc(): Cancel {
    const controller = this.#controller;
    controller?.freezeSoc(true);
    return () => this.#stillRunning(controller)?.freezeSoc(false);
  }

  /** A controller that has lost power meanwhile is gone, with what ailed it. */
  #stillRunning(controller: Controller | undefined): Controller | undefined {
    return this.#controller === controller ? controller : undefined;
  }

  /** Counts `gain` times the energy that its cells see; what was miscounted stays counted. */
  miscount(gain: number): Cancel {
    this.#gain = gain;
    this.#meter.gain = gain;
    return () => {
      this.#gain = 1;
      this.#meter.gain = 1;
    };
  }

  #powerOn(pairing: ModulePairing): Controller {
    const { bus, flash, entropy, fd, periodMs, phaseMs, logger } = this.#options;
    const node = bus.attach({
      name: moduleNodeName(this.slot),
      filters: [
        {
          code: (SECURED_BASES.code << 18) | this.slot,
          mask: (SECURED_BASES.mask << 18) | SLOT_MASK,
        },
      ],
    });
    const controller = new Controller({
      clock: this.clock,
      bus: node,
      flash,
      pairing,
      entropy,
      fd,
      cells: this.cells,
      meter: this.#meter,
      boot: this.bootCounter,
      periodMs,
      phaseMs,
      alarm: () => {
        this.#alarms += 1;
      },
      store: (next, done) => this.#store({ ...this.#flash, pairing: next }, done),
      logger,
    });
    const cancelWrites = this.#writeLater();
    this.#powerOff = () => {
      cancelWrites();
      controller.stop();
      node.close();
    };
    return controller;
  }

  /** Says nothing, and acknowledges what it hears. */
  #powerUnpaired(): undefined {
    const node = this.#options.bus.attach({ name: moduleNodeName(this.slot) });
    const cancelWrites = this.#writeLater();
    this.#powerOff = () => {
      cancelWrites();
      node.close();
    };
  }

  #store(flash: ModuleFlash, done: (durable: boolean) => void): void {
    this.#options.store(flash, (durable) => {
      if (durable) this.#flash = flash;
      done(durable);
    });
  }

  #lose(): void {
    if (this.#powerOff === undefined) return;
    this.#lastLink = this.link;
    this.#countsBefore = this.#lastLink.counts;
    this.#controller = undefined;
    this.#powerOff();
    this.#powerOff = undefined;
    this.#meter = new EnergyMeter(this.#eeprom);
  }

  #writeLater(): Cancel {
    const { kernel } = this.#options;
    let cancel = () => {};
    const write = () => {
      this.#eeprom = this.eeprom;
      cancel = schedule();
    };
    const schedule = () => kernel.at(millis(kernel.now() + EEPROM_PERIOD_MS), write);
    cancel = schedule();
    return () => cancel();
  }
}

function sum(before: LinkCounts | undefined, now: LinkCounts): LinkCounts {
  if (before === undefined) return now;
  return {
    sent: before.sent + now.sent,
    accepted: before.accepted + now.accepted,
    rejected: before.rejected + now.rejected,
    duplicates: before.duplicates + now.duplicates,
    handshakes: before.handshakes + now.handshakes,
  };
}
