import {
  type Cancel,
  type Entropy,
  type Logger,
  type MilliwattHours,
  type ModuleUid,
  millis,
  type Slot,
} from "@wattseal/base";
import {
  type CanBus,
  type LinkStatus,
  ModuleLink,
  type ModuleLinkEffect,
  type ModuleMessage,
  OUTCOME,
  type PackCommand,
} from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import type { ModuleCells } from "../pack/cells.js";
import { EnergyMeter } from "../pack/energy-meter.js";
import type { PackModule } from "../pack/source.js";
import type { ModuleState } from "../state.js";
import type { SimKernel } from "../time/kernel.js";
import { LinkDriver } from "./driver.js";
import type { ModuleFlash } from "./flash.js";
import {
  CAPABILITIES,
  capability,
  cellDetailOf,
  counterStatement,
  HIGHEST_RATE,
  hardware,
  statusOf,
  telemetryOf,
} from "./messages.js";
import { Relay } from "./relay.js";

const SHORTEST_PERIOD_MS = 1000 / HIGHEST_RATE;
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
  readonly bus: CanBus;
  readonly flash: ModuleFlash;
  readonly entropy: Entropy;
  readonly fd: boolean;
  readonly cells: ModuleCells;
  /** EEPROM with the boot counter of this start. */
  readonly eeprom: ModuleState;
  readonly periodMs: number;
  /** Telemetry falls on multiples of the period plus this. */
  readonly phaseMs: number;
  readonly logger: Logger;
}

/**
 * A module's controller: the real module side of the link over simulated cells. Its relay closes while the
 * pack's heartbeats allow On, and opens by itself when the link falls silent.
 */
export class SimModule implements PackModule, ModuleView {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  readonly cells: ModuleCells;
  readonly meter: EnergyMeter;
  readonly bootCounter: number;
  readonly #kernel: SimKernel;
  readonly #bus: CanBus;
  readonly #flash: ModuleFlash;
  readonly #pairing: NonNullable<ModuleFlash["pairing"]>;
  readonly #link: ModuleLink;
  readonly #driver: LinkDriver;
  readonly #relay = new Relay();
  readonly #logger: Logger;
  readonly #phaseMs: number;
  #periodMs: number;
  #linked = false;
  #alarms = 0;
  #nextTelemetry: Cancel | undefined;

  /** Throws SimError `configuration` for a module that was never paired. */
  constructor(options: SimModuleOptions) {
    const { kernel, bus, flash, eeprom } = options;
    if (flash.pairing === undefined) {
      throw new SimError("configuration", "usage", `module ${flash.uid} is not paired with a pack`);
    }
    this.uid = flash.uid;
    this.slot = flash.pairing.slot;
    this.cells = options.cells;
    this.meter = new EnergyMeter(eeprom);
    this.bootCounter = eeprom.boot;
    this.#kernel = kernel;
    this.#bus = bus;
    this.#flash = flash;
    this.#pairing = flash.pairing;
    this.#logger = options.logger;
    this.#phaseMs = options.phaseMs;
    this.#periodMs = options.periodMs;
    this.#link = new ModuleLink({
      uid: flash.uid,
      pairing: flash.pairing,
      custody: flash.half,
      entropy: options.entropy,
      fd: options.fd,
      bootedAt: kernel.now(),
      capabilities: CAPABILITIES,
    });
    this.#driver = new LinkDriver({
      kernel,
      bus,
      link: this.#link,
      slot: this.slot,
      effect: (effect) => this.#carryOut(effect),
    });
  }

  get linked(): boolean {
    return this.#linked;
  }
  get connected(): boolean {
    return this.#relay.closed;
  }
  get state(): ModuleStateName {
    return STATE_NAMES[this.#relay.state] ?? "off";
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
  get energyIn(): MilliwattHours {
    return this.meter.in;
  }
  get energyOut(): MilliwattHours {
    return this.meter.out;
  }
  get tick(): number {
    return this.#link.tick(this.#kernel.now());
  }
  get link(): LinkStatus {
    return this.#link.status;
  }
  get alarms(): number {
    return this.#alarms;
  }

  /** What has to survive a restart. */
  get eeprom(): ModuleState {
    const { uid, bootCounter, meter, cells } = this;
    return { uid, boot: bootCounter, in: meter.in, out: meter.out, soc: cells.soc };
  }

  start(): void {
    this.#driver.handle({ kind: "open" });
    this.#scheduleTelemetry();
  }

  /** Pushes no more readings; answers still. */
  mute(): void {
    this.#nextTelemetry?.();
  }

  /** Power off. */
  stop(): void {
    this.#nextTelemetry?.();
    this.#driver.close();
    this.#bus.close();
    this.#linked = false;
    this.#relay.silence();
  }

  #scheduleTelemetry(): void {
    const from = this.#kernel.now() - this.#phaseMs;
    const next = (Math.floor(from / this.#periodMs) + 1) * this.#periodMs + this.#phaseMs;
    this.#nextTelemetry = this.#kernel.at(millis(next), () => {
      this.#scheduleTelemetry();
      if (this.#linked && !this.#driver.congested) this.#sendTelemetry();
    });
  }

  #sendTelemetry(): void {
    const { cells, meter, tick } = this;
    const boot = this.bootCounter;
    this.#send(telemetryOf({ cells, meter, state: this.#relay.state, tick, boot }));
  }

  #send(message: ModuleMessage): void {
    this.#driver.handle({ kind: "send", message });
  }

  #carryOut(effect: ModuleLinkEffect): void {
    switch (effect.kind) {
      case "session":
        this.#linked = true;
        this.#logger.debug("sim.module.linked", { slot: this.slot });
        return;
      case "down":
        this.#linked = false;
        this.#change(() => this.#relay.silence());
        this.#logger.debug("sim.module.down", { slot: this.slot, reason: effect.reason });
        return;
      case "alarm":
        this.#alarms += 1;
        this.#logger.warn("sim.module.alarm", { slot: this.slot, alarm: effect.alarm.kind });
        return;
      case "message":
        if (effect.message.kind !== "ping") this.#obey(effect.message, effect);
        return;
      case "transmit":
      case "unsent":
        return;
    }
  }

  #obey(command: PackCommand, pdu: PduOf<ModuleLinkEffect>): void {
    switch (command.kind) {
      case "heartbeat":
        this.#change(() => this.#relay.heartbeat(command.maxState));
        return;
      case "state-change":
        this.#change(() => this.#answer(pdu, this.#relay.order(command.state)));
        return;
      case "isolate":
        this.#change(() => this.#relay.isolate());
        this.#answer(pdu, OUTCOME.done);
        return;
      case "telemetry-request":
        this.#setPeriod(command.periodMs, pdu);
        return;
      case "cell-detail-request":
        this.#reply(pdu, cellDetailOf(this.cells, command.cell));
        return;
      case "hardware-request":
        this.#reply(pdu, hardware());
        return;
      case "capability-request":
        this.#reply(pdu, capability());
        return;
      case "counter-statement-request":
        this.#reply(pdu, this.#statement());
        return;
      case "time":
        this.#answer(pdu, OUTCOME.done);
        return;
      case "log-frame-request":
      case "key-roll":
      case "erase":
        this.#answer(pdu, OUTCOME.unsupported);
    }
  }

  #statement(): ModuleMessage {
    const { uid, meter, tick } = this;
    const { half } = this.#flash;
    const pairing = this.#pairing;
    return counterStatement({ uid, half, pairing, meter, tick, boot: this.bootCounter });
  }

  #setPeriod(periodMs: number, pdu: PduOf<ModuleLinkEffect>): void {
    if (periodMs === 0) {
      this.#sendTelemetry();
      return;
    }
    if (periodMs < SHORTEST_PERIOD_MS) {
      this.#answer(pdu, OUTCOME.unsupported);
      return;
    }
    this.#periodMs = periodMs;
    this.#nextTelemetry?.();
    this.#scheduleTelemetry();
    this.#answer(pdu, OUTCOME.done);
  }

  #reply(pdu: PduOf<ModuleLinkEffect>, message: ModuleMessage | undefined): void {
    if (message === undefined) this.#answer(pdu, OUTCOME.unsupported);
    else this.#send(message);
  }

  #answer(pdu: PduOf<ModuleLinkEffect>, code: number): void {
    this.#send({
      kind: "outcome",
      tick: this.tick,
      command: pdu.type,
      code,
      class: CLASS_NUMBER[pdu.class],
      counter: pdu.counter % 2 ** 32,
    });
  }

  /** Tells the pack at once when the state is another one afterwards. */
  #change(apply: () => void): void {
    const before = this.#relay.state;
    apply();
    const { state } = this.#relay;
    if (state === before) return;
    if (!this.#linked) return;
    this.#send({
      kind: "state-report",
      tick: this.tick,
      state,
      status: statusOf(this.cells),
      faults: 0,
      voltage: this.cells.volts,
    });
  }
}

type PduOf<Effect> = Extract<Effect, { kind: "message" }>;
/** As outcomes number them. */
const CLASS_NUMBER = { urgent: 0, normal: 1, bulk: 2 } as const;
