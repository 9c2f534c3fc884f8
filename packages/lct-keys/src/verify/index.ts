export {
  type AttestationFile,
  type AttestationStatement,
  attestSignedBytes,
  decodeAttestationFile,
  encodeAttestationFile,
  isAttestationFile,
  type VerifiedAttestation,
  verifyAttestation,
} from "./attestation.js";
export {
  type AuthorityStatement,
  authorityKeyId,
  type TrustedKeys,
  verifyAuthority,
} from "./authority.js";
export {
  type BootApproval,
  type BootChoice,
  type BootPolicy,
  bootPolicyOf,
  bootReferenceOf,
  decodeBootApproval,
  encodeBootApproval,
  sealingPolicyOf,
  updateKeyPublic,
  verifyBootApproval,
} from "./boot-approval.js";
export type { EpochState } from "./boot-state.js";
export { EpochChain, type EpochPosition } from "./chain.js";
export {
  type LctDocument,
  lctIdOf,
  packHashOf,
  requireLogDocument,
  verifyLctDocument,
} from "./document.js";
export {
  EPOCH_MAX_AGE_MS,
  type EpochContext,
  isCloneProof,
  type VerifiedEpoch,
  verifyEpoch,
} from "./epoch.js";
export { type LctKeysCode, LctKeysError } from "./errors.js";
export {
  decodeEpochEvidence,
  type EpochBody,
  type EpochEvidence,
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
} from "./evidence.js";
export {
  type Binding,
  decodeGenesis,
  encodeGenesis,
  type LctAnchor,
  type LctClass,
  type LctGenesis,
  type LctKind,
  type LctLink,
  TRUST_CEILING_BPS,
} from "./genesis.js";
export type { LctAttestation, LctBoot } from "./lct-attestation.js";
export { type OcmfDay, type OcmfReading, ocmfPayload, verifyOcmf } from "./ocmf.js";
export { ocmfDayOf } from "./ocmf-day.js";
export type { TpmEvidence, TpmStatement } from "./tpm-statement.js";
