import {
  type Cancel,
  type Clock,
  type Entropy,
  type Logger,
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
import type { ModulePairing } from "@wattseal/device-keys";
import type { ModuleCells } from "../pack/cells.js";
import type { EnergyMeter } from "../pack/energy-meter.js";
import { LinkDriver } from "./driver.js";
import type { ModuleFlash } from "./flash.js";
import {
  CAPABILITIES,
  capability,
  cellDetailOf,
  counterStatement,
  HIGHEST_RATE,
  hardware,
  packVolts,
  statusOf,
  telemetryOf,
} from "./messages.js";
import { Relay } from "./relay.js";

const SHORTEST_PERIOD_MS = 1000 / HIGHEST_RATE;

export interface ControllerOptions {
  readonly clock: Clock;
  readonly bus: CanBus;
  readonly flash: ModuleFlash;
  readonly pairing: ModulePairing;
  readonly entropy: Entropy;
  readonly fd: boolean;
  /** Sensors, as the firmware reads them. */
  readonly cells: ModuleCells;
  readonly meter: EnergyMeter;
  readonly boot: number;
  readonly periodMs: number;
  /** Telemetry falls on multiples of the period plus this. */
  readonly phaseMs: number;
  readonly alarm: () => void;
  /** Writes the pairing to the flash, or erases it; `done` hears whether it is durable. */
  readonly store: (pairing: ModulePairing | undefined, done: (durable: boolean) => void) => void;
  readonly logger: Logger;
}

/**
 * A module's firmware, from power-on to power-off: all of this is lost with the supply. The real module side of
 * the link; the relay closes while the pack's heartbeats allow On, and opens when the link falls silent.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #slot: Slot;
  readonly #link: ModuleLink;
  readonly #driver: LinkDriver;
  readonly #relay = new Relay();
  #periodMs: number;
  #linked = false;
  #hung = false;
  #withheld = false;
  #stopped = false;
  /** What it says its state of charge is, whatever the cells hold. */
  #frozenSoc: number | undefined;
  #nextTelemetry: Cancel | undefined;

  constructor(options: ControllerOptions) {
    const { clock, bus, flash, pairing } = options;
    this.#options = options;
    this.#slot = pairing.slot;
    this.#periodMs = options.periodMs;
    this.#link = new ModuleLink({
      uid: flash.uid,
      pairing,
      custody: flash.half,
      entropy: options.entropy,
      fd: options.fd,
      bootedAt: clock.now(),
      capabilities: CAPABILITIES,
    });
    this.#driver = new LinkDriver({
      clock,
      bus,
      link: this.#link,
      slot: this.#slot,
      effect: (effect) => this.#carryOut(effect),
    });
  }

  get linked(): boolean {
    return this.#linked;
  }
  /** MODULE_STATE. */
  get state(): number {
    return this.#relay.state;
  }
  get connected(): boolean {
    return this.#relay.closed;
  }
  get tick(): number {
    return this.#link.tick(this.#options.clock.now());
  }
  get link(): LinkStatus {
    return this.#link.status;
  }

  start(): void {
    this.#driver.handle({ kind: "open" });
    this.#scheduleTelemetry();
  }

  /** Pushes no more readings; answers still. */
  quiet(): void {
    this.#nextTelemetry?.();
  }

  /** Keeps its readings to itself, until told otherwise; answers still. */
  withhold(withheld: boolean): void {
    this.#withheld = withheld;
  }

  /** The firmware stands still, its relay as it is; the bus controller goes on acknowledging. */
  hang(hung: boolean): void {
    this.#hung = hung;
    this.#driver.hang(hung);
  }

  freezeSoc(frozen: boolean): void {
    this.#frozenSoc = frozen ? this.#options.cells.soc : undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#nextTelemetry?.();
    this.#driver.close();
    this.#linked = false;
    this.#relay.silence();
  }

  #scheduleTelemetry(): void {
    const from = this.#options.clock.now() - this.#options.phaseMs;
    const next = (Math.floor(from / this.#periodMs) + 1) * this.#periodMs + this.#options.phaseMs;
    this.#nextTelemetry = this.#options.clock.at(millis(next), () => {
      this.#scheduleTelemetry();
      const silent = this.#hung || this.#withheld || this.#driver.congested;
      if (this.#linked && !silent) this.#sendTelemetry();
    });
  }

  #sendTelemetry(): void {
    const { cells, meter, boot } = this.#options;
    const { tick, state } = this;
    const telemetry = telemetryOf({ cells, meter, state, tick, boot });
    const soc = this.#frozenSoc === undefined ? telemetry.status1.soc : this.#frozenSoc * 100;
    this.#send({ ...telemetry, status1: { ...telemetry.status1, soc } });
  }

  #send(message: ModuleMessage): void {
    this.#driver.handle({ kind: "send", message });
  }

  #carryOut(effect: ModuleLinkEffect): void {
    switch (effect.kind) {
      case "session":
        this.#linked = true;
        this.#options.logger.debug("sim.module.linked", { slot: this.#slot });
        return;
      case "down":
        this.#linked = false;
        this.#change(() => this.#relay.silence());
        this.#options.logger.debug("sim.module.down", { slot: this.#slot, reason: effect.reason });
        return;
      case "alarm":
        this.#options.alarm();
        this.#options.logger.warn("sim.module.alarm", {
          slot: this.#slot,
          alarm: effect.alarm.kind,
        });
        return;
      case "message":
        if (effect.message.kind !== "ping") this.#obey(effect.message, effect);
        return;
      case "store-pairing":
        this.#options.store(effect.pairing, (durable) => this.#stored(durable));
        return;
      case "transmit":
      case "unsent":
        return;
    }
  }

  /** The supply may have failed meanwhile. */
  #stored(durable: boolean): void {
    if (!this.#stopped) this.#driver.handle({ kind: "stored", durable });
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
        this.#reply(pdu, cellDetailOf(this.#options.cells, command.cell));
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
        this.#answer(pdu, OUTCOME.unsupported);
        return;
      case "key-roll":
      case "erase":
        return; // the link's own; see store-pairing
    }
  }

  #statement(): ModuleMessage {
    const { flash, pairing, meter, boot } = this.#options;
    const { uid, half } = flash;
    return counterStatement({ uid, half, pairing, meter, tick: this.tick, boot });
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
      status: statusOf(this.#options.cells),
      faults: 0,
      voltage: packVolts(this.#options.cells.volts),
    });
  }
}

type PduOf<Effect> = Extract<Effect, { kind: "message" }>;
/** As outcomes number them. */
const CLASS_NUMBER = { urgent: 0, normal: 1, bulk: 2 } as const;
