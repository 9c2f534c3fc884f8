import {
  type Bounds,
  bytesEqual,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
  Fields,
  type Micros,
  micros,
  sha256,
  utf8,
} from "@wattseal/base";
import { type Carried, LARGEST_REMAINDER, TELEMETRY_LENGTH } from "@wattseal/energy-ledger";
import { VerifierError } from "../errors.js";
import { leaf, leafOf, type ProvenEntry } from "../proof/file.js";

/** A session of the module's link. */
export interface EvidenceSession {
  /** 32 bytes. */
  readonly handshakeHash: Uint8Array;
  /** Under which the module sealed, 32 bytes; absent where it was never released. */
  readonly key: Uint8Array | undefined;
}

/** One accepted telemetry. */
export interface EvidencePdu {
  /** Place of its session in the file's list. */
  readonly session: number;
  readonly time: Micros;
  readonly counter: number;
  /** On the wire: bytes of ciphertext and tag, and the tag (16 bytes). */
  readonly length: number;
  readonly tag: Uint8Array;
  /** TELEMETRY_LENGTH bytes. */
  readonly body: Uint8Array;
}

/** All that is needed to derive one interval again, offline (docs/evidence.md). */
export interface EvidenceFile {
  /** A proof file: of the interval's entry. */
  readonly proof: Uint8Array;
  /** The module's link.paired that is in force, under the proof's note. */
  readonly paired: ProvenEntry;
  /** The module's record before the interval, oldest first: back to an earlier minute, or to its beginning. */
  readonly before: readonly ProvenEntry[];
  readonly sessions: readonly EvidenceSession[];
  readonly carried: Carried;
  /** What the interval starts from; absent where that is its own first reading. */
  readonly from: EvidencePdu | undefined;
  readonly readings: readonly EvidencePdu[];
}

const FORMAT = "wattseal-evidence-1";
const WHAT = "evidence file";
const HASH_LENGTH = 32;
const TAG_LENGTH = 16;
const MAX_PROOF = 1_048_576;
const MAX_BEFORE = 256;
const MAX_SESSIONS = 256;
/** 65 s of telemetry at 250 a second, more than any wire carries of one module. */
const MAX_READINGS = 16_384;
/** No evidence file is longer, bytes. */
const MAX_EVIDENCE = 8 * 1_048_576;

/** One deterministic CBOR array that ends with the SHA-256 of all before it. */
export function encodeEvidenceFile(file: EvidenceFile): Uint8Array {
  const { proof, paired, before, sessions, carried, from, readings } = file;
  const content = encodeCbor([
    FORMAT,
    proof,
    leaf(paired),
    before.map(leaf),
    sessions.map(({ handshakeHash, key }) => [handshakeHash, key ?? []]),
    [carried.in, carried.out],
    from === undefined ? [] : pdu(from),
    readings.map(pdu),
  ]);
  return encodeCbor([content, sha256(content)]);
}

function pdu({ session, time, counter, length, tag, body }: EvidencePdu): CborValue {
  return [session, time, counter, length, tag, body];
}

const upTo = (most: number): Bounds => ({ least: 0, most });

function sessionsOf(value: CborValue | undefined): readonly EvidenceSession[] {
  const list = new Fields(value, `${WHAT}, sessions`, { least: 1, most: MAX_SESSIONS });
  return list.each((i) => {
    const fields = new Fields(list.value(i), `${WHAT}, session ${i}`, 2);
    const key = fields.absent(1) ? undefined : fields.bytes(1, "key", HASH_LENGTH);
    return { handshakeHash: fields.bytes(0, "handshake hash", HASH_LENGTH), key };
  });
}

function carriedOf(value: CborValue | undefined): Carried {
  const fields = new Fields(value, `${WHAT}, carried`, 2);
  const remainder = (at: number, name: string) => fields.integer(at, name, upTo(LARGEST_REMAINDER));
  return { in: remainder(0, "in"), out: remainder(1, "out") };
}

function pduOf(value: CborValue | undefined, name: string, sessions: number): EvidencePdu {
  const fields = new Fields(value, `${WHAT}, ${name}`, 6);
  return {
    session: fields.integer(0, "session", upTo(sessions - 1)),
    time: micros(fields.integer(1, "time", upTo(Number.MAX_SAFE_INTEGER))),
    counter: fields.integer(2, "counter", upTo(2 ** 48 - 1)),
    length: fields.integer(3, "length", upTo(4_096)),
    tag: fields.bytes(4, "tag", TAG_LENGTH),
    body: fields.bytes(5, "body", TELEMETRY_LENGTH),
  };
}

function partsOf(bytes: Uint8Array) {
  if (bytes.length > MAX_EVIDENCE) {
    throw new DecodeError(WHAT, MAX_EVIDENCE, `is longer than ${MAX_EVIDENCE} bytes`);
  }
  const parts = new Fields(decodeCbor(bytes, { what: WHAT }), WHAT, 2);
  const content = parts.bytes(0, "content", upTo(bytes.length));
  return { content, checksum: parts.bytes(1, "checksum", HASH_LENGTH) };
}

/** Whether the bytes begin as an evidence file, and not as a proof file: which decoder is to judge them. */
export function isEvidenceFile(bytes: Uint8Array): boolean {
  const name = utf8(FORMAT);
  // Two array heads, one of a byte string and one of text come first: 4 to 12 bytes.
  for (let at = 1; at <= 16; at += 1) {
    if (bytesEqual(bytes.subarray(at, at + name.length), name)) return true;
  }
  return false;
}

/** Parses; proves nothing, and leaves the checksum to `requireWholeEvidence`. Throws DecodeError. */
export function decodeEvidenceFile(bytes: Uint8Array): EvidenceFile {
  const fields = new Fields(decodeCbor(partsOf(bytes).content, { what: WHAT }), WHAT, 8);
  fields.oneOf(0, "format", [FORMAT]);
  const before = new Fields(fields.value(3), `${WHAT}, entries before`, upTo(MAX_BEFORE));
  const sessions = sessionsOf(fields.value(4));
  const readings = new Fields(fields.value(7), `${WHAT}, readings`, {
    least: 1,
    most: MAX_READINGS,
  });
  return {
    proof: fields.bytes(1, "proof", upTo(MAX_PROOF)),
    paired: leafOf(fields.value(2), "link.paired"),
    before: before.each((i) => leafOf(before.value(i), `entry before, ${i}`)),
    sessions,
    carried: carriedOf(fields.value(5)),
    from: fields.absent(6) ? undefined : pduOf(fields.value(6), "start", sessions.length),
    readings: readings.each((i) => pduOf(readings.value(i), `reading ${i}`, sessions.length)),
  };
}

/** Throws VerifierError `file` when a bit has changed that nothing else here covers. */
export function requireWholeEvidence(bytes: Uint8Array): void {
  const { content, checksum } = partsOf(bytes);
  if (bytesEqual(sha256(content), checksum)) return;
  throw new VerifierError("file", `${WHAT}: its checksum does not match its content`);
}
