/**
 * The pack's side of the clear-text modules on one bus, as deployed pack controllers do it: registration, polling
 * in turn, heartbeat, state orders, strikes, and on request cells, hardware and log frames.
 *
 * Trust: nothing here is authenticated. Anyone on the wire can speak for a listed module, and anyone can order
 * one about; every reading says so. Paired modules are never spoken to, nor listened to, here.
 */
import { type Millis, type ModuleUid, millis, slot } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { encodeClear, uidOf } from "../catalogue/clear-codec.js";
import { MODULE_STATE } from "../catalogue/scales.js";
import { CanProtocolError } from "../errors.js";
import { NEVER } from "../link/link-time.js";
import { CellRound } from "./cell-round.js";
import { ClearInspector, foreign, type ModuleSays } from "./clear-guard.js";
import { take } from "./intake.js";
import { LEGACY_LIMITS } from "./limits.js";
import { LogTransfer } from "./log-transfer.js";
import { ModuleRecord } from "./module-record.js";
import { Registrar } from "./registrar.js";
import type {
  LegacyLimits,
  LegacyModuleStatus,
  LegacyPackEffect,
  LegacyPackEvent,
  LegacyPackOptions,
} from "./types.js";
import { lookAfter, poll } from "./upkeep.js";
import { Voice } from "./voice.js";

const MOST_MODULES = 31;
const TIME_SPACING_MS = 1000;
const DEFAULT_CONTROLLER = 1;

export class LegacyPack {
  readonly #limits: LegacyLimits;
  readonly #controller: number;
  readonly #timeValid: boolean;
  readonly #records: readonly ModuleRecord[];
  readonly #byUid: ReadonlyMap<ModuleUid, ModuleRecord>;
  readonly #inspector: ClearInspector;
  readonly #registrar: Registrar;
  readonly #voice: Voice;
  #open = false;
  #busOff = false;
  #maxState: number;
  #announceAt = 0;
  #tickAt = 0;
  #heartbeatAt = 0;
  #timeAt = 0;
  /** Whose turn it is to be polled. */
  #turn = 0;

  /** Throws CanProtocolError `legacy-modules` for a module that is paired, listed twice, or one too many. */
  constructor(options: LegacyPackOptions) {
    const { modules, secured } = options;
    this.#limits = { ...LEGACY_LIMITS, ...options.limits };
    this.#controller = options.controller ?? DEFAULT_CONTROLLER;
    this.#timeValid = options.timeValid ?? false;
    this.#maxState = options.maxState ?? MODULE_STATE.off;
    this.#records = modules.map((module) => new ModuleRecord(module, this.#limits));
    this.#byUid = new Map(this.#records.map((record) => [record.uid, record]));
    checkModules(options, this.#byUid.size);
    const securedSlots = secured.map((module) => module.slot);
    this.#inspector = new ClearInspector(secured);
    this.#voice = new Voice(securedSlots, this.#limits.alarmSpacingMs);
    this.#registrar = new Registrar({
      records: this.#records,
      securedSlots,
      limits: this.#limits,
      controller: this.#controller,
      voice: this.#voice,
    });
  }

  get modules(): readonly LegacyModuleStatus[] {
    return this.#records.map((record) => ({
      uid: record.uid,
      phase: record.phase.kind,
      slot: record.isRegistered ? record.slot : undefined,
      state: record.state,
      lastHeard: record.lastHeard,
      readings: record.readings,
    }));
  }

  /** When `handle({kind: "timer"}, …)` is next due. */
  get deadline(): Millis | undefined {
    const earliest = Math.min(this.#voice.alarmsDeadline, this.#speaks ? this.#earliest() : NEVER);
    return earliest === NEVER ? undefined : millis(earliest);
  }

  #earliest(): number {
    let earliest: number = this.#announceAt;
    if (this.#records.some(({ holdsSlot }) => holdsSlot)) {
      earliest = Math.min(earliest, this.#tickAt, this.#heartbeatAt);
    }
    for (const { round } of this.#records) {
      if (round !== undefined) earliest = Math.min(earliest, round.until);
    }
    return earliest;
  }

  /** Throws CanProtocolError `legacy-modules` or `field-range` for an order about no listed module, or of no such value. */
  handle(event: LegacyPackEvent, now: Millis): readonly LegacyPackEffect[] {
    switch (event.kind) {
      case "frame":
        if (this.#open && !this.#busOff) this.#frame(event.frame, now);
        break;
      case "timer":
        this.#timer(now);
        break;
      case "open":
        this.#start(now);
        break;
      case "close":
        this.#close();
        break;
      case "bus":
        this.#bus(event.state === "bus-off", now);
        break;
      case "max-state":
        checkState(event.state);
        this.#maxState = event.state;
        this.#heartbeat(now);
        break;
      case "order":
        this.#order(event);
        break;
      case "isolate":
        this.#isolate(now);
        break;
      case "deregister":
        this.#deregister(event.uid, now);
        break;
      case "admit":
        this.#registrar.step(this.#record(event.uid), "admit", now);
        break;
      case "hardware":
        this.#askHardware(this.#record(event.uid));
        break;
      case "cells":
        this.#askCells(this.#record(event.uid), now);
        break;
      case "log-frame":
        this.#askLogFrame(this.#record(event.uid), event.counter, now);
        break;
      case "time":
        if (this.#speaks) this.#tellTime(now);
        break;
    }
    this.#voice.tellAlarms(now);
    return this.#voice.flush();
  }

  get #speaks(): boolean {
    return this.#open && !this.#busOff;
  }

  // Start and end

  #start(now: Millis): void {
    if (this.#open) return;
    this.#open = true;
    if (this.#busOff) return;
    // Ids that an earlier controller gave are unknown here, and heartbeats would keep them alive.
    const controller = this.#controller;
    this.#voice.broadcast("allIsolate", { controller });
    this.#voice.broadcast("allDeregister", { controller });
    this.#announceAt = now;
    this.#requestAnnouncements(now);
  }

  /** Says nothing more: modules go Off by their own silence timer. */
  #close(): void {
    this.#open = false;
    this.#voice.tellLastAlarms();
    for (const record of this.#records) {
      if (record.isRegistered)
        this.#voice.event(record, { kind: "deregistered", reason: "closed" });
      record.forget();
      if (record.phase.kind !== "dismissed") record.phase = { kind: "absent" };
    }
  }

  #bus(off: boolean, now: Millis): void {
    if (off === this.#busOff) return;
    this.#busOff = off;
    if (off || !this.#open) return;
    // The silence was ours.
    for (const record of this.#records) {
      record.status.expire();
      if (record.isRegistered) {
        record.phase = { kind: "active", until: now + this.#limits.strikeMs };
      }
    }
    this.#announceAt = now;
    this.#tickAt = now;
    this.#heartbeatAt = now;
    this.#timer(now);
  }

  // Frames

  #frame(frame: CanFrame, now: Millis): void {
    const inspected = this.#inspector.inspect(frame);
    if (inspected === undefined) return;
    if (inspected.kind === "alarm") {
      this.#voice.alarm(inspected.alarm, now);
      return;
    }
    const { message } = inspected;
    if (message.name === "announce") this.#announced(message, now);
    else this.#spoken(message, frame.data, now);
  }

  #announced(message: Extract<ModuleSays, { name: "announce" }>, now: Millis): void {
    const record = this.#byUid.get(uidOf(message.values));
    if (record === undefined) {
      this.#voice.alarm(foreign(message), now);
      return;
    }
    // Who repeats itself gets its registration repeated by the clock, not by the frame.
    const { announcedAt } = record;
    if (announcedAt !== undefined && now - announcedAt < this.#limits.retryMs) return;
    record.announcedAt = now;
    record.fw = message.values.fw;
    this.#registrar.step(record, "announce", now);
  }

  #spoken(message: ModuleSays, data: Uint8Array, now: Millis): void {
    if (message.address < 1 || message.address > MOST_MODULES) return;
    const at = slot(message.address);
    const record = this.#registrar.holderOf(at);
    if (record === undefined) {
      this.#registrar.stray(at, message, now);
      return;
    }
    record.lastHeard = now;
    this.#registrar.step(record, "heard", now);
    if (take(record, at, { message, data }, now, this.#voice)) this.#timeRequested(now);
    lookAfter(record, at, this.#duty(now), this.#voice);
  }

  // Orders

  #record(uid: ModuleUid): ModuleRecord {
    const record = this.#byUid.get(uid);
    if (record !== undefined) return record;
    throw new CanProtocolError("legacy-modules", "usage", `module ${uid} is not listed`);
  }

  #order(event: Extract<LegacyPackEvent, { kind: "order" }>): void {
    const { uid, state, hvBusVoltage = 0 } = event;
    const record = this.#record(uid);
    checkState(state);
    encodeClear("stateChange", { id: 1, state, hvBusVoltage }, { address: 1 });
    record.order.order(state);
    record.order.hvBusVoltage = hvBusVoltage;
  }

  #isolate(now: Millis): void {
    this.#maxState = MODULE_STATE.off;
    if (!this.#speaks) return;
    this.#voice.broadcast("allIsolate", { controller: this.#controller });
    this.#heartbeat(now);
  }

  #deregister(uid: ModuleUid | undefined, now: Millis): void {
    if (uid === undefined && this.#speaks) {
      this.#voice.broadcast("allDeregister", { controller: this.#controller });
    }
    const records = uid === undefined ? this.#records : [this.#record(uid)];
    for (const record of records) this.#registrar.step(record, "deregister", now);
  }

  #askHardware(record: ModuleRecord): void {
    const { isRegistered, slot: at } = record;
    if (!isRegistered || at === undefined) return;
    record.hardwareKnown = false;
    record.hardwareRequests = 0;
    this.#voice.send("hardwareRequest", at, { id: at });
  }

  #askCells(record: ModuleRecord, now: Millis): void {
    if (!record.isRegistered || record.round !== undefined) return;
    record.round = new CellRound(record.cells, this.#limits, now);
  }

  #askLogFrame(record: ModuleRecord, counter: number, now: Millis): void {
    const { slot: at } = record;
    if (!record.isRegistered || at === undefined || record.transfer !== undefined) {
      this.#voice.event(record, { kind: "transfer-failed", counter, reason: "refused" });
      return;
    }
    this.#voice.send("frameRequest", at, { counter });
    record.transfer = new LogTransfer(counter, this.#limits, now);
  }

  // Time

  #timer(now: Millis): void {
    if (!this.#speaks) return;
    if (now >= this.#announceAt) this.#requestAnnouncements(now);
    if (!this.#records.some(({ holdsSlot }) => holdsSlot)) return;
    if (now >= this.#heartbeatAt) this.#heartbeat(now);
    const isTick = now >= this.#tickAt;
    if (isTick) this.#tickAt = now + this.#limits.pollMs;
    for (const record of this.#records) this.#lookAfter(record, now);
    if (isTick) this.#pollNext(now);
  }

  #lookAfter(record: ModuleRecord, now: Millis): void {
    if ("until" in record.phase && now >= record.phase.until)
      this.#registrar.step(record, "timer", now);
    const { slot: at } = record;
    if (record.isRegistered && at !== undefined) {
      lookAfter(record, at, this.#duty(now), this.#voice);
    }
  }

  #pollNext(now: Millis): void {
    const count = this.#records.length;
    for (let step = 0; step < count; step += 1) {
      const record = this.#records[(this.#turn + step) % count];
      const at = record?.slot;
      if (record?.holdsSlot !== true || at === undefined) continue;
      if (!poll(record, at, now, this.#voice)) continue;
      this.#turn = (this.#turn + step + 1) % count;
      return;
    }
  }

  #duty(now: Millis) {
    return { limits: this.#limits, maxState: this.#maxState, now };
  }

  #requestAnnouncements(now: Millis): void {
    this.#announceAt = now + this.#limits.announceMs;
    this.#voice.broadcast("announceRequest", { controller: this.#controller });
  }

  #heartbeat(now: Millis): void {
    this.#heartbeatAt = now + this.#limits.heartbeatMs;
    if (!this.#speaks) return;
    this.#voice.broadcast("maxState", { max: this.#maxState });
  }

  /** However often modules ask, once a second is enough for all of them. */
  #timeRequested(now: Millis): void {
    if (now >= this.#timeAt) this.#tellTime(now);
  }

  #tellTime(now: Millis): void {
    this.#timeAt = now + TIME_SPACING_MS;
    const time = Math.floor(now / 1000);
    this.#voice.broadcast("setTime", { time, rtcValid: this.#timeValid ? 1 : 0 });
  }
}

function checkModules({ modules, secured }: LegacyPackOptions, distinct: number): void {
  const refuse = (problem: string) => new CanProtocolError("legacy-modules", "usage", problem);
  if (distinct !== modules.length) throw refuse("a module is listed twice");
  if (modules.length + secured.length > MOST_MODULES) {
    throw refuse(
      `${modules.length} clear-text and ${secured.length} paired modules: a bus has ${MOST_MODULES} ids`,
    );
  }
  const paired = secured.find(({ uid }) => modules.some((module) => module.uid === uid));
  if (paired !== undefined)
    throw refuse(`module ${paired.uid} is paired: it does not speak in clear`);
}

function checkState(state: number): void {
  if (Number.isInteger(state) && state >= MODULE_STATE.off && state <= MODULE_STATE.on) return;
  throw new CanProtocolError("field-range", "usage", `${state} is not a module state`);
}
