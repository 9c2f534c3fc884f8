export {
  type AuthorityStatement,
  authorityKeyId,
  type TrustedKeys,
  verifyAuthority,
} from "./authority.js";
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
  type EpochState,
  isCloneProof,
  type VerifiedEpoch,
  verifyEpoch,
} from "./epoch.js";
export { type LctKeysCode, LctKeysError } from "./errors.js";
export {
  attestSignedBytes,
  decodeEpochEvidence,
  type EpochBody,
  type EpochEvidence,
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  type TpmStatement,
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
export { type OcmfDay, type OcmfReading, ocmfPayload, verifyOcmf } from "./ocmf.js";
export { ocmfDayOf } from "./ocmf-day.js";
