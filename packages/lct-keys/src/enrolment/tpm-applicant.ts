/** An identity in a TPM, as it asks for its LCT. */
import type { Use } from "@wattseal/tpm2";
import type { TpmAccess } from "../tpm/access.js";
import { activate, certifications, enrolmentClaim } from "../tpm/claim.js";
import type { TpmIdentity } from "../tpm/identity.js";
import { LctKeysError } from "../verify/errors.js";
import type { Applicant } from "./applicant.js";
import { enrolmentSignedBytes } from "./messages.js";

export interface TpmApplicantOptions {
  /** DER of the authorities between the endorsement key's certificate and a maker's root, in that order. */
  readonly intermediates?: readonly Uint8Array[];
  /** The endorsement hierarchy's authorisation value; empty by default. */
  readonly endorsementAuth?: Use["auth"];
}

/** Proving throws TpmError, and LctKeysError `enrol-challenge` for a challenge that no TPM can answer. */
export function tpmApplicant(
  access: TpmAccess,
  identity: TpmIdentity,
  { intermediates = [], endorsementAuth }: TpmApplicantOptions = {},
): Applicant {
  const claim = enrolmentClaim(identity);
  const { certificates } = claim;
  return {
    claim:
      certificates.length === 0
        ? claim
        : { ...claim, certificates: [...certificates, ...intermediates] },
    async prove(challenge) {
      const { credential } = challenge;
      if (credential === undefined) {
        throw new LctKeysError("enrol-challenge", "the registry gave no credential to open");
      }
      const secret = await activate(access, identity, credential, endorsementAuth);
      const statements = await certifications(access, identity, enrolmentSignedBytes(challenge));
      return { type: "tpm", secret, ...statements };
    },
  };
}
