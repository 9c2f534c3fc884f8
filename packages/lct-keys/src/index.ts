export { issueLctDocument, signAuthorityPayload } from "./authority.js";
export { signBootApproval } from "./boot-approval.js";
export {
  type Applicant,
  type EnrolmentOutcome,
  type EnrolmentWish,
  enrol,
  type Registry,
  softwareApplicant,
} from "./enrolment/applicant.js";
export { type HardwareRoots, hardwareRoot } from "./enrolment/certificates.js";
export type {
  BootClaim,
  EnrolmentClaim,
  EnrolmentProof,
  SoftwareClaim,
  SoftwareProof,
  TpmClaim,
  TpmProof,
} from "./enrolment/claim.js";
export {
  decodeEnrolmentActivation,
  decodeEnrolmentChallenge,
  decodeEnrolmentRequest,
  decodeEnrolmentResult,
  ENROLLED_KINDS,
  type EnrolledKind,
  type EnrolmentActivation,
  type EnrolmentChallenge,
  type EnrolmentRequest,
  type EnrolmentResult,
  encodeEnrolmentActivation,
  encodeEnrolmentChallenge,
  encodeEnrolmentRequest,
  encodeEnrolmentResult,
  enrolmentSignedBytes,
  MAX_ENROLMENT_BYTES,
} from "./enrolment/messages.js";
export {
  type Enrolled,
  type EnrolmentGrant,
  type PendingEnrolment,
  Registrar,
  type RegistrarOptions,
} from "./enrolment/registrar.js";
export { type TpmApplicantOptions, tpmApplicant } from "./enrolment/tpm-applicant.js";
export { Ed25519SecretKey } from "./keys/ed25519.js";
export {
  createEd25519KeyFile,
  createP256KeyFile,
  openEd25519KeyFile,
  openP256KeyFile,
  removeDrafts,
} from "./keys/key-file.js";
export { P256SecretKey } from "./keys/p256.js";
export { formatP256PublicKey, parseP256PublicKey } from "./keys/public-key.js";
export { type Footing, SignedBeyond } from "./signer/adopt.js";
export type { Anchor, AnchorHalf } from "./signer/anchor.js";
export { LocalSigner, type LocalSignerOptions } from "./signer/local-signer.js";
export {
  beginSoftwareEpoch,
  openSoftwareSigner,
  type SoftwareEpochOptions,
  type SoftwareFolder,
  softwareOcmfSigner,
} from "./signer/open-software.js";
export type {
  EpochStart,
  HalfStatus,
  OcmfSigner,
  Signer,
  SignerIdentity,
  SignerService,
  SignRequest,
  TreeHead,
} from "./signer/port.js";
export type { ContinuedLog } from "./signer/recovery.js";
export { RemoteSigner, type RemoteSignerOptions } from "./signer/socket/remote-signer.js";
export { SignerServer, type SignerServerOptions } from "./signer/socket/server.js";
export { createSoftwareAnchor, createSoftwareHalf } from "./signer/software-anchor.js";
export type { TpmAccess } from "./tpm/access.js";
export { MOST_VERSION_STEPS, type PresentBoot, presentBoot } from "./tpm/boot.js";
export { bootApprovalsIn } from "./tpm/boot-folder.js";
export {
  activate,
  certifications,
  type EnrolmentCertifications,
  enrolmentClaim,
} from "./tpm/claim.js";
export { openTpmIdentity, type TpmFolder, tpmFolder } from "./tpm/folder.js";
export type { TpmBootPolicy, TpmIdentity } from "./tpm/identity.js";
export {
  type HierarchyAuths,
  type ProvisionOptions,
  provision,
} from "./tpm/provision.js";
export { type RetiredTpmIdentity, retireTpmIdentity } from "./tpm/retire.js";
export { requireSameTpm } from "./tpm/same-tpm.js";
export { attestationOf, TpmAnchor, type TpmAnchorOptions } from "./tpm/tpm-anchor.js";
export { type LctKeysCode, LctKeysError } from "./verify/errors.js";
