/** The evidence that opens an epoch: body, anchor's signature and, with a TPM, quote and counter certification. */
import {
  type Bounds,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  type Millis,
  utf8,
} from "@wattseal/base";

export interface EpochBody {
  readonly lct: LctId;
  /** The counter's value: 1 for an anchor's first epoch, never used twice. */
  readonly epoch: number;
  /** Ed25519, 32 bytes: signs this epoch's checkpoints. */
  readonly publicKey: Uint8Array;
  readonly softwareVersion: string;
  /** The tree this epoch continues: everything before its epoch.begin. */
  readonly treeSize: number;
  readonly treeRoot: Uint8Array;
  readonly time: Millis;
  /** Whether the wall clock was synchronised at `time`. */
  readonly synchronised: boolean;
}

/** A TPMS_ATTEST and the attestation key's signature over it (TPM 2.0 part 2, 10.12.12). */
export interface TpmStatement {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
}

export interface EpochEvidence {
  readonly body: EpochBody;
  readonly bodyBytes: Uint8Array;
  /** By the anchor over `epochSignedBytes(bodyBytes)`: r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  readonly quote: TpmStatement | undefined;
  readonly nvCertify: TpmStatement | undefined;
}

const SIGNED_PREFIX = utf8("wattseal-epoch-1");
const VERSION: Bounds = { least: 1, most: 64 };
const POSITIVE: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER };
const TPM_BLOB: Bounds = { least: 1, most: 2_048 };
const SYNC = { unsynchronised: 0, synchronised: 1 } as const;

/** What the anchor signs, and what a TPM's statements qualify by its SHA-256. */
export function epochSignedBytes(bodyBytes: Uint8Array): Uint8Array {
  return concatBytes(SIGNED_PREFIX, bodyBytes);
}

const ATTEST_PREFIX = utf8("wattseal-attest-1");

/** What the anchor signs over an asker's nonce, and what a TPM's statements then qualify by its SHA-256. */
export function attestSignedBytes(nonce: Uint8Array): Uint8Array {
  return concatBytes(ATTEST_PREFIX, nonce);
}

export function encodeEpochBody(body: EpochBody): Uint8Array {
  const bytes = encodeCbor([
    body.lct,
    body.epoch,
    body.publicKey,
    body.softwareVersion,
    body.treeSize,
    body.treeRoot,
    body.time,
    body.synchronised ? SYNC.synchronised : SYNC.unsynchronised,
  ]);
  decodeEpochBody(bytes);
  return bytes;
}

function decodeEpochBody(bytes: Uint8Array): EpochBody {
  const what = "epoch body";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 8);
  const sync = fields.integer(7, "synchronisation state", { least: 0, most: 1 });
  return {
    lct: fields.lct(0, "lct"),
    epoch: fields.integer(1, "epoch", POSITIVE),
    publicKey: fields.bytes(2, "epoch key", 32),
    softwareVersion: fields.text(3, "software version", VERSION),
    treeSize: fields.integer(4, "tree size", POSITIVE),
    treeRoot: fields.bytes(5, "tree root", 32),
    time: fields.millis(6, "time"),
    synchronised: sync === SYNC.synchronised,
  };
}

function statementItem(statement: TpmStatement | undefined): CborValue {
  return statement === undefined ? [] : [statement.attest, statement.signature];
}

export function encodeEpochEvidence(evidence: Omit<EpochEvidence, "body">): Uint8Array {
  const bytes = encodeCbor([
    evidence.bodyBytes,
    evidence.signature,
    statementItem(evidence.quote),
    statementItem(evidence.nvCertify),
  ]);
  decodeEpochEvidence(bytes);
  return bytes;
}

function decodeStatement(fields: Fields, index: number, name: string): TpmStatement | undefined {
  if (fields.absent(index)) return undefined;
  const statement = new Fields(fields.value(index), name, 2);
  return {
    attest: statement.bytes(0, "attestation", TPM_BLOB),
    signature: statement.bytes(1, "signature", TPM_BLOB),
  };
}

/** Parses; nothing is verified. Throws DecodeError. */
export function decodeEpochEvidence(bytes: Uint8Array): EpochEvidence {
  const what = "epoch evidence";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 4);
  const bodyBytes = fields.bytes(0, "body", { least: 1, most: 512 });
  return {
    body: decodeEpochBody(bodyBytes),
    bodyBytes,
    signature: fields.bytes(1, "anchor's signature", 64),
    quote: decodeStatement(fields, 2, "TPM quote"),
    nvCertify: decodeStatement(fields, 3, "TPM counter certification"),
  };
}
