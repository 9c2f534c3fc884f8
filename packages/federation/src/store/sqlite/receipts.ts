/** The receipt log: its leaves as bundles, and its edge and newest head in one row. */
import { concatBytes } from "@wattseal/base";
import { bundlesOf, grownBy, NO_RECEIPTS, type ReceiptLogGrowth } from "../../receipts/growth.js";
import type { SignHead, StoredReceiptLog } from "../../receipts/port.js";
import { storedReceiptLog, unbundled } from "../receipt-row.js";
import type { Access } from "../row.js";
import { rootsInARow } from "../subtree-row.js";

/** Inside the transaction of the receipts that the records are of. */
export function growReceiptLog(
  access: Access,
  records: readonly Uint8Array[],
  sign: SignHead | undefined,
): void {
  if (records.length > 0) enter(access, grownBy(records, receiptLogIn(access), sign));
}

/** Inside a transaction. */
export function beginReceiptLog(
  access: Access,
  records: readonly Uint8Array[],
  sign: SignHead,
  behind: string | undefined,
): string {
  const log = receiptLogIn(access);
  if (log.note !== undefined && log.note !== behind) return log.note;
  const growth = grownBy(log.note === undefined ? records : [], log, sign);
  enter(access, growth);
  return growth.next.note ?? "";
}

function enter(access: Access, { next, first, records, subtrees }: ReceiptLogGrowth): void {
  access.run("INSERT OR REPLACE INTO receipt_log (id, size, nodes, note) VALUES (1, ?, ?, ?)", [
    next.size,
    concatBytes(...next.nodes),
    next.note ?? null,
  ]);
  for (const bundle of bundlesOf(first, records)) {
    access.run("INSERT INTO receipt_bundle (first, count, data) VALUES (?, ?, ?)", bundle);
  }
  for (const { tile, index, root } of subtrees) {
    access.run("INSERT INTO receipt_subtree (tile, place, root) VALUES (?, ?, ?)", [
      tile,
      index,
      root,
    ]);
  }
}

export function receiptLogIn(access: Access): StoredReceiptLog {
  const [row] = access.all("SELECT size, nodes, note FROM receipt_log", []);
  return row === undefined ? NO_RECEIPTS : storedReceiptLog(row);
}

export function receiptRecordsIn(access: Access, from: number, limit: number): Uint8Array[] {
  const rows = access.all(
    `SELECT first, count, data FROM receipt_bundle WHERE first < ?
      AND first >= (SELECT coalesce(max(first), 0) FROM receipt_bundle WHERE first <= ?) ORDER BY first`,
    [from + limit, from],
  );
  return unbundled(rows, from, limit, "receipt log");
}

export function receiptSubtreesIn(
  access: Access,
  tile: number,
  { index, count }: { readonly index: number; readonly count: number },
): Uint8Array[] {
  const rows = access.all(
    "SELECT place, root FROM receipt_subtree WHERE tile = ? AND place >= ? AND place < ? ORDER BY place",
    [tile, index, index + count],
  );
  return rootsInARow(rows, index);
}
