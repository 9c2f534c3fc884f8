import { InvariantViolation } from "@wattseal/base";
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
import { softwareOcmfSigner } from "@wattseal/lct-keys";
import type { LogReplay } from "@wattseal/verifier";
import { CliError } from "../errors.js";
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
}

const NO_ROWS = "no row ends in this period";

export interface ExportSetting {
  /** The log as far as it is replayed. */
  readonly replay: LogReplay;
  readonly head: ExportHead;
  readonly period: Period;
  /** State folder with the software anchor, for OCMF. */
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

/** Days wait, a few hundred bytes each, until the whole log has verified: the anchor signs for nothing less. */
function ocmf({ replay, period, state }: ExportSetting): Exporter {
  if (state === undefined) {
    throw new CliError(
      "usage",
      "an OCMF record is signed by the pack's anchor: name the state folder that holds its software anchor with --state. An anchor in a TPM signs through its running signer, which this command cannot ask",
    );
  }
  const directory = layoutOf(state).gateway.signer;
  const meter = new DayMeter();
  const days: LedgerDay[] = [];
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
      const signer = softwareOcmfSigner({ directory, document: documentOf(replay) });
      for (const day of days) yield `${await signer.ocmf(day)}\n`;
    },
    nothing: "no day is complete: a day is signed once a window of a later day is under the head",
  };
}

function documentOf({ chain }: LogReplay) {
  if (chain === undefined) throw new InvariantViolation("a signed log without its document");
  return chain.document;
}
