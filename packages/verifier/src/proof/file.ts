import {
  bytesEqual,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
  sha256,
} from "@wattseal/base";
import { MAX_ENTRY_LENGTH } from "@wattseal/energy-ledger";
import { HASH_LENGTH } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";

/** One leaf and its way to the root of the note's tree. */
export interface ProvenEntry {
  readonly bytes: Uint8Array;
  readonly index: number;
  /** RFC 9162 inclusion proof, hashes of 32 bytes. */
  readonly inclusion: readonly Uint8Array[];
}

/** All that is needed to check one entry offline. */
export interface ProofFile {
  readonly entry: ProvenEntry;
  /** Checkpoint or receipt: the note whose tree it is in. */
  readonly note: string;
  /** The epoch.begin whose key signed the note. */
  readonly epoch: ProvenEntry;
  /** From the tree before that epoch.begin to the note's: what the epoch says it continues. */
  readonly consistency: readonly Uint8Array[];
  /** The lct.document, entry 0. */
  readonly document: ProvenEntry;
}

const FORMAT = "wattseal-proof-1";
const WHAT = "proof file";
/** A path in a tree of 2^53 leaves; a consistency proof has one hash more. */
const MAX_PATH = 54;
const MAX_NOTE = 64 * 1024;

/** Entries, proofs and note as one deterministic CBOR array that ends with the SHA-256 of all before it. */
export function encodeProofFile(file: ProofFile): Uint8Array {
  const content = encodeCbor([
    FORMAT,
    leaf(file.entry),
    file.note,
    leaf(file.epoch),
    file.consistency,
    leaf(file.document),
  ]);
  return encodeCbor([content, sha256(content)]);
}

function leaf({ bytes, index, inclusion }: ProvenEntry): CborValue {
  return [bytes, index, inclusion];
}

function arrayOf(value: CborValue | undefined, name: string, length: number): readonly CborValue[] {
  if (!Array.isArray(value)) throw new DecodeError(WHAT, 0, `${name} is not an array`);
  if (value.length !== length) {
    throw new DecodeError(WHAT, 0, `${name} has ${value.length} fields, not ${length}`);
  }
  return value;
}

function bytesOf(value: CborValue | undefined, name: string, most: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new DecodeError(WHAT, 0, `${name} is no byte string`);
  if (value.length > most) throw new DecodeError(WHAT, 0, `${name} is longer than ${most} bytes`);
  return value;
}

function pathOf(value: CborValue | undefined, name: string): readonly Uint8Array[] {
  if (!Array.isArray(value)) throw new DecodeError(WHAT, 0, `${name} is not a list`);
  if (value.length > MAX_PATH) throw new DecodeError(WHAT, 0, `${name} is too long`);
  return value.map((hash, i) => {
    const bytes = bytesOf(hash, `${name}, hash ${i}`, HASH_LENGTH);
    if (bytes.length === HASH_LENGTH) return bytes;
    throw new DecodeError(WHAT, 0, `${name}, hash ${i} has ${bytes.length} bytes, not 32`);
  });
}

function leafOf(value: CborValue | undefined, name: string): ProvenEntry {
  const [bytes, index, inclusion] = arrayOf(value, name, 3);
  if (typeof index !== "number" || index < 0) {
    throw new DecodeError(WHAT, 0, `${name}: index is no unsigned integer`);
  }
  return {
    bytes: bytesOf(bytes, name, MAX_ENTRY_LENGTH),
    index,
    inclusion: pathOf(inclusion, `${name}, inclusion proof`),
  };
}

/** Parses; proves nothing, and leaves the checksum to `requireWhole`. Throws DecodeError. */
export function decodeProofFile(bytes: Uint8Array): ProofFile {
  const [content] = arrayOf(decodeCbor(bytes, { what: WHAT }), WHAT, 2);
  const inner = decodeCbor(bytesOf(content, "content", bytes.length), { what: WHAT });
  const [format, entry, note, epoch, consistency, document] = arrayOf(inner, "content", 6);
  if (format !== FORMAT) throw new DecodeError(WHAT, 0, `format is not "${FORMAT}"`);
  if (typeof note !== "string" || note.length > MAX_NOTE) {
    throw new DecodeError(WHAT, 0, "note is no text of up to 64 KiB");
  }
  return {
    entry: leafOf(entry, "entry"),
    note,
    epoch: leafOf(epoch, "epoch.begin"),
    consistency: pathOf(consistency, "consistency proof"),
    document: leafOf(document, "lct.document"),
  };
}

/** Throws VerifierError `file` when a bit has changed that no signature here covers. */
export function requireWhole(bytes: Uint8Array): void {
  const [content, checksum] = arrayOf(decodeCbor(bytes, { what: WHAT }), WHAT, 2);
  const found = sha256(bytesOf(content, "content", bytes.length));
  if (bytesEqual(found, bytesOf(checksum, "checksum", HASH_LENGTH))) return;
  throw new VerifierError("file", `${WHAT}: its checksum does not match its content`);
}
