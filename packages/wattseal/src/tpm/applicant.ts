import {
  type Applicant,
  activate,
  certifications,
  enrolmentClaim,
  enrolmentSignedBytes,
  LctKeysError,
  type TpmAccess,
  type TpmIdentity,
} from "@wattseal/lct-keys";

/** Enrols what was provisioned in a TPM: its keys certify each other, its endorsement key opens the challenge. */
export function tpmApplicant(access: TpmAccess, identity: TpmIdentity): Applicant {
  return {
    claim: enrolmentClaim(identity),
    async prove(challenge) {
      const { credential } = challenge;
      if (credential === undefined) {
        throw new LctKeysError("enrol-challenge", "the registry sent no credential for this TPM");
      }
      const secret = await activate(access, identity, credential);
      const certified = await certifications(access, identity, enrolmentSignedBytes(challenge));
      return { type: "tpm", secret, ...certified };
    },
  };
}
