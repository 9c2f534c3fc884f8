/** What a registered module's frames mean. */
import type { Millis, ModuleUid, Slot } from "@wattseal/base";
import type { ModuleSays } from "./clear-guard.js";
import type { TransferStep } from "./log-transfer.js";
import type { ModuleRecord } from "./module-record.js";
import { looksSwapped, type Told } from "./status-round.js";
import type { Voice } from "./voice.js";

const STATUS_PARTS = { status1: 1, status2: 2, status3: 3 } as const;

export interface Source {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  readonly authenticated: false;
}

export function sourceOf(record: ModuleRecord, slot: Slot): Source {
  return { uid: record.uid, slot, authenticated: false };
}

/** `data` are the bytes that `message` was read from. True when the module asks for the time. */
export function take(
  record: ModuleRecord,
  slot: Slot,
  { message, data }: { readonly message: ModuleSays; readonly data: Uint8Array },
  now: Millis,
  voice: Voice,
): boolean {
  const source = sourceOf(record, slot);
  switch (message.name) {
    case "status1":
      record.cells = message.values.cells;
      record.state = message.values.state;
      takeStatus(record, source, STATUS_PARTS.status1, data, now, voice);
      break;
    case "status2":
    case "status3":
      takeStatus(record, source, STATUS_PARTS[message.name], data, now, voice);
      break;
    case "hardware":
      if (record.hardwareKnown) break;
      record.hardwareKnown = true;
      voice.tell({ kind: "hardware", ...source, hardware: message.values });
      break;
    case "cellDetail":
      if (takeCell(record, message.values, now)) {
        voice.tell({ kind: "cell", ...source, cell: message.values });
      }
      break;
    case "cellComms":
      voice.tell({ kind: "cell-comms", ...source, comms: message.values });
      break;
    case "frameStart":
    case "frameData":
    case "frameEnd":
      follow(record, source, transferStep(record, message, data, now), voice);
      break;
    case "timeRequest":
      return true;
    case "announce":
      break;
  }
  return false;
}

function takeStatus(
  record: ModuleRecord,
  source: Source,
  part: 1 | 2 | 3,
  data: Uint8Array,
  now: Millis,
  voice: Voice,
): void {
  const told = record.status.take(part, data, now);
  if (told !== undefined) tellReading(record, source, told, voice);
}

export function tellReading(record: ModuleRecord, source: Source, told: Told, voice: Voice): void {
  record.readings += 1;
  voice.tell({ kind: "reading", ...source, ...told });
  if (record.toldSwapped || !looksSwapped(told)) return;
  record.toldSwapped = true;
  voice.event(record, { kind: "looks-swapped" });
}

/** Unasked ones are taken too, as far as the module can have such a cell. */
function takeCell(
  record: ModuleRecord,
  { cell, cells }: { readonly cell: number; readonly cells: number },
  now: Millis,
): boolean {
  if (record.round !== undefined) return record.round.take(cell, cells, now);
  return cell < (record.cells === 0 ? cells : record.cells);
}

function transferStep(
  { transfer }: ModuleRecord,
  message: Extract<ModuleSays, { name: "frameStart" | "frameData" | "frameEnd" }>,
  data: Uint8Array,
  now: Millis,
): TransferStep {
  if (transfer === undefined) return { kind: "wait" };
  switch (message.name) {
    case "frameStart":
      return transfer.start(message.values.counter, message.values.segments, now);
    case "frameData":
      return transfer.segment(message.sequence, data, now);
    case "frameEnd":
      return transfer.end(message.values.crc, now);
  }
}

/** Carries a transfer on. */
export function follow(
  record: ModuleRecord,
  source: Source,
  step: TransferStep,
  voice: Voice,
): void {
  switch (step.kind) {
    case "wait":
      return;
    case "ask":
      voice.send("frameRequest", source.slot, { counter: step.counter });
      return;
    case "done":
      record.transfer = undefined;
      voice.tell({ kind: "log-frame", ...source, counter: step.counter, data: step.data });
      return;
    case "failed": {
      const counter = record.transfer?.wanted ?? 0;
      record.transfer = undefined;
      voice.event(record, { kind: "transfer-failed", counter, reason: step.reason });
    }
  }
}
