import { InvariantViolation, messageOf } from "@wattseal/base";
import type { Entry } from "@wattseal/energy-ledger";
import {
  csvHeader,
  csvLine,
  DayMeter,
  DEFAULT_LIMITS,
  type ExportHead,
  endOf,
  jsonLine,
  type LedgerDay,
  type LedgerRow,
  Passport,
  type Period,
  rowOf,
  StorageRecords,
  within,
} from "@wattseal/energy-ledger/exports";
import { dailyRecordDocument } from "@wattseal/gateway";
import { softwareOcmfSigner } from "@wattseal/lct-keys";
import { type LctDocument, ocmfPayload, verifyOcmf } from "@wattseal/lct-keys/verify";
import { type LogReplay, VerifierError } from "@wattseal/verifier";
import { layoutOf } from "../state/layout.js";

export const FORMATS = ["csv", "jsonl", "storage", "ocmf", "passport"] as const;
export type Format = (typeof FORMATS)[number];

/** Text out of entries that the verifier let pass. */
export interface Exporter {
  readonly start: string;
  /** Rows of an entry that was just replayed. */
  take(index: number, entry: Entry): string;
  /** What follows once the head over all entries has verified. */
  finish(): Iterable<string> | AsyncIterable<string>;
  /** For people, where nothing came of it. */
  readonly nothing: string;
  /** For people, after `finish`. */
  readonly notes?: () => readonly string[];
}

const NO_ROWS = "no row ends in this period";

export interface ExportSetting {
  /** The log as far as it is replayed. */
  readonly replay: LogReplay;
  readonly head: ExportHead;
  readonly period: Period;
  /** Texts beside the log, by name. */
  readonly stored: (name: string) => string | undefined;
  /** State folder with the software anchor, to sign OCMF records that are not there. */
  readonly state: string | undefined;
}

export function exporterFor(format: Format, setting: ExportSetting): Exporter {
  const makers = {
    csv: () => rows(setting, csvHeader(), csvLine),
    jsonl: () => rows(setting, "", jsonLine),
    storage: () => storage(setting),
    ocmf: () => ocmf(setting),
    passport: () => passport(setting),
  };
  return makers[format]();
}

function rows(
  { head, period }: ExportSetting,
  start: string,
  lineOf: (row: LedgerRow) => string,
): Exporter {
  return {
    start,
    take(index, entry) {
      if (!within(period, endOf(entry))) return "";
      const row = rowOf(index, entry, head);
      return row === undefined ? "" : lineOf(row);
    },
    finish: () => [],
    nothing: NO_ROWS,
  };
}

function storage({ replay, head, period }: ExportSetting): Exporter {
  const records = new StorageRecords(head);
  let before = replay.fold.summary();
  return {
    start: "",
    take(index, entry) {
      const after = replay.fold.summary();
      const made = records.take(index, entry, before, after);
      before = after;
      return within(period, endOf(entry)) ? made.map(jsonLine).join("") : "";
    },
    finish: () => [],
    nothing: NO_ROWS,
  };
}

function passport({ replay, head, period }: ExportSetting): Exporter {
  const attributes = new Passport(DEFAULT_LIMITS, period);
  return {
    start: "",
    take(index, entry) {
      attributes.take(index, entry);
      return "";
    },
    finish() {
      const document = attributes.document(documentOf(replay).lct, head);
      return [`${JSON.stringify(document, undefined, 2)}\n`];
    },
    nothing: NO_ROWS,
  };
}

/** Days wait, a few hundred bytes each, until the whole log has verified: nothing is signed or handed out for less. */
function ocmf({ replay, period, stored, state }: ExportSetting): Exporter {
  const meter = new DayMeter();
  const days: LedgerDay[] = [];
  const unsigned: LedgerDay[] = [];
  return {
    start: "",
    take(index, entry) {
      const day = meter.take(index, entry, {
        synchronised: replay.fold.synchronised,
        softwareVersion: replay.chain?.current?.softwareVersion ?? "",
        root: () => replay.root(),
      });
      if (day !== undefined && within(period, day.end.time)) days.push(day);
      return "";
    },
    async *finish() {
      const document = documentOf(replay);
      const signer =
        state === undefined
          ? undefined
          : softwareOcmfSigner({ directory: layoutOf(state).gateway.signer, document });
      for (const day of days) {
        const kept = stored(dailyRecordDocument(day.page));
        if (kept !== undefined) requireRecord(kept, day, document);
        const record = kept ?? (await signer?.ocmf(day));
        if (record === undefined) unsigned.push(day);
        else yield `${record}\n`;
      }
    },
    nothing: "no record: a day has one once a window of a later day is under the head",
    notes: () => unsigned.map(unsignedNote),
  };
}

/** What lies beside the log is believed as little as the log itself. */
function requireRecord(record: string, day: LedgerDay, document: LctDocument): void {
  const { anchor } = document;
  try {
    if (anchor.type !== "p256") throw new Error("the log's anchor is no P-256 key");
    if (verifyOcmf(record, anchor.publicKey) === ocmfPayload(day, document)) return;
    throw new Error("it does not say what the log says");
  } catch (cause) {
    const name = dailyRecordDocument(day.page);
    throw new VerifierError("file", `${name} beside the log: ${messageOf(cause)}`, { cause });
  }
}

function unsignedNote({ page, start }: LedgerDay): string {
  const date = new Date(start).toISOString().slice(0, 10);
  return `page F${page}, ${date}, is not signed: the gateway does it when it runs, --state names the folder of a software anchor that can`;
}

function documentOf({ chain }: LogReplay) {
  if (chain === undefined) throw new InvariantViolation("a signed log without its document");
  return chain.document;
}
