/** The evidence that opens an epoch: body, anchor's signature and, with a TPM, quote and counter certification. */
import {
  type Bounds,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  type Millis,
  utf8,
} from "@wattseal/base";
import { bootApprovalItem, decodeBootApprovalItem } from "./boot-approval.js";
import { decodeStatementItem, statementItem, type TpmEvidence } from "./tpm-statement.js";

export interface EpochBody {
  readonly lct: LctId;
  /** The counter's value, never used twice: from 1 with an anchor in a file; a TPM's counter may begin further on. */
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

export interface EpochEvidence extends TpmEvidence {
  readonly body: EpochBody;
  readonly bodyBytes: Uint8Array;
  /** By the anchor over `epochSignedBytes(bodyBytes)`: r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
}

const SIGNED_PREFIX = utf8("wattseal-epoch-1");
const VERSION: Bounds = { least: 1, most: 64 };
const POSITIVE: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER };
const SYNC = { unsynchronised: 0, synchronised: 1 } as const;

/** What the anchor signs, and what a TPM's statements qualify by its SHA-256. */
export function epochSignedBytes(bodyBytes: Uint8Array): Uint8Array {
  return concatBytes(SIGNED_PREFIX, bodyBytes);
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

export function encodeEpochEvidence(evidence: Omit<EpochEvidence, "body">): Uint8Array {
  const bytes = encodeCbor([
    evidence.bodyBytes,
    evidence.signature,
    statementItem(evidence.quote),
    statementItem(evidence.nvCertify),
    ...(evidence.approval === undefined ? [] : [bootApprovalItem(evidence.approval)]),
  ]);
  decodeEpochEvidence(bytes);
  return bytes;
}

/** Parses; nothing is verified. Throws DecodeError. */
export function decodeEpochEvidence(bytes: Uint8Array): EpochEvidence {
  const what = "epoch evidence";
  const fields = new Fields(decodeCbor(bytes, { what }), what, { least: 4, most: 5 });
  const bodyBytes = fields.bytes(0, "body", { least: 1, most: 512 });
  return {
    body: decodeEpochBody(bodyBytes),
    bodyBytes,
    signature: fields.bytes(1, "anchor's signature", 64),
    quote: decodeStatementItem(fields, 2, "TPM quote"),
    nvCertify: decodeStatementItem(fields, 3, "TPM counter certification"),
    approval: fields.length === 5 ? decodeBootApprovalItem(fields.value(4)) : undefined,
  };
}
