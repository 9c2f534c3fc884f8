import { concatBytes, sha256, toHex, utf8 } from "@wattseal/base";
import type { Destination } from "@wattseal/uplink";

/** Documents beside the log with this prefix hold the last receipt of a witness each. */
export const RECEIPT_PREFIX = "receipt.";
/** By name and key: a witness that changes its key starts afresh, and its old receipts stay what they were. */
export function receiptDocument({ name, publicKey }: Destination): string {
  const id = sha256(concatBytes(publicKey, utf8(name)));
  return RECEIPT_PREFIX + toHex(id.subarray(0, 8));
}
