import {
  csvHeader,
  csvLine,
  DEFAULT_LIMITS,
  endOf,
  jsonLine,
  type LedgerRow,
  Passport,
  rowOf,
  StorageRecords,
  within,
} from "@wattseal/energy-ledger/exports";
import { documentOf, type Exporter, type ExportSetting } from "./exporter.js";
import { ocmf } from "./ocmf.js";

export const FORMATS = ["csv", "jsonl", "storage", "ocmf", "passport"] as const;
export type Format = (typeof FORMATS)[number];

const NO_ROWS = "no row ends in this period";

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
