import { bytesEqual, messageOf } from "@wattseal/base";
import {
  formatVkey,
  type NoteSigner,
  signCheckpoint,
  unverifiedCheckpoint,
  verifyLogHead,
} from "@wattseal/tlog";
import { encodeReceiptRecord, NO_STATEMENTS } from "@wattseal/verifier";
import { FederationError } from "../errors.js";
import type { FederationStore, StoredPack } from "../store/port.js";
import type { SignHead } from "./port.js";

/** The key of the log's heads, and the one that follows while it changes; both of its name. */
export type ReceiptLogKeys = readonly [NoteSigner, ...NoteSigner[]];

export function signedBy(keys: ReceiptLogKeys): SignHead {
  return (head) => signCheckpoint(head, ...keys);
}

/** Receipts that were given before there was a log: they stand for entries up to their size. */
function olderRecords(packs: readonly StoredPack[]): readonly Uint8Array[] {
  return packs.flatMap(({ receipt }) => {
    if (receipt === undefined) return [];
    const given = { receipt: receipt.text, first: receipt.size, statements: NO_STATEMENTS };
    return [encodeReceiptRecord(given)];
  });
}

/**
 * The store's receipt log has one key, all workers', and beside it the next one while it changes. Where the newest head lacks
 * a signature of these keys, it is signed again. Throws FederationError `configuration` where none of them signed it: with
 * keys of their own, workers would make two logs of it, and each would look cut off; `store-corrupt` where the store has
 * another tree than it says.
 */
export async function beginReceiptLog(store: FederationStore, keys: ReceiptLogKeys): Promise<void> {
  const { note } = await store.receiptLog();
  if (note !== undefined && signersOf(note, keys) === keys.length) return;
  const older = note === undefined ? olderRecords(await store.packs()) : [];
  const sign = note === undefined ? signedBy(keys) : signedAgain(keys, note);
  signersOf(await store.beginReceiptLog(older, sign, note), keys);
}

/** Signs the head of `note` or one beyond it: another of its size would be a second history, under the log's own key. */
function signedAgain(keys: ReceiptLogKeys, note: string): SignHead {
  const signed = unverifiedCheckpoint(note);
  return (head) => {
    const isSame = head.size === signed.size && bytesEqual(head.root, signed.root);
    if (isSame || head.size > signed.size) return signedBy(keys)(head);
    throw new FederationError(
      "store-corrupt",
      `the store's receipt log of ${head.size} receipts is not that of its newest head, which is of ${signed.size}: it is not signed again`,
    );
  };
}

/** How many of them signed it. */
function signersOf(note: string, keys: ReceiptLogKeys): number {
  const [{ name }] = keys;
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  try {
    return verifyLogHead(note, { name, publicKeys }).signers.length;
  } catch (cause) {
    const own = keys.map((key) => formatVkey({ ...key, type: "ed25519" })).join(" and ");
    throw new FederationError(
      "configuration",
      `the store's receipt log is not signed with this worker's key, ${own} (${messageOf(cause)}). Give every worker on a store the same receipts.pem (and receipts-next.pem) and witness`,
      { cause },
    );
  }
}
