/** What a TPM says of its boot and its epoch counter, checked against what the LCT's document commits to. */
import { type Bounds, type CborValue, DecodeError, Fields, sha256, viewOf } from "@wattseal/base";
import {
  ALG,
  attestationKeyOf,
  type ClockInfo,
  decodeNvPublic,
  indexName,
  type SignedAttestation,
  TpmError,
  verifyNvCertify,
  verifyQuote,
} from "@wattseal/tpm2/verify";
import type { BootApproval } from "./boot-approval.js";
import { type LctKeysCode, LctKeysError } from "./errors.js";
import type { LctAttestation } from "./lct-attestation.js";

/** As they travel: TPMS_ATTEST, and the attestation key's TPMT_SIGNATURE over it (Part 2 §10.12.12, §11.3.4). */
export interface TpmStatement {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a TPM adds to the anchor's signature, of one moment; a software anchor adds nothing. */
export interface TpmEvidence {
  /** Of the boot's PCRs. */
  readonly quote: TpmStatement | undefined;
  /** Of the epoch counter. */
  readonly nvCertify: TpmStatement | undefined;
  /** What the boot was started under. */
  readonly approval?: BootApproval | undefined;
}

const BLOB: Bounds = { least: 1, most: 2_048 };
const COUNTER_BYTES = 8;
const PCR_DIGEST_BYTES = 32;

export function statementItem(statement: TpmStatement | undefined): CborValue {
  return statement === undefined ? [] : [statement.attest, statement.signature];
}

/** Undefined where it is absent. Throws DecodeError. */
export function decodeStatementItem(
  fields: Fields,
  index: number,
  name: string,
): TpmStatement | undefined {
  if (fields.absent(index)) return undefined;
  const statement = new Fields(fields.value(index), name, 2);
  return {
    attest: statement.bytes(0, "attestation", BLOB),
    signature: statement.bytes(1, "signature", BLOB),
  };
}

export interface TpmClaims {
  /** SHA-256 over the values of the document's PCRs, ascending. */
  readonly pcrDigest: Uint8Array;
  /** What the epoch counter held. */
  readonly counter: bigint;
  /** The TPM's clock when it quoted. */
  readonly clock: ClockInfo;
}

/** Whom to tell, as what: every failure names the statement and the check. */
export interface StatementSubject {
  readonly code: LctKeysCode;
  /** Such as "epoch 7". */
  readonly subject: string;
}

function holding<T>({ code, subject }: StatementSubject, what: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof TpmError) && !(cause instanceof DecodeError)) throw cause;
    throw new LctKeysError(
      code,
      `the TPM's ${what} for ${subject} does not hold: ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/**
 * Both are by the document's attestation key, for SHA-256 of `signedBytes`; the quote is of exactly the document's PCRs,
 * the certification of its epoch counter. Throws LctKeysError with the subject's code.
 */
export function verifyStatements(
  { attestationKey, counter, pcrs }: LctAttestation,
  { quote, nvCertify }: TpmEvidence,
  signedBytes: Uint8Array,
  subject: StatementSubject,
): TpmClaims {
  const by = { key: attestationKeyOf(attestationKey), qualifyingData: sha256(signedBytes) };
  const quoted = holding(subject, "quote", () => {
    const selection = { hash: ALG.sha256, pcrs };
    const said = verifyQuote(present(quote), { ...by, selection });
    if (said.pcrDigest.length === PCR_DIGEST_BYTES) return said;
    throw new TpmError("tpm-evidence", "its PCR digest is not by SHA-256");
  });
  const certified = holding(subject, "counter certification", () => {
    const index = { indexName: indexName(decodeNvPublic(counter)), size: COUNTER_BYTES };
    return verifyNvCertify(present(nvCertify), { ...by, ...index });
  });
  return {
    pcrDigest: quoted.pcrDigest,
    counter: viewOf(certified.contents).getBigUint64(0),
    clock: quoted.clockInfo,
  };
}

function present(statement: TpmStatement | undefined): SignedAttestation {
  if (statement === undefined) throw new TpmError("tpm-evidence", "it is absent");
  return { bytes: statement.attest, signature: statement.signature };
}
