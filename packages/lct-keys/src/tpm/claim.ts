/** What a TPM identity shows when it is enrolled, and how it answers the registry's challenge (design: identity, LCT). */
import { sha256 } from "@wattseal/base";
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
import type { TpmClaim, TpmProof } from "../enrolment/claim.js";
import type { TpmStatement } from "../verify/tpm-statement.js";
import { permanent, type TpmAccess, transact } from "./access.js";
import { endorsementTemplate } from "./endorsement.js";
import type { TpmIdentity } from "./identity.js";

/** What of a TPM's proof its attestation key gives; the secret is `activate`'s. */
export type EnrolmentCertifications = Omit<TpmProof, "type" | "secret">;

/** Public halves alone. */
export function enrolmentClaim(identity: TpmIdentity): TpmClaim {
  const { endorsement, certificate, root, attestationKey, anchor, counter, pcrs, boot } = identity;
  return {
    type: "tpm",
    endorsementKey: encodePublic(endorsement),
    certificates: certificate === undefined ? [] : [certificate],
    storageRoot: encodePublic(root.publicArea),
    attestationKey: encodePublic(attestationKey.publicArea),
    anchor: encodePublic(anchor.publicArea),
    counter: encodeNvPublic(counter.publicArea),
    pcrs,
    boot: boot && {
      updateKey: boot.updateKey,
      versionIndex: encodeNvPublic(boot.version.publicArea),
      base: boot.base,
    },
  };
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

/** `signedBytes`: the challenge's `enrolmentSignedBytes`. */
export function certifications(
  access: TpmAccess,
  identity: TpmIdentity,
  signedBytes: Uint8Array,
): Promise<EnrolmentCertifications> {
  const { root, anchor, attestationKey, counter, boot, auth } = identity;
  const qualifyingData = sha256(signedBytes);
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
