/**
 * A clear-text module as deployed firmware behaves: registers when asked to announce itself, answers what it is
 * asked, and drops to Off and its registration 11.1 s after the last frame that it took, from anyone.
 */
import { type Cancel, DecodeError, fromHex, type ModuleUid, millis, viewOf } from "@wattseal/base";
import {
  type CanBus,
  type CanFrame,
  type ClearFrameName,
  type ClearMessage,
  type ClearValues,
  decodeClear,
  encodeClear,
  isShunt,
  MODULE_STATE,
} from "@wattseal/can-protocol";
import { cellDetailOf, hardware, telemetryOf } from "../module/messages.js";
import type { ModuleCells } from "../pack/cells.js";
import { EnergyMeter } from "../pack/energy-meter.js";
import type { PackModule } from "../pack/source.js";
import type { ModuleState } from "../state.js";
import type { SimKernel } from "../time/kernel.js";
import { logFrames } from "./log-frames.js";
import type { SimLegacyModule, SimLegacyQuirks } from "./quirks.js";
import { Transmitter } from "./transmitter.js";

/** From a request to its answer. */
const ANSWER_MS = 10;
const SILENCE_MS = 11_100;
/** Announcements are spread: (unique id & 0xFF) / 10 ticks of 100 ms after the request. */
const TICK_MS = 100;
const LOG_PERIOD_MS = 60_000;
/** Status requests between two reports on cell communication. */
const COMMS_EVERY = 10;
const FIRMWARE = 0x0100;
const NONE = 0xff;

/** As displays and tests see it. */
export interface LegacyModuleView {
  readonly uid: ModuleUid;
  /** Its module id; undefined while it is not registered. */
  readonly address: number | undefined;
  /** MODULE_STATE. */
  readonly state: number;
  readonly volts: number;
  readonly amps: number;
  /** What went through it, which it does not tell. */
  readonly energyIn: number;
  readonly energyOut: number;
  /** UTC seconds as it was told last. */
  readonly toldTime: number | undefined;
}

export class LegacyModule implements PackModule, LegacyModuleView {
  readonly uid: ModuleUid;
  readonly cells: ModuleCells;
  readonly meter: EnergyMeter;
  readonly #kernel: SimKernel;
  readonly #quirks: SimLegacyQuirks;
  readonly #boot: number;
  readonly #identity: { manufacturer: number; part: number; unique: number };
  readonly #transmitter: Transmitter;
  readonly #startedAt: number;
  #address: number | undefined;
  #state: number = MODULE_STATE.off;
  #allowed: number = MODULE_STATE.off;
  #toldTime: number | undefined;
  #silence: Cancel | undefined;
  #announcement: Cancel | undefined;
  #polls = 0;
  #cellRequests = 0;
  #logRequests = 0;

  constructor(options: {
    readonly kernel: SimKernel;
    readonly bus: CanBus;
    readonly module: SimLegacyModule;
    readonly cells: ModuleCells;
    readonly eeprom: ModuleState;
  }) {
    const { kernel, bus, module, cells, eeprom } = options;
    this.uid = module.uid;
    this.cells = cells;
    this.meter = new EnergyMeter(eeprom);
    this.#boot = eeprom.boot;
    this.#kernel = kernel;
    this.#quirks = module.quirks ?? {};
    const id = fromHex(module.uid);
    const unique = viewOf(id).getUint32(4, true);
    this.#identity = { manufacturer: id[0] ?? 0, part: id[1] ?? 0, unique };
    this.#startedAt = kernel.now();
    this.#transmitter = new Transmitter(bus, (frame) => this.#received(frame));
  }

  get address(): number | undefined {
    return this.#address;
  }
  get state(): number {
    return this.#state;
  }
  get volts(): number {
    return this.cells.volts;
  }
  get amps(): number {
    return this.cells.amps;
  }
  get energyIn(): number {
    return this.meter.in;
  }
  get energyOut(): number {
    return this.meter.out;
  }
  get toldTime(): number | undefined {
    return this.#toldTime;
  }
  get connected(): boolean {
    return this.#state === MODULE_STATE.on;
  }
  get linked(): boolean {
    return this.#address !== undefined;
  }

  get eeprom(): ModuleState {
    const { uid, meter, cells } = this;
    return { uid, boot: this.#boot, in: meter.in, out: meter.out, soc: cells.soc };
  }

  /** Power off. */
  stop(): void {
    this.#drop();
    this.#announcement?.();
    this.#transmitter.close();
  }

  #received(frame: CanFrame): void {
    // Beyond its acceptance mask; anything it accepts would count as hearing the pack.
    if (isShunt(frame.id)) return;
    const message = decoded(frame);
    if (message === undefined || !this.#isMine(message)) return;
    if (!this.#takesLength(message, frame.data.length)) return;
    if (this.#address !== undefined) this.#heard();
    this.#obey(message);
  }

  #isMine({ name, address, values }: ClearMessage): boolean {
    if (name === "announceRequest") return this.#address === undefined;
    if (name === "register") {
      const { manufacturer, part, unique } = this.#identity;
      return (
        values.manufacturer === manufacturer && values.part === part && values.unique === unique
      );
    }
    return this.#address !== undefined && (address === 0 || address === this.#address);
  }

  #takesLength({ name }: ClearMessage, length: number): boolean {
    return name !== "stateChange" || length === (this.#quirks.stateChangeBytes ?? 2);
  }

  /** Whoever sent it. */
  #heard(): void {
    this.#silence?.();
    const end = millis(this.#kernel.now() + SILENCE_MS);
    this.#silence = this.#kernel.at(end, () => this.#drop());
  }

  #drop(): void {
    this.#silence?.();
    this.#silence = undefined;
    this.#address = undefined;
    this.#state = MODULE_STATE.off;
    this.#allowed = MODULE_STATE.off;
  }

  #obey(message: ClearMessage): void {
    switch (message.name) {
      case "announceRequest":
        this.#announceLater();
        break;
      case "register":
        this.#register(message.values.id);
        break;
      case "maxState":
        this.#allowed = message.values.max;
        this.#state = Math.min(this.#state, this.#allowed);
        break;
      case "stateChange":
        if (message.values.state <= this.#allowed) this.#state = message.values.state;
        break;
      case "allIsolate":
        this.#state = MODULE_STATE.off;
        break;
      case "deregister":
      case "allDeregister":
        this.#drop();
        break;
      case "setTime":
        this.#toldTime = message.values.time;
        break;
      case "hardwareRequest":
      case "statusRequest":
      case "detailRequest":
      case "frameRequest":
        if (this.#quirks.silent !== true) this.#answerLater(message);
        break;
      // Of other modules, or of a kind that the public firmware does not have.
      case "announce":
      case "hardware":
      case "status1":
      case "status2":
      case "status3":
      case "cellDetail":
      case "timeRequest":
      case "cellComms":
      case "frameStart":
      case "frameData":
      case "frameEnd":
      case "sdWindow0":
      case "sdWindow1":
      case "sdWindow2":
      case "sdWindow3":
      case "shuntReading":
      case "shuntIn":
      case "shuntOut":
        break;
    }
  }

  #announceLater(): void {
    const ticks = Math.floor((this.#identity.unique & 0xff) / 10);
    this.#announcement?.();
    this.#announcement = this.#in(Math.max(1, ticks) * TICK_MS, () => {
      if (this.#address !== undefined) return;
      this.#transmitter.send(encodeClear("announce", { fw: FIRMWARE, ...this.#identity }));
    });
  }

  #register(address: number): void {
    this.#announcement?.();
    this.#address = address;
    this.#heard();
    this.#in(ANSWER_MS, () => {
      if (this.#quirks.silent !== true) this.#send("timeRequest", {});
    });
  }

  #answerLater(message: ClearMessage): void {
    this.#in(ANSWER_MS, () => {
      if (this.#address !== undefined) this.#answer(message, this.#address);
    });
  }

  #answer(message: ClearMessage, address: number): void {
    if (message.name === "hardwareRequest") {
      const { maxChargeCurrent, maxDischargeCurrent, endVoltage, hwVersion } = hardware();
      this.#send("hardware", { maxChargeCurrent, maxDischargeCurrent, endVoltage, hwVersion });
    }
    if (message.name === "statusRequest") this.#sendStatus();
    if (message.name === "detailRequest") {
      for (const cell of this.#cellsFor(message.values.cell)) this.#sendCell(cell);
    }
    if (message.name === "frameRequest") {
      this.#logRequests += 1;
      const wrongCrc = this.#quirks.badLogs === true && this.#logRequests % 2 === 1;
      const last = Math.floor((this.#kernel.now() - this.#startedAt) / LOG_PERIOD_MS);
      const wanted = message.values.counter;
      for (const frame of logFrames({ wanted, last, address, wrongCrc })) {
        this.#transmitter.send(frame);
      }
    }
  }

  #sendStatus(): void {
    const { cells, meter } = this;
    const state = this.#state;
    const told = telemetryOf({ cells, meter, state, tick: 0, boot: 0 });
    this.#send("status1", this.#broken(told.status1));
    this.#send("status2", told.status2);
    this.#send("status3", told.status3);
    this.#polls += 1;
    if (this.#polls % COMMS_EVERY === 0) {
      const errors = { i2cErrors: 0, framing: 0, firstI2cFault: NONE };
      this.#send("cellComms", { least: 1, most: 1, ...errors });
    }
  }

  #broken(status: ClearValues<"status1">): ClearValues<"status1"> {
    const { zeros, swapped } = this.#quirks;
    const zeroed = zeros === true ? { ...status, status: 0, soc: 0, soh: 0 } : status;
    return swapped === true ? exchanged(zeroed) : zeroed;
  }

  /** Firmware that loses count: some requests bring nothing, others three cells, one of them maybe beyond the last. */
  #cellsFor(asked: number): readonly number[] {
    if (this.#quirks.erraticCells !== true) return [asked];
    this.#cellRequests += 1;
    if (this.#cellRequests % 4 === 0) return [];
    const stray = (this.#cellRequests * 37) % (this.cells.cells + 3);
    return [stray, asked, stray];
  }

  #sendCell(cell: number): void {
    const detail = cellDetailOf(this.cells, Math.min(cell, this.cells.cells - 1));
    if (detail === undefined) return;
    const { cells, temperature, voltage, soc, soh } = detail;
    this.#send("cellDetail", { cell, cells, temperature, voltage, soc, soh });
  }

  #send<N extends ClearFrameName>(name: N, values: ClearValues<N>): void {
    const address = this.#address;
    if (address !== undefined) this.#transmitter.send(encodeClear(name, values, { address }));
  }

  #in(ms: number, task: () => void): Cancel {
    return this.#kernel.at(millis(this.#kernel.now() + ms), task);
  }
}

function decoded(frame: CanFrame): ClearMessage | undefined {
  try {
    return decodeClear(frame);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The 16 bits of voltage in the place of current, and the other way round. */
function exchanged(status: ClearValues<"status1">): ClearValues<"status1"> {
  const volts = Math.round(status.voltage / 0.015);
  const amps = Math.round(status.current / 0.02) + 32_768;
  return { ...status, current: (volts - 32_768) * 0.02, voltage: amps * 0.015 };
}
