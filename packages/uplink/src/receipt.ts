/**
 * Receipts: the pack's signed checkpoint with the federation's cosignature. Whoever holds the pinned
 * federation key can write one; all it can do with it is to claim delivery of what this pack did sign.
 */
import { bytesEqual, DecodeError, fromUtf8, messageOf, toBase64 } from "@wattseal/base";
import {
  type Checkpoint,
  parseCheckpoint,
  parseNote,
  verifyCheckpoint,
  verifyCosignature,
} from "@wattseal/tlog";
import { UplinkError } from "./errors.js";

/** A federation that witnesses this pack's log. */
export interface Destination {
  /** Key name of its cosignatures. */
  readonly name: string;
  /** Ed25519, 32 bytes, pinned. */
  readonly publicKey: Uint8Array;
}

/** What the pack knows of its own log. */
export interface OwnLog {
  /** Durable leaves. */
  readonly size: number;
  /** Root at a size from 1 to `size`. */
  root(size: number): Uint8Array;
  /** Ed25519 key of the last epoch that begins below `size`; undefined before the first. */
  keyAt(size: number): Uint8Array | undefined;
}

export interface ReceiptExpectation {
  readonly origin: string;
  readonly witness: Destination;
  readonly log: OwnLog;
}

export interface AcceptedReceipt {
  readonly checkpoint: Checkpoint;
  /** When the witness cosigned: seconds since 1970, UTC. */
  readonly time: number;
}

const SIGNATURE_LINES = 2;
const MAX_RECEIPT_BYTES = 4096;

/** Throws DecodeError. */
export function decodeReceipt(bytes: Uint8Array): string {
  if (bytes.length > MAX_RECEIPT_BYTES) {
    throw new DecodeError(
      "receipt",
      MAX_RECEIPT_BYTES,
      `is longer than ${MAX_RECEIPT_BYTES} bytes`,
    );
  }
  return fromUtf8(bytes, "receipt");
}

/**
 * A receipt for a root of this very log, signed by the pack and cosigned by the pinned witness, and by nobody else:
 * no byte of it is unverified. Throws UplinkError `receipt-*`, which names what does not hold.
 */
export function verifyReceipt(text: string, expect: ReceiptExpectation): AcceptedReceipt {
  const { origin, witness, log } = expect;
  const { checkpoint, lines } = parse(text);
  if (lines !== SIGNATURE_LINES) {
    throw new UplinkError("receipt-signature", `receipt: has ${lines} signatures, not two`);
  }
  if (checkpoint.origin !== origin) {
    const names = `${JSON.stringify(checkpoint.origin)}, not ${JSON.stringify(origin)}`;
    throw new UplinkError("receipt-origin", `receipt: is of the log ${names}`);
  }
  if (checkpoint.size < 1 || checkpoint.size > log.size) {
    throw new UplinkError(
      "receipt-size",
      `receipt: is for ${checkpoint.size} leaves of a log of ${log.size}`,
    );
  }
  const root = log.root(checkpoint.size);
  if (!bytesEqual(root, checkpoint.root)) {
    throw new UplinkError(
      "receipt-root",
      `receipt: root at size ${checkpoint.size} is ${toBase64(checkpoint.root)}, the log's is ${toBase64(root)}`,
    );
  }
  verifyOwnSignature(text, checkpoint, expect);
  return { checkpoint, time: cosignatureTime(text, witness) };
}

function parse(text: string): { checkpoint: Checkpoint; lines: number } {
  try {
    const note = parseNote(text);
    return { checkpoint: parseCheckpoint(note.text), lines: note.signatures.length };
  } catch (cause) {
    throw new UplinkError("receipt-signature", `receipt: ${messageOf(cause)}`, { cause });
  }
}

function verifyOwnSignature(
  text: string,
  checkpoint: Checkpoint,
  { origin, log }: ReceiptExpectation,
): void {
  const publicKey = log.keyAt(checkpoint.size);
  if (publicKey === undefined) {
    throw new UplinkError(
      "receipt-size",
      `receipt: no epoch had begun at size ${checkpoint.size}, nothing was signed there`,
    );
  }
  try {
    verifyCheckpoint(text, { name: origin, publicKey });
  } catch (cause) {
    throw new UplinkError("receipt-signature", `receipt: own signature: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function cosignatureTime(text: string, witness: Destination): number {
  try {
    return verifyCosignature(text, witness).time;
  } catch (cause) {
    throw new UplinkError("receipt-witness", `receipt: ${messageOf(cause)}`, { cause });
  }
}
