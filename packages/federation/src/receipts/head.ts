import { messageOf } from "@wattseal/base";
import { formatVkey, type NoteSigner, signCheckpoint, verifyCheckpoint } from "@wattseal/tlog";
import { FederationError } from "../errors.js";
import type { ReceiptLogStore, SignHead } from "./port.js";

export function signedBy(log: NoteSigner): SignHead {
  return (head) => signCheckpoint(head, log);
}

/**
 * The store's receipt log has one key, all workers'. Throws FederationError `configuration` where another one signed its
 * newest head: with two keys it would be two logs, and each would look cut off.
 */
export async function beginReceiptLog(store: ReceiptLogStore, log: NoteSigner): Promise<void> {
  const note = await store.beginReceiptLog(signedBy(log));
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
