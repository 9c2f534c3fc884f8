import type { Millis, Slot } from "@wattseal/base";
import { foreign, type ModuleSays } from "./clear-guard.js";
import type { ModuleRecord } from "./module-record.js";
import { type LegacyAction, type LegacyPhaseEvent, stepLegacy } from "./phase.js";
import { SlotBook } from "./slots.js";
import type { LegacyLimits } from "./types.js";
import type { Voice } from "./voice.js";

/** Who holds which id: steps each module's phase and carries out what that calls for. */
export class Registrar {
  readonly #records: readonly ModuleRecord[];
  readonly #limits: LegacyLimits;
  readonly #controller: number;
  readonly #voice: Voice;
  readonly #slots: SlotBook;

  constructor(options: {
    readonly records: readonly ModuleRecord[];
    readonly securedSlots: readonly Slot[];
    readonly limits: LegacyLimits;
    readonly controller: number;
    readonly voice: Voice;
  }) {
    this.#records = options.records;
    this.#limits = options.limits;
    this.#controller = options.controller;
    this.#voice = options.voice;
    this.#slots = new SlotBook(options.securedSlots);
  }

  holderOf(at: Slot): ModuleRecord | undefined {
    return this.#records.find(({ holdsSlot, slot }) => holdsSlot && slot === at);
  }

  step(record: ModuleRecord, event: LegacyPhaseEvent, now: Millis): void {
    const step = stepLegacy(record.phase, event, { now, limits: this.#limits });
    if (step === undefined) return;
    record.phase = step.phase;
    for (const action of step.actions) this.#act(record, action, now);
  }

  /** Someone holds an id that we did not give: it is sent away, so that it announces itself. */
  stray(at: Slot, message: ModuleSays, now: Millis): void {
    this.#voice.alarm(foreign(message), now);
    if (this.#slots.stray(at, now)) this.#sendAway(at);
  }

  #act(record: ModuleRecord, action: LegacyAction, now: Millis): void {
    const voice = this.#voice;
    const { slot, fw, phase } = record;
    switch (action) {
      case "register":
        this.#register(record, now);
        break;
      case "registered":
        if (slot !== undefined) voice.event(record, { kind: "registered", slot, fw });
        break;
      case "fault":
        if (phase.kind === "faulted") {
          voice.event(record, { kind: "comms-fault", strikes: phase.strikes });
        }
        break;
      case "restore":
        voice.event(record, { kind: "comms-restored" });
        break;
      case "deregister":
        if (slot !== undefined) this.#sendAway(slot);
        break;
      case "restarted":
      case "lost":
      case "silent":
      case "ordered":
        record.forget();
        voice.event(record, { kind: "deregistered", reason: action });
        break;
    }
  }

  /** The hardware request shows whether the registration has arrived. */
  #register(record: ModuleRecord, now: Millis): void {
    const taken = new Set<Slot>();
    for (const { slot } of this.#records) if (slot !== undefined) taken.add(slot);
    if (record.slot !== undefined) taken.delete(record.slot);
    const at = this.#slots.choose(taken, record.slot, now);
    if (at === undefined) {
      record.phase = { kind: "absent" };
      this.#voice.event(record, { kind: "no-slot" });
      return;
    }
    record.slot = at;
    record.forget();
    const controller = this.#controller;
    this.#voice.broadcast("register", { id: at, controller, ...record.identity });
    this.#voice.send("hardwareRequest", at, { id: at });
  }

  #sendAway(at: Slot): void {
    this.#voice.send("deregister", at, { id: at, controller: this.#controller });
  }
}
