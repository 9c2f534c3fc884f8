/** Whether what is claimed was proven, over this challenge and no other (design: identity, Enrolment). */
import { bytesEqual, DecodeError, sha256, verifyP256, viewOf } from "@wattseal/base";
import { ALG, TpmError, verifyCertify, verifyNvCertify, verifyQuote } from "@wattseal/tpm2/verify";
import { LctKeysError } from "../verify/errors.js";
import type { TpmStatement } from "../verify/tpm-statement.js";
import type { EnrolmentClaim, SoftwareClaim, TpmClaim, TpmProof } from "./claim.js";
import { type ClaimedTpm, claimedTpm } from "./claimed-tpm.js";
import type { EnrolmentActivation } from "./messages.js";
import { enrolmentSignedBytes } from "./messages.js";

const COUNTER_BYTES = 8;
const DIGEST_BYTES = 32;

export interface Asked {
  readonly claim: EnrolmentClaim;
  readonly salt: Uint8Array;
  readonly genesisBody: Uint8Array;
  /** SHA-256 of what the credential holds; undefined for a software anchor. */
  readonly secretHash: Uint8Array | undefined;
}

export interface Proven {
  /** Of the claim's PCRs at that moment, by SHA-256; undefined without a TPM. */
  readonly pcrDigest: Uint8Array | undefined;
}

/** Throws LctKeysError `enrol-proof`, `enrol-credential`, `enrol-statement`, and what `claimedTpm` throws. */
export function requireProven(asked: Asked, { proof }: EnrolmentActivation): Proven {
  const { claim, secretHash } = asked;
  const signedBytes = enrolmentSignedBytes(asked);
  if (claim.type === "software" && proof.type === "software") {
    requireSignature(claim, signedBytes, proof.signature);
    return { pcrDigest: undefined };
  }
  if (claim.type === "software" || proof.type === "software" || secretHash === undefined) {
    throw new LctKeysError("enrol-proof", `a ${proof.type} proof is none of a ${claim.type} claim`);
  }
  if (!bytesEqual(sha256(proof.secret), secretHash)) {
    throw new LctKeysError(
      "enrol-credential",
      "the credential was not opened: the attestation key is not in the endorsement key's TPM",
    );
  }
  return { pcrDigest: requireStatements(claim, proof, sha256(signedBytes)) };
}

function requireSignature({ publicKey }: SoftwareClaim, signed: Uint8Array, signature: Uint8Array) {
  if (verifyP256(publicKey, signed, signature)) return;
  throw new LctKeysError("enrol-proof", "the challenge is not signed by the claimed anchor");
}

/** The quoted PCRs' digest. */
function requireStatements(
  claim: TpmClaim,
  proof: TpmProof,
  qualifyingData: Uint8Array,
): Uint8Array {
  const tpm = claimedTpm(claim);
  const by = { key: tpm.attestationKey.area, qualifyingData };
  const certified = (what: "anchor" | "storageRoot", text: string) =>
    holding(text, () => verifyCertify(signed(proof[what]), { ...by, name: tpm[what].name }));
  certified("anchor", "certification of the anchor");
  certified("storageRoot", "certification of the storage root");
  counted("certification of the epoch counter", proof.counter, tpm.counter, by);
  requireBase(claim, proof, tpm, by);
  return holding("quote", () => {
    const selection = { hash: ALG.sha256, pcrs: claim.pcrs };
    const { pcrDigest } = verifyQuote(signed(proof.quote), { ...by, selection });
    if (pcrDigest.length === DIGEST_BYTES) return pcrDigest;
    throw new TpmError("tpm-evidence", "its digest is not by SHA-256");
  });
}

type By = Omit<Parameters<typeof verifyCertify>[1], "name">;

/** What a counter holds. */
function counted(
  text: string,
  statement: TpmStatement,
  { name }: ClaimedTpm["counter"],
  by: By,
): bigint {
  return holding(text, () => {
    const index = { indexName: name, size: COUNTER_BYTES };
    const { contents } = verifyNvCertify(signed(statement), { ...by, ...index });
    return viewOf(contents).getBigUint64(0);
  });
}

/** A base that the counter has not reached would let no approval attest; one it has passed, approvals that are revoked. */
function requireBase(claim: TpmClaim, proof: TpmProof, tpm: ClaimedTpm, by: By): void {
  const text = "certification of the version counter";
  const { boot } = claim;
  if (boot === undefined && proof.version === undefined) return;
  if (boot === undefined || proof.version === undefined || tpm.version === undefined) {
    throw new LctKeysError("enrol-statement", `the ${text} is missing, or of no boot policy`);
  }
  const held = counted(text, proof.version, tpm.version, by);
  if (held === BigInt(boot.base)) return;
  throw new LctKeysError(
    "enrol-statement",
    `the version counter holds ${held}, and the claim's base is ${boot.base}`,
  );
}

const signed = ({ attest, signature }: TpmStatement) => ({ bytes: attest, signature });

function holding<T>(what: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof DecodeError || cause instanceof TpmError)) throw cause;
    throw new LctKeysError("enrol-statement", `the ${what} does not hold: ${cause.message}`, {
      cause,
    });
  }
}
