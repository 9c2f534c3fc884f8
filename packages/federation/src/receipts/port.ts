/**
 * The receipt log: the federation's own, one leaf for each receipt that it gives (packages/verifier: receipt-log). Whoever
 * can write the store can change it, and is found out by whoever kept a head of it, or a receipt that is no longer in it.
 */
import type { StoredHead, StoredPosition } from "../store/port.js";

/** The receipt log as it is stored. */
export interface StoredReceiptLog extends StoredPosition {
  /** The newest signed head: a checkpoint under the federation's log key. Undefined: none was signed yet. */
  readonly note: string | undefined;
}

/** Signs a head of the receipt log that extends all before it; the note. Called inside the store's transaction. */
export type SignHead = (head: StoredHead) => string;

export interface ReceiptLogStore {
  receiptLog(): Promise<StoredReceiptLog>;
  /**
   * The newest signed head. Where there is none yet, `records` become leaves, and what is there is signed; where it still is
   * `behind`, which lacks a signature, what is there is signed again, without them.
   */
  beginReceiptLog(records: readonly Uint8Array[], sign: SignHead, behind?: string): Promise<string>;
  /** Up to `limit` leaves from index `from` on; fewer at the end. */
  receiptRecords(from: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Roots of `count` complete subtrees of 256^tile leaves in a row, from number `index` on; fewer where they are not complete. */
  receiptSubtrees(tile: number, index: number, count: number): Promise<readonly Uint8Array[]>;
}
