import { messageOf } from "@wattseal/base";
import { formatVkey, type NoteSigner, signCheckpoint, verifyCheckpoint } from "@wattseal/tlog";
import { encodeReceiptRecord, NO_STATEMENTS } from "@wattseal/verifier";
import { FederationError } from "../errors.js";
import type { FederationStore, StoredPack } from "../store/port.js";
import type { SignHead } from "./port.js";

export function signedBy(log: NoteSigner): SignHead {
  return (head) => signCheckpoint(head, log);
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
 * The store's receipt log has one key, all workers'. Throws FederationError `configuration` where another one signed its
 * newest head: with two keys it would be two logs, and each would look cut off.
 */
export async function beginReceiptLog(store: FederationStore, log: NoteSigner): Promise<void> {
  const note =
    (await store.receiptLog()).note ??
    (await store.beginReceiptLog(olderRecords(await store.packs()), signedBy(log)));
  try {
    verifyCheckpoint(note, log);
  } catch (cause) {
    const own = formatVkey({ ...log, type: "ed25519" });
    throw new FederationError(
      "configuration",
      `the store's receipt log is not signed with this worker's key, ${own} (${messageOf(cause)}). Give every worker on a store the same receipts.pem and witness`,
      { cause },
    );
  }
}
