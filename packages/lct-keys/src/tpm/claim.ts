/** What a TPM identity shows when it is enrolled, and how it answers the registry's challenge (design: identity, LCT). */
import { concatBytes, sha256, utf8 } from "@wattseal/base";
import {
  type Attestation,
  activateCredential,
  type Credential,
  certify,
  createPrimary,
  nvCertify,
  policySecret,
  quote,
  RH,
  type Tpm,
  type Use,
  underPolicy,
} from "@wattseal/tpm2";
import { ALG, encodeNvPublic, encodePublic, encodeSignature } from "@wattseal/tpm2/verify";
import type { TpmStatement } from "../verify/evidence.js";
import { permanent, type TpmAccess, transact } from "./access.js";
import { endorsementTemplate } from "./endorsement.js";
import type { TpmIdentity } from "./identity.js";

/** Public halves alone. */
export interface EnrolmentClaim {
  /** TPMT_PUBLIC, and the certificate (X.509, DER) where the TPM holds one. */
  readonly endorsement: Uint8Array;
  readonly certificate: Uint8Array | undefined;
  /** TPMT_PUBLIC each. */
  readonly storageRoot: Uint8Array;
  readonly attestationKey: Uint8Array;
  readonly anchor: Uint8Array;
  /** TPMS_NV_PUBLIC, written. */
  readonly counter: Uint8Array;
  readonly pcrs: readonly number[];
  readonly boot:
    | {
        /** P-256, 65 bytes. */
        readonly updateKey: Uint8Array;
        /** TPMS_NV_PUBLIC, written. */
        readonly version: Uint8Array;
        readonly base: number;
      }
    | undefined;
}

/** By the attestation key, over `enrolmentQualifier(nonce)`. */
export interface EnrolmentCertifications {
  readonly anchor: TpmStatement;
  readonly storageRoot: TpmStatement;
  /** All 8 bytes. */
  readonly counter: TpmStatement;
  /** Where there is a boot policy. */
  readonly version: TpmStatement | undefined;
  readonly quote: TpmStatement;
}

export function enrolmentClaim(identity: TpmIdentity): EnrolmentClaim {
  const { endorsement, certificate, root, attestationKey, anchor, counter, pcrs, boot } = identity;
  return {
    endorsement: encodePublic(endorsement),
    certificate,
    storageRoot: encodePublic(root.publicArea),
    attestationKey: encodePublic(attestationKey.publicArea),
    anchor: encodePublic(anchor.publicArea),
    counter: encodeNvPublic(counter.publicArea),
    pcrs,
    boot: boot && {
      updateKey: boot.updateKey,
      version: encodeNvPublic(boot.version.publicArea),
      base: boot.base,
    },
  };
}

/** qualifyingData of what is certified for an enrolment. */
export function enrolmentQualifier(nonce: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8("wattseal-enrol-1"), nonce));
}

/**
 * Opens a credential that was made for this endorsement and attestation key. `endorsementAuth` is the endorsement
 * hierarchy's, empty by default. Throws TpmError: `tpm-refused` (`integrity`) where it was made for others.
 */
export function activate(
  access: TpmAccess,
  identity: TpmIdentity,
  credential: Credential,
  endorsementAuth?: Use["auth"],
): Promise<Uint8Array> {
  const hierarchy = permanent(RH.endorsement, endorsementAuth);
  const { root, attestationKey, auth, endorsement } = identity;
  return transact(access, root, async (tpm) => {
    const decryptor = await createPrimary(tpm, hierarchy, {
      publicArea: endorsementTemplate(endorsement),
    });
    return underPolicy(
      tpm,
      (session) => policySecret(tpm, session, hierarchy),
      (policy) =>
        activateCredential(tpm, { ...attestationKey, auth }, { ...decryptor, policy }, credential),
    );
  });
}

/** A TPM's word as it travels. */
export function statementOf({ bytes, signature }: Attestation): TpmStatement {
  return { attest: bytes, signature: encodeSignature(signature) };
}

/** All 8 bytes of a counter, by the attestation key. */
export async function certifyCounter(
  tpm: Tpm,
  { attestationKey, auth }: TpmIdentity,
  index: TpmIdentity["counter"],
  qualifyingData: Uint8Array,
): Promise<TpmStatement> {
  const request = { qualifyingData, size: 8 };
  const key = { ...attestationKey, auth };
  return statementOf(await nvCertify(tpm, key, { ...index, auth }, index, request));
}

/** The identity's PCRs, by the attestation key. */
export async function quotePcrs(
  tpm: Tpm,
  { attestationKey, auth, pcrs }: TpmIdentity,
  qualifyingData: Uint8Array,
) {
  return quote(tpm, { ...attestationKey, auth }, [{ hash: ALG.sha256, pcrs }], qualifyingData);
}

export function certifications(
  access: TpmAccess,
  identity: TpmIdentity,
  nonce: Uint8Array,
): Promise<EnrolmentCertifications> {
  const { root, anchor, attestationKey, counter, boot, auth } = identity;
  const qualifyingData = enrolmentQualifier(nonce);
  return transact(access, root, async (tpm) => {
    const certified = async (object: TpmIdentity["anchor"]) => {
      const key = { ...attestationKey, auth };
      return statementOf(await certify(tpm, { ...object, auth }, key, qualifyingData));
    };
    return {
      anchor: await certified(anchor),
      storageRoot: await certified(root),
      counter: await certifyCounter(tpm, identity, counter, qualifyingData),
      version: boot && (await certifyCounter(tpm, identity, boot.version, qualifyingData)),
      quote: statementOf(await quotePcrs(tpm, identity, qualifyingData)),
    };
  });
}
