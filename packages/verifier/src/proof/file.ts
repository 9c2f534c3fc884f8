import {
  type Bounds,
  bytesEqual,
  type CborValue,
  decodeCbor,
  encodeCbor,
  Fields,
  MAX_ENTRY_LENGTH,
  sha256,
} from "@wattseal/base";
import { HASH_LENGTH } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";

/** One leaf and its way to the root of the note's tree. */
export interface ProvenEntry {
  readonly bytes: Uint8Array;
  readonly index: number;
  /** RFC 9162 inclusion proof, hashes of 32 bytes. */
  readonly inclusion: readonly Uint8Array[];
}

/** One epoch of the log. */
export interface ProvenEpoch {
  /** Its epoch.begin. */
  readonly begin: ProvenEntry;
  /** From the tree before that entry to the note's: what the epoch says it continues. */
  readonly consistency: readonly Uint8Array[];
}

/** A later head of the same log: who cosigned it has seen what the proof's note covers as well. */
export interface FurtherHead {
  /** A receipt of more entries than the note, and than the head before it. */
  readonly note: string;
  /** RFC 9162 consistency proof from the note's tree to this one's. */
  readonly consistency: readonly Uint8Array[];
}

/** All that is needed to check one entry offline. */
export interface ProofFile {
  readonly entry: ProvenEntry;
  /** Checkpoint or receipt: the note whose tree it is in. */
  readonly note: string;
  /**
   * One to three, in the log's order: first the entry's own, then the next to begin after it, last the one whose
   * key signed the note; each once, where they are the same.
   */
  readonly epochs: readonly ProvenEpoch[];
  /** The lct.document, entry 0. */
  readonly document: ProvenEntry;
  /** For witnesses that have not cosigned the note itself; at most 15. */
  readonly heads: readonly FurtherHead[];
}

const FORMAT = "wattseal-proof-1";
/** With further heads. */
const WITH_HEADS = "wattseal-proof-2";
const MAX_HEADS = 15;
const WHAT = "proof file";
/** A path in a tree of 2^53 leaves; a consistency proof has one hash more. */
const MAX_PATH = 54;
const MAX_NOTE = 64 * 1024;

/**
 * Entries, proofs and note as one deterministic CBOR array that ends with the SHA-256 of all before it; in the older form
 * where there are no further heads.
 */
export function encodeProofFile(file: ProofFile): Uint8Array {
  const hasHeads = file.heads.length > 0;
  const content = encodeCbor([
    hasHeads ? WITH_HEADS : FORMAT,
    leaf(file.entry),
    file.note,
    file.epochs.map(({ begin, consistency }) => [leaf(begin), consistency]),
    leaf(file.document),
    ...(hasHeads ? [file.heads.map(({ note, consistency }) => [note, consistency])] : []),
  ]);
  return encodeCbor([content, sha256(content)]);
}

/** A leaf as files of proofs hold it. */
export function leaf({ bytes, index, inclusion }: ProvenEntry): CborValue {
  return [bytes, index, inclusion];
}

const POSITION: Bounds = { least: 0, most: Number.MAX_SAFE_INTEGER };
const ENTRY: Bounds = { least: 1, most: MAX_ENTRY_LENGTH };

function pathOf(value: CborValue | undefined, name: string): readonly Uint8Array[] {
  const path = new Fields(value, `${WHAT}, ${name}`, { least: 0, most: MAX_PATH });
  return path.each((i) => path.bytes(i, `hash ${i}`, HASH_LENGTH));
}

export function leafOf(value: CborValue | undefined, name: string): ProvenEntry {
  const fields = new Fields(value, `${WHAT}, ${name}`, 3);
  return {
    bytes: fields.bytes(0, "entry", ENTRY),
    index: fields.integer(1, "index", POSITION),
    inclusion: pathOf(fields.value(2), `${name}, inclusion proof`),
  };
}

function epochsOf(value: CborValue | undefined): readonly ProvenEpoch[] {
  const epochs = new Fields(value, `${WHAT}, epochs`, { least: 1, most: 3 });
  return epochs.each((i) => {
    const name = `epoch ${i + 1}`;
    const fields = new Fields(epochs.value(i), `${WHAT}, ${name}`, 2);
    return {
      begin: leafOf(fields.value(0), `${name}, epoch.begin`),
      consistency: pathOf(fields.value(1), `${name}, consistency proof`),
    };
  });
}

function headsOf(value: CborValue | undefined): readonly FurtherHead[] {
  const heads = new Fields(value, `${WHAT}, heads`, { least: 1, most: MAX_HEADS });
  return heads.each((i) => {
    const name = `head ${i + 1}`;
    const fields = new Fields(heads.value(i), `${WHAT}, ${name}`, 2);
    return {
      note: fields.text(0, "note", { least: 0, most: MAX_NOTE }),
      consistency: pathOf(fields.value(1), `${name}, consistency proof`),
    };
  });
}

function partsOf(bytes: Uint8Array) {
  const parts = new Fields(decodeCbor(bytes, { what: WHAT }), WHAT, 2);
  const content = parts.bytes(0, "content", { least: 0, most: bytes.length });
  return { content, checksum: parts.bytes(1, "checksum", HASH_LENGTH) };
}

/** Parses; proves nothing, and leaves the checksum to `requireWhole`. Throws DecodeError. */
export function decodeProofFile(bytes: Uint8Array): ProofFile {
  const inner = decodeCbor(partsOf(bytes).content, { what: WHAT });
  const fields = new Fields(inner, WHAT, { least: 5, most: 6 });
  const format = fields.oneOf(0, "format", [FORMAT, WITH_HEADS]);
  const hasHeads = format === WITH_HEADS;
  const items = hasHeads ? 6 : 5;
  if (fields.length !== items) fields.fail(`has ${fields.length} items, not ${items}`);
  return {
    entry: leafOf(fields.value(1), "entry"),
    note: fields.text(2, "note", { least: 0, most: MAX_NOTE }),
    epochs: epochsOf(fields.value(3)),
    document: leafOf(fields.value(4), "lct.document"),
    heads: hasHeads ? headsOf(fields.value(5)) : [],
  };
}

/** Throws VerifierError `file` when a bit has changed that no signature here covers. */
export function requireWhole(bytes: Uint8Array): void {
  const { content, checksum } = partsOf(bytes);
  if (bytesEqual(sha256(content), checksum)) return;
  throw new VerifierError("file", `${WHAT}: its checksum does not match its content`);
}
