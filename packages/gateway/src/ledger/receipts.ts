import { concatBytes, sha256, toHex, utf8 } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import type { Destination } from "@wattseal/uplink";

/** Documents beside the log with this prefix hold the last receipt of a witness under one key each. */
export const RECEIPT_PREFIX = "receipt.";

/** By name and key: what a key has cosigned stays what it was when the witness goes on to another one. */
export function receiptDocument(name: string, publicKey: Uint8Array): string {
  const id = sha256(concatBytes(publicKey, utf8(name)));
  return RECEIPT_PREFIX + toHex(id.subarray(0, 8));
}

export interface KeptReceipt {
  /** Its document's name. */
  readonly document: string;
  readonly text: string;
  /** As it says, nothing is verified; infinite for what is no receipt, which is to be refused by name. */
  readonly size: number;
}

/** The furthest of the receipts that are kept under a witness's pinned keys; undefined where there is none. */
export function keptReceipt(
  log: { readDocument(name: string): string | undefined },
  { name, publicKeys }: Destination,
): KeptReceipt | undefined {
  const kept = publicKeys.flatMap((publicKey): KeptReceipt[] => {
    const document = receiptDocument(name, publicKey);
    const text = log.readDocument(document);
    return text === undefined ? [] : [{ document, text, size: sizeOf(text) }];
  });
  return kept.sort((a, b) => b.size - a.size)[0];
}

function sizeOf(receipt: string): number {
  try {
    return unverifiedCheckpoint(receipt).size;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
