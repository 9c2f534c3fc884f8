/** What a transaction adds to the receipt log. */
import { encodeBundle, Frontier, leafHash } from "@wattseal/tlog";
import { BLOCK, type Subtree } from "../folds/growth.js";
import { completedSubtrees } from "../folds/subtrees.js";
import type { PackCommit } from "../store/port.js";
import type { SignHead, StoredReceiptLog } from "./port.js";

export interface ReceiptLogGrowth {
  readonly next: StoredReceiptLog;
  /** Index of the first of `records`. */
  readonly first: number;
  readonly records: readonly Uint8Array[];
  readonly subtrees: readonly Subtree[];
}

export const NO_RECEIPTS: StoredReceiptLog = { size: 0, nodes: [], note: undefined };

/** Leaves to a row, at most: a read takes whole rows. */
const MOST_BUNDLED = 256;

/** Rows of first leaf, count, and data. */
export function bundlesOf(
  first: number,
  records: readonly Uint8Array[],
): [number, number, Uint8Array][] {
  const rows: [number, number, Uint8Array][] = [];
  for (let at = 0; at < records.length; at += MOST_BUNDLED) {
    const part = records.slice(at, at + MOST_BUNDLED);
    rows.push([first + at, part.length, encodeBundle(part)]);
  }
  return rows;
}

/** Leaves for the receipt log, of commits that are stored, in their order. */
export function recordsOf(stored: readonly PackCommit[]): readonly Uint8Array[] {
  return stored.flatMap(({ receipt }) => (receipt?.record === undefined ? [] : [receipt.record]));
}

/** `log` is as this transaction has it locked. */
export function grownBy(
  records: readonly Uint8Array[],
  log: StoredReceiptLog,
  sign: SignHead | undefined,
): ReceiptLogGrowth {
  const frontier = Frontier.from(log.size, log.nodes);
  const subtrees: Subtree[] = [];
  for (const record of records) {
    const hash = leafHash(record);
    const index = frontier.size;
    if ((index + 1) % BLOCK === 0) subtrees.push(...completedSubtrees(index, hash, frontier));
    frontier.append(hash);
  }
  const { size } = frontier;
  const note = sign?.({ size, root: frontier.root() }) ?? log.note;
  return { next: { size, nodes: frontier.nodes(), note }, first: log.size, records, subtrees };
}
