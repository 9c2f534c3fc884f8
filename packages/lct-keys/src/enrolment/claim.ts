/** What an applicant says it is, and what proves it: a software anchor, or keys and counters in a TPM. */
import { type Bounds, type CborValue, Fields } from "@wattseal/base";
import type { TpmStatement } from "../verify/tpm-statement.js";

/** An anchor in a file: 65 bytes, uncompressed P-256. */
export interface SoftwareClaim {
  readonly type: "software";
  readonly publicKey: Uint8Array;
}

/** The boot policy that a TPM's claim may name: who may approve boots, and since which of its versions. */
export interface BootClaim {
  /** Of whoever approves boots: 65 bytes, uncompressed P-256. */
  readonly updateKey: Uint8Array;
  /** TPMS_NV_PUBLIC of the version counter, written. */
  readonly versionIndex: Uint8Array;
  /** The version counter's value now: approval 1 takes it one further. */
  readonly base: number;
}

/** Public areas as TPMT_PUBLIC, indices as TPMS_NV_PUBLIC. */
export interface TpmClaim {
  readonly type: "tpm";
  readonly endorsementKey: Uint8Array;
  /** X.509 in DER: the endorsement key's own first, then what leads to a vendor's root; none for an emulator. */
  readonly certificates: readonly Uint8Array[];
  readonly storageRoot: Uint8Array;
  readonly attestationKey: Uint8Array;
  readonly anchor: Uint8Array;
  /** Of the epoch counter, written. */
  readonly counter: Uint8Array;
  /** SHA-256 bank, ascending. */
  readonly pcrs: readonly number[];
  readonly boot: BootClaim | undefined;
}

export type EnrolmentClaim = SoftwareClaim | TpmClaim;

/** The anchor's signature over `enrolmentSignedBytes`: r ‖ s, 64 bytes. */
export interface SoftwareProof {
  readonly type: "software";
  readonly signature: Uint8Array;
}

/** All statements are the attestation key's, qualified by SHA-256 of `enrolmentSignedBytes`. */
export interface TpmProof {
  readonly type: "tpm";
  /** What TPM2_ActivateCredential gave. */
  readonly secret: Uint8Array;
  /** TPM2_Certify. */
  readonly anchor: TpmStatement;
  /** TPM2_Certify. */
  readonly storageRoot: TpmStatement;
  /** TPM2_NV_Certify, 8 bytes. */
  readonly counter: TpmStatement;
  /** The same of the version counter, where the claim names a boot policy. */
  readonly version: TpmStatement | undefined;
  /** TPM2_Quote of exactly the claim's PCRs. */
  readonly quote: TpmStatement;
}

export type EnrolmentProof = SoftwareProof | TpmProof;

const TYPES = ["software", "tpm"] as const;
const POINT = 65;
const UNCOMPRESSED = 4;
/** An RSA 4096 key's public area has less than 600 bytes. */
const PUBLIC_AREA: Bounds = { least: 1, most: 1_024 };
const INDEX: Bounds = { least: 1, most: 128 };
const CERTIFICATE: Bounds = { least: 1, most: 4_096 };
const CERTIFICATES: Bounds = { least: 0, most: 4 };
const PCRS: Bounds = { least: 1, most: 24 };
const PCR: Bounds = { least: 0, most: 23 };
/** As in a document. */
const BASE: Bounds = { least: 0, most: 2 ** 52 };
const STATEMENT: Bounds = { least: 1, most: 2_048 };
const SECRET: Bounds = { least: 1, most: 64 };

export function claimItem(claim: EnrolmentClaim): CborValue {
  if (claim.type === "software") return [claim.type, claim.publicKey];
  const { boot } = claim;
  return [
    claim.type,
    claim.endorsementKey,
    claim.certificates,
    claim.storageRoot,
    claim.attestationKey,
    claim.anchor,
    claim.counter,
    claim.pcrs,
    boot === undefined ? [] : [boot.updateKey, boot.versionIndex, boot.base],
  ];
}

export function readClaim(value: CborValue | undefined): EnrolmentClaim {
  const what = "enrolment claim";
  const fields = new Fields(value, what, { least: 2, most: 9 });
  const type = fields.oneOf(0, "type", TYPES);
  if (type === "software") {
    return { type, publicKey: point(new Fields(value, what, 2), 1, "anchor") };
  }
  const tpm = new Fields(value, what, 9);
  const certificates = new Fields(tpm.value(2), "certificates", CERTIFICATES);
  return {
    type,
    endorsementKey: tpm.bytes(1, "endorsement key", PUBLIC_AREA),
    certificates: certificates.each((i) => certificates.bytes(i, `item ${i}`, CERTIFICATE)),
    storageRoot: tpm.bytes(3, "storage root", PUBLIC_AREA),
    attestationKey: tpm.bytes(4, "attestation key", PUBLIC_AREA),
    anchor: tpm.bytes(5, "anchor", PUBLIC_AREA),
    counter: tpm.bytes(6, "counter", INDEX),
    pcrs: readPcrs(tpm.value(7)),
    boot: tpm.absent(8) ? undefined : readBoot(tpm.value(8)),
  };
}

function point(fields: Fields, index: number, name: string): Uint8Array {
  const bytes = fields.bytes(index, name, POINT);
  if (bytes[0] !== UNCOMPRESSED) fields.fail(`${name} is not uncompressed`);
  return bytes;
}

function readPcrs(value: CborValue | undefined): readonly number[] {
  const fields = new Fields(value, "PCRs of an enrolment claim", PCRS);
  const pcrs = fields.each((i) => fields.integer(i, `item ${i}`, PCR));
  if (pcrs.some((pcr, i) => i > 0 && pcr <= (pcrs[i - 1] ?? 0))) fields.fail("do not ascend");
  return pcrs;
}

function readBoot(value: CborValue | undefined): BootClaim {
  const fields = new Fields(value, "boot policy of an enrolment claim", 3);
  return {
    updateKey: point(fields, 0, "update key"),
    versionIndex: fields.bytes(1, "version counter", INDEX),
    base: fields.integer(2, "base", BASE),
  };
}

export function proofItem(proof: EnrolmentProof): CborValue {
  if (proof.type === "software") return [proof.type, proof.signature];
  return [
    proof.type,
    proof.secret,
    statementItem(proof.anchor),
    statementItem(proof.storageRoot),
    statementItem(proof.counter),
    proof.version === undefined ? [] : statementItem(proof.version),
    statementItem(proof.quote),
  ];
}

export function readProof(value: CborValue | undefined): EnrolmentProof {
  const what = "enrolment proof";
  const fields = new Fields(value, what, { least: 2, most: 7 });
  const type = fields.oneOf(0, "type", TYPES);
  if (type === "software") {
    return { type, signature: new Fields(value, what, 2).bytes(1, "signature", 64) };
  }
  const tpm = new Fields(value, what, 7);
  return {
    type,
    secret: tpm.bytes(1, "secret", SECRET),
    anchor: readStatement(tpm.value(2), "certification of the anchor"),
    storageRoot: readStatement(tpm.value(3), "certification of the storage root"),
    counter: readStatement(tpm.value(4), "certification of the epoch counter"),
    version: tpm.absent(5)
      ? undefined
      : readStatement(tpm.value(5), "certification of the version counter"),
    quote: readStatement(tpm.value(6), "quote"),
  };
}

function statementItem({ attest, signature }: TpmStatement): CborValue {
  return [attest, signature];
}

function readStatement(value: CborValue | undefined, what: string): TpmStatement {
  const fields = new Fields(value, what, 2);
  return {
    attest: fields.bytes(0, "attestation", STATEMENT),
    signature: fields.bytes(1, "signature", STATEMENT),
  };
}
