/** RFC 4180: a header, CRLF, fields quoted where they have to be. Units are in the column names; decimals are exact. */
import type { LedgerRow } from "./rows.js";
import { decimal } from "./text.js";

type Cell = string | number | undefined;
const scaled = (value: number | undefined, places: number): Cell =>
  value === undefined ? undefined : decimal(value, places);
const wattHours = (mwh: number | undefined) => scaled(mwh, 3);

const COLUMNS: readonly (readonly [name: string, cell: (row: LedgerRow) => Cell])[] = [
  ["record", (row) => row.record],
  ["entry", (row) => row.index],
  ["entry_time_utc", (row) => row.time],
  ["from_utc", (row) => row.from],
  ["to_utc", (row) => row.to],
  ["module", (row) => row.module],
  ["in_wh", (row) => wattHours(row.inMwh)],
  ["out_wh", (row) => wattHours(row.outMwh)],
  ["integral_in_wh", (row) => wattHours(row.integralInMwh)],
  ["integral_out_wh", (row) => wattHours(row.integralOutMwh)],
  ["counter_in_wh", (row) => wattHours(row.counterInMwh)],
  ["counter_out_wh", (row) => wattHours(row.counterOutMwh)],
  ["voltage_low_v", (row) => scaled(row.voltageLowMv, 3)],
  ["voltage_high_v", (row) => scaled(row.voltageHighMv, 3)],
  ["current_low_a", (row) => scaled(row.currentLowMa, 3)],
  ["current_high_a", (row) => scaled(row.currentHighMa, 3)],
  ["temperature_low_c", (row) => scaled(row.temperatureLowCentiC, 2)],
  ["temperature_high_c", (row) => scaled(row.temperatureHighCentiC, 2)],
  ["soc_start_pct", (row) => row.socStartPct],
  ["soc_end_pct", (row) => row.socEndPct],
  ["readings", (row) => row.readings],
  ["verdict", (row) => row.verdict],
  ["net_wh", (row) => wattHours(row.netMwh)],
  ["count", (row) => row.count],
  ["amount_wh", (row) => wattHours(row.amountMwh)],
  ["lot_wh", (row) => wattHours(row.lotMwh)],
  ["withheld_wh", (row) => wattHours(row.withheldMwh)],
  ["tier_bps", (row) => row.tierBps],
  ["sources_wh", (row) => row.sources?.map((s) => `${s.source}=${wattHours(s.mwh)}`).join(" ")],
  ["note", (row) => row.note],
  ["log_origin", (row) => row.proof.origin],
  ["proof_first", (row) => row.proof.first],
  ["proof_last", (row) => row.proof.last],
  ["head_size", (row) => row.proof.size],
  ["head_root", (row) => row.proof.root],
];

/**
 * Some text comes from strangers. What a spreadsheet would take for a formula gets an apostrophe in front, also behind
 * white space, which some importers trim, and in full-width forms, which some take for the narrow ones.
 */
const FORMULA = /^[\t\r\n]|^\s*[=+\-@＝＋－＠]/;
/** Would show cells in another order than they stand, or end a line where some readers think that it ends. */
const UNSEEN = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const TO_QUOTE = /[",\r\n]/;

const codePoint = (unseen: string) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One field. Numbers, and decimals that we printed, stay as they are. */
export function csvField(value: string): string {
  const number = /^-?\d+(\.\d+)?$/.test(value);
  const shown = value.replace(UNSEEN, codePoint);
  const safe = !number && FORMULA.test(shown) ? `'${shown}` : shown;
  return TO_QUOTE.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const lineOf = (cells: readonly Cell[]): string =>
  `${cells.map((cell) => (cell === undefined ? "" : csvField(String(cell)))).join(",")}\r\n`;

export const csvHeader = (): string => lineOf(COLUMNS.map(([name]) => name));

export const csvLine = (row: LedgerRow): string => lineOf(COLUMNS.map(([, cell]) => cell(row)));
