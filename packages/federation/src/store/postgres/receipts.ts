/**
 * The receipt log, one for all workers: whoever commits receipts holds the lock on its one row from here to the end of the
 * transaction, so leaves have one order and each head extends the last. Nothing is locked after it.
 */
import { concatBytes } from "@wattseal/base";
import { bundlesOf, grownBy, NO_RECEIPTS, type ReceiptLogGrowth } from "../../receipts/growth.js";
import type { SignHead, StoredReceiptLog } from "../../receipts/port.js";
import { storedReceiptLog, unbundled } from "../receipt-row.js";
import { rootsInARow } from "../subtree-row.js";
import type { Session } from "./database.js";
import { insertRows } from "./values.js";

type Reader = Pick<Session, "all">;

const LOG = "SELECT size, nodes, note FROM wattseal.receipt_log";

/** Inside the transaction of the receipts that the records are of, as its last statements. */
export async function growReceiptLog(
  session: Session,
  records: readonly Uint8Array[],
  sign: SignHead | undefined,
): Promise<void> {
  if (records.length === 0) return;
  await enter(session, grownBy(records, await lockedLog(session), sign));
}

/** Of several workers that begin at once one signs; the others get its head. */
export async function beginReceiptLog(
  session: Session,
  records: readonly Uint8Array[],
  sign: SignHead,
  behind: string | undefined,
): Promise<string> {
  const log = await lockedLog(session);
  if (log.note !== undefined && log.note !== behind) return log.note;
  const growth = grownBy(log.note === undefined ? records : [], log, sign);
  await enter(session, growth);
  return growth.next.note ?? "";
}

async function enter(
  session: Session,
  { next, first, records, subtrees }: ReceiptLogGrowth,
): Promise<void> {
  const [bundle, ...more] = bundlesOf(first, records);
  const edge = [next.size, concatBytes(...next.nodes), next.note ?? null];
  const update = "UPDATE wattseal.receipt_log SET size = $1, nodes = $2, note = $3";
  await session.run(
    bundle === undefined
      ? update
      : `WITH bundle AS (INSERT INTO wattseal.receipt_bundle (first, count, data) VALUES ($4, $5, $6)) ${update}`,
    [...edge, ...(bundle ?? [])],
  );
  await insertRows(session, "wattseal.receipt_bundle (first, count, data)", more);
  const rows = subtrees.map(({ tile, index, root }) => [tile, index, root]);
  await insertRows(session, "wattseal.receipt_subtree (tile, place, root)", rows);
}

async function lockedLog(session: Session): Promise<StoredReceiptLog> {
  const [row] = await session.all(`${LOG} FOR UPDATE`);
  if (row !== undefined) return storedReceiptLog(row);
  await session.run(
    "INSERT INTO wattseal.receipt_log (id, size, nodes) VALUES (1, 0, '') ON CONFLICT DO NOTHING",
  );
  return lockedLog(session);
}

export async function receiptLogIn(reader: Reader): Promise<StoredReceiptLog> {
  const [row] = await reader.all(LOG);
  return row === undefined ? NO_RECEIPTS : storedReceiptLog(row);
}

export async function receiptRecordsIn(
  reader: Reader,
  from: number,
  limit: number,
): Promise<Uint8Array[]> {
  const rows = await reader.all(
    `SELECT first, count, data FROM wattseal.receipt_bundle WHERE first < $2
      AND first >= (SELECT coalesce(max(first), 0) FROM wattseal.receipt_bundle WHERE first <= $1) ORDER BY first`,
    [from, from + limit],
  );
  return unbundled(rows, from, limit, "receipt log");
}

export async function receiptSubtreesIn(
  reader: Reader,
  tile: number,
  { index, count }: { readonly index: number; readonly count: number },
): Promise<Uint8Array[]> {
  const rows = await reader.all(
    "SELECT place, root FROM wattseal.receipt_subtree WHERE tile = $1 AND place >= $2 AND place < $3 ORDER BY place",
    [tile, index, index + count],
  );
  return rootsInARow(rows, index);
}
