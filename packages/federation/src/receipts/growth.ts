/** What a transaction adds to the receipt log. */
import { Frontier, leafHash } from "@wattseal/tlog";
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

/** Leaves for the receipt log, of commits that are stored, in their order. */
export function recordsOf(stored: readonly PackCommit[]): readonly Uint8Array[] {
  return stored.flatMap(({ receipt }) => (receipt?.record === undefined ? [] : [receipt.record]));
}

/** The head that a log is given which has none. */
export function firstHead({ size, nodes }: StoredReceiptLog, sign: SignHead): string {
  return sign({ size, root: Frontier.from(size, nodes).root() });
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
