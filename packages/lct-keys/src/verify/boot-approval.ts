/**
 * Boot approvals: an update key's word that a pack may start into these PCR values. One signature serves the TPM, which
 * opens the device half under it (PolicyAuthorize), and every verifier of the log.
 */
import {
  type Bounds,
  bytesEqual,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  RangeViolation,
  sha256,
  utf8,
  verifyP256,
  viewOf,
} from "@wattseal/base";
import {
  ALG,
  approvalOf,
  decodeNvPublic,
  type EccPublic,
  externalKeyOf,
  indexName,
  objectName,
  type PcrSelection,
  policyOf,
} from "@wattseal/tpm2/verify";
import type { LctDocument } from "./document.js";
import { LctKeysError } from "./errors.js";
import type { LctGenesis } from "./genesis.js";

const TAG = "wattseal-boot-1";
const VERSION: Bounds = { least: 1, most: 2 ** 31 - 1 };
const PCR_DIGEST_BYTES = 32;

/** What is approved: these PCR values, from this version on until a higher one is in force. */
export interface BootChoice {
  readonly version: number;
  /** SHA-256 over the values of the document's PCRs in ascending order, as a quote has it. */
  readonly pcrDigest: Uint8Array;
}

export interface BootApproval extends BootChoice {
  readonly lct: LctId;
  /** By the update key over `signedBytes` of its policy: r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
}

export function bootApprovalItem({ lct, version, pcrDigest, signature }: BootApproval): CborValue {
  return [TAG, lct, version, pcrDigest, signature];
}

/** Throws DecodeError. */
export function decodeBootApprovalItem(value: CborValue | undefined): BootApproval {
  const fields = new Fields(value, "boot approval", 5);
  fields.oneOf(0, "version tag", [TAG]);
  return {
    lct: fields.lct(1, "lct"),
    version: fields.integer(2, "version", VERSION),
    pcrDigest: fields.bytes(3, "PCR digest", PCR_DIGEST_BYTES),
    signature: fields.bytes(4, "signature", 64),
  };
}

export function encodeBootApproval(approval: BootApproval): Uint8Array {
  const bytes = encodeCbor(bootApprovalItem(approval));
  decodeBootApproval(bytes);
  return bytes;
}

/** Parses; nothing is verified. Throws DecodeError. */
export function decodeBootApproval(bytes: Uint8Array): BootApproval {
  return decodeBootApprovalItem(decodeCbor(bytes, { what: "boot approval" }));
}

/** policyRef of every approval for this anchor (65 bytes): what is sealed depends on it, so it never changes. */
export function bootReferenceOf(anchorKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(TAG), anchorKey));
}

/** The update key (65 bytes) as a TPM loads it to verify an approval; its Name is in what is sealed. */
export function updateKeyPublic(updateKey: Uint8Array): EccPublic {
  return externalKeyOf(updateKey);
}

/** Policy digest under which a secret opens in whatever boot the update key approves for this anchor. Both 65 bytes. */
export function sealingPolicyOf(anchorKey: Uint8Array, updateKey: Uint8Array): Uint8Array {
  const keyName = objectName(updateKeyPublic(updateKey));
  return policyOf([{ type: "authorize", keyName, reference: bootReferenceOf(anchorKey) }]);
}

/** An approval, as a TPM's policy: conditions in this order (PolicyPCR, PolicyNV), then PolicyAuthorize. */
export interface BootPolicy {
  /** P-256, 65 bytes. */
  readonly updateKey: Uint8Array;
  readonly selection: PcrSelection;
  /** Name of the version counter. */
  readonly versionName: Uint8Array;
  /** 8 bytes, big-endian: the version counter is at most this (UNSIGNED_LE). */
  readonly limit: Uint8Array;
  /** Policy digest of the two conditions. */
  readonly approved: Uint8Array;
  readonly reference: Uint8Array;
  /** What the update key signs, by ECDSA with SHA-256. */
  readonly signedBytes: Uint8Array;
}

function requireChoice({ version, pcrDigest }: BootChoice): void {
  const counts = Number.isInteger(version) && version >= VERSION.least && version <= VERSION.most;
  if (counts && pcrDigest.length === PCR_DIGEST_BYTES) return;
  throw new RangeViolation("a boot is approved by a version from 1 to 2^31 - 1 and 32 bytes");
}

/** Throws LctKeysError `boot-approval` for an LCT whose boot nobody approves, RangeViolation for no version or digest. */
export function bootPolicyOf(
  { anchor, attestation }: Pick<LctGenesis, "anchor" | "attestation">,
  { version, pcrDigest }: BootChoice,
): BootPolicy {
  requireChoice({ version, pcrDigest });
  const boot = attestation?.boot;
  if (anchor.type !== "p256" || attestation === undefined || boot === undefined) {
    throw new LctKeysError("boot-approval", "this LCT names no update key for its boot");
  }
  const selection = { hash: ALG.sha256, pcrs: attestation.pcrs };
  const versionName = indexName(decodeNvPublic(boot.versionIndex));
  const limit = new Uint8Array(8);
  viewOf(limit).setBigUint64(0, BigInt(boot.base + version));
  const approved = policyOf([
    { type: "pcr", selection, pcrDigest },
    { type: "nv", index: versionName, operation: "unsignedLessOrEqual", value: limit },
  ]);
  const reference = bootReferenceOf(anchor.publicKey);
  const signedBytes = approvalOf(approved, reference);
  const { updateKey } = boot;
  return { updateKey, selection, versionName, limit, approved, reference, signedBytes };
}

/** Throws LctKeysError `boot-approval`: another LCT's, not signed by its update key, or it has none. */
export function verifyBootApproval(
  document: Pick<LctDocument, "lct" | "anchor" | "attestation">,
  approval: BootApproval,
): BootPolicy {
  const policy = bootPolicyOf(document, approval);
  if (approval.lct !== document.lct) {
    throw new LctKeysError("boot-approval", `the boot approval is ${approval.lct}'s`);
  }
  if (!verifyP256(policy.updateKey, policy.signedBytes, approval.signature)) {
    throw new LctKeysError(
      "boot-approval",
      `boot approval ${approval.version} is not signed by the update key of ${document.lct}`,
    );
  }
  return policy;
}

/** Whether a boot with these PCRs stands under this approval. */
export function approvesBoot(
  document: Pick<LctDocument, "lct" | "anchor" | "attestation">,
  approval: BootApproval,
  pcrDigest: Uint8Array,
): boolean {
  if (!bytesEqual(approval.pcrDigest, pcrDigest)) return false;
  try {
    verifyBootApproval(document, approval);
    return true;
  } catch (thrown) {
    if (thrown instanceof LctKeysError) return false;
    throw thrown;
  }
}
