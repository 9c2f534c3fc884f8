/**
 * Receipts: the pack's signed checkpoint with the federation's cosignature, or two while it changes its key. Whoever
 * holds a pinned federation key can write one; all it can do with it is to claim delivery of what this pack did sign.
 */
import { bytesEqual, DecodeError, fromUtf8, messageOf, toBase64 } from "@wattseal/base";
import {
  type Checkpoint,
  formatNote,
  keyId,
  parseCheckpoint,
  parseNote,
  type SignedNote,
  verifyCheckpoint,
  type Witness,
  type WitnessLine,
  witnessLines,
} from "@wattseal/tlog";
import { UplinkError } from "./errors.js";

/** A federation that witnesses this pack's log: key name of its cosignatures, and its pinned keys. */
export type Destination = Witness;

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
  /** The receipt with its verified lines alone: the pack's, then the witness's. */
  readonly text: string;
  /** Pinned keys that cosigned, one or more. */
  readonly publicKeys: readonly Uint8Array[];
  /** When the witness cosigned: seconds since 1970, UTC. */
  readonly time: number;
}

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
 * A receipt for a root of this very log, signed by the pack and cosigned under a pinned key of the witness. Lines of other
 * keys (the witness's next one) are left out of what it gives: no byte of that is unverified. Throws UplinkError
 * `receipt-*`, which names what does not hold.
 */
export function verifyReceipt(text: string, expect: ReceiptExpectation): AcceptedReceipt {
  const { origin, witness, log } = expect;
  const { note, checkpoint } = parse(text);
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
  const ownKey = verifyOwnSignature(text, checkpoint, expect);
  const lines = cosignatures(text, witness, origin);
  const ownId = keyId({ name: origin, publicKey: ownKey, type: "ed25519" });
  const own = note.signatures.filter(({ name, keyId: id }) => name === origin && id === ownId);
  const signatures = [...own, ...lines.map(({ line }) => line)];
  return {
    checkpoint,
    text: formatNote({ text: note.text, signatures }),
    publicKeys: lines.map(({ publicKey }) => publicKey),
    time: Math.min(...lines.map(({ time }) => time)),
  };
}

function parse(text: string): { note: SignedNote; checkpoint: Checkpoint } {
  try {
    const note = parseNote(text);
    return { note, checkpoint: parseCheckpoint(note.text) };
  } catch (cause) {
    throw new UplinkError("receipt-signature", `receipt: ${messageOf(cause)}`, { cause });
  }
}

/** Gives the key that it is under. */
function verifyOwnSignature(
  text: string,
  checkpoint: Checkpoint,
  { origin, log }: ReceiptExpectation,
): Uint8Array {
  const publicKey = log.keyAt(checkpoint.size);
  if (publicKey === undefined) {
    throw new UplinkError(
      "receipt-size",
      `receipt: no epoch had begun at size ${checkpoint.size}, nothing was signed there`,
    );
  }
  try {
    verifyCheckpoint(text, { name: origin, publicKey });
    return publicKey;
  } catch (cause) {
    throw new UplinkError("receipt-signature", `receipt: own signature: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function cosignatures(text: string, witness: Destination, origin: string): readonly WitnessLine[] {
  let lines: readonly WitnessLine[];
  try {
    lines = witnessLines(text, witness, origin);
  } catch (cause) {
    throw new UplinkError("receipt-witness", `receipt: ${messageOf(cause)}`, { cause });
  }
  if (lines.length > 0) return lines;
  throw new UplinkError(
    "receipt-witness",
    `receipt: no cosignature by ${witness.name} under a key that is pinned. Where it has a new key, add it to trust.json`,
  );
}
