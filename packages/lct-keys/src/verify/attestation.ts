/** An anchor's answer to a challenge: who it is and, with a TPM, its boot and its epoch counter now. */
import {
  type Bounds,
  bytesEqual,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  utf8,
  verifyP256,
} from "@wattseal/base";
import { bootApprovalItem, decodeBootApprovalItem } from "./boot-approval.js";
import { type BootJudgement, judgeBoot } from "./boot-state.js";
import type { LctDocument } from "./document.js";
import { LctKeysError } from "./errors.js";
import {
  decodeStatementItem,
  statementItem,
  type TpmClaims,
  type TpmEvidence,
} from "./tpm-statement.js";

const TAG = "wattseal-attestation-1";
const PREFIX = utf8("wattseal-attest-1");
/** Shorter ones could be asked for ahead. */
const NONCE: Bounds = { least: 16, most: 64 };
const DOCUMENT: Bounds = { least: 1, most: 12_288 };

export interface AttestationStatement extends TpmEvidence {
  /** By the anchor over `attestSignedBytes(nonce)`: r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
}

/** A statement with all that it takes to check it, but for trust in the document's issuer. */
export interface AttestationFile extends AttestationStatement {
  /** The LCT document's COSE_Sign1. */
  readonly document: Uint8Array;
  readonly nonce: Uint8Array;
}

/** What the anchor signs over an asker's nonce, and what a TPM's statements then qualify by its SHA-256. */
export function attestSignedBytes(nonce: Uint8Array): Uint8Array {
  return concatBytes(PREFIX, nonce);
}

export function encodeAttestationFile(file: AttestationFile): Uint8Array {
  const { document, nonce, signature, quote, nvCertify, approval } = file;
  const bytes = encodeCbor([
    TAG,
    document,
    nonce,
    signature,
    statementItem(quote),
    statementItem(nvCertify),
    approval === undefined ? [] : bootApprovalItem(approval),
  ]);
  decodeAttestationFile(bytes);
  return bytes;
}

/** Whether the bytes are such a file by their beginning: an array of seven, then the tag. */
export function isAttestationFile(bytes: Uint8Array): boolean {
  const beginning = encodeCbor([TAG, 0, 0, 0, 0, 0, 0]).subarray(0, -6);
  return bytesEqual(bytes.subarray(0, beginning.length), beginning);
}

/** Parses; nothing is verified. Throws DecodeError. */
export function decodeAttestationFile(bytes: Uint8Array): AttestationFile {
  const what = "attestation file";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 7);
  fields.oneOf(0, "version tag", [TAG]);
  return {
    document: fields.bytes(1, "document", DOCUMENT),
    nonce: fields.bytes(2, "nonce", NONCE),
    signature: fields.bytes(3, "anchor's signature", 64),
    quote: decodeStatementItem(fields, 4, "TPM quote"),
    nvCertify: decodeStatementItem(fields, 5, "TPM counter certification"),
    approval: fields.absent(6) ? undefined : decodeBootApprovalItem(fields.value(6)),
  };
}

/** State and version are what an epoch's would be; whether a higher approval was in force before, only the log can say. */
export interface VerifiedAttestation extends BootJudgement {
  /** Undefined without a TPM in the document. */
  readonly claims: TpmClaims | undefined;
}

/**
 * `document`: verified. `nonce`: the asker's own, 16 to 64 bytes, or the answer may be an old one. Throws LctKeysError
 * `attestation`: not by the document's anchor for this nonce, or what its TPM said does not hold.
 */
export function verifyAttestation(
  statement: AttestationStatement,
  document: LctDocument,
  nonce: Uint8Array,
): VerifiedAttestation {
  const { anchor, lct } = document;
  const signedBytes = attestSignedBytes(nonce);
  const signed =
    anchor.type === "p256" && verifyP256(anchor.publicKey, signedBytes, statement.signature);
  if (!signed) {
    throw new LctKeysError(
      "attestation",
      `this is not signed by the anchor of ${lct} for this nonce`,
    );
  }
  const subject = { code: "attestation", subject: lct } as const;
  return judgeBoot({ document, previousBootVersion: 0, subject }, statement, signedBytes);
}
