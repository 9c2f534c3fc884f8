/** What is due for one module, looked at every 100 ms and at the times it names itself. */
import type { Millis, Slot } from "@wattseal/base";
import { follow, sourceOf, tellReading } from "./intake.js";
import { HARDWARE_TRIES } from "./limits.js";
import type { ModuleRecord } from "./module-record.js";
import type { LegacyLimits } from "./types.js";
import type { Voice } from "./voice.js";

export interface Duty {
  readonly limits: LegacyLimits;
  readonly maxState: number;
  readonly now: Millis;
}

export function lookAfter(record: ModuleRecord, slot: Slot, duty: Duty, voice: Voice): void {
  expireStatus(record, slot, duty, voice);
  holdToState(record, slot, duty, voice);
  askForCells(record, slot, duty, voice);
  if (record.transfer !== undefined) {
    follow(record, sourceOf(record, slot), record.transfer.timer(duty.now), voice);
  }
}

/** Asks for the status unless an answer is awaited. False: nothing was asked. */
export function poll(record: ModuleRecord, slot: Slot, now: Millis, voice: Voice): boolean {
  if (record.status.askedAt !== undefined) return false;
  record.status.asked(now);
  voice.send("statusRequest", slot, { id: slot });
  if (!record.isRegistered || record.hardwareKnown) return true;
  if (record.hardwareRequests < HARDWARE_TRIES) {
    record.hardwareRequests += 1;
    voice.send("hardwareRequest", slot, { id: slot });
  }
  return true;
}

function expireStatus(record: ModuleRecord, slot: Slot, duty: Duty, voice: Voice): void {
  const { askedAt } = record.status;
  if (askedAt === undefined || duty.now - askedAt < duty.limits.answerMs) return;
  const told = record.status.expire();
  if (told !== undefined) tellReading(record, sourceOf(record, slot), told, voice);
  if (record.phase.kind === "active") voice.event(record, { kind: "status-late" });
}

function holdToState(record: ModuleRecord, slot: Slot, duty: Duty, voice: Voice): void {
  const { order, state } = record;
  const step = order.next(state, duty.maxState, record.phase.kind === "faulted", duty.now);
  if (step === undefined) return;
  if (step.kind === "reached") {
    voice.event(record, { kind: "state-reached", state: step.state });
    return;
  }
  if (step.kind === "unreached") {
    voice.event(record, { kind: "state-unreached", state: step.state, reported: step.reported });
  }
  const { hvBusVoltage } = order;
  voice.send(
    "stateChange",
    slot,
    { id: slot, state: step.state, hvBusVoltage },
    { length: step.bytes },
  );
}

function askForCells(record: ModuleRecord, slot: Slot, { now }: Duty, voice: Voice): void {
  const { round } = record;
  if (round === undefined) return;
  const next = round.next(now);
  if (next === "wait") return;
  if (next === "over") {
    record.round = undefined;
    const { told, missing } = round;
    voice.tell({ kind: "cells", ...sourceOf(record, slot), told, missing });
    return;
  }
  voice.send("detailRequest", slot, { id: slot, cell: next });
}
