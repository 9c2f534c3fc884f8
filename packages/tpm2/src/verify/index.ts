export type { CertifyAttest, ClockInfo, NvAttest, QuoteAttest } from "../structures/attest.js";
export type { NvPublic } from "../structures/nv.js";
export type { PcrSelection } from "../structures/pcr.js";
export type { EccPublic, Public } from "../structures/public.js";
export { ALG, CC, NV, OBJECT } from "../wire/constants.js";
export { TpmError } from "../wire/errors.js";
export {
  type AttestationContext,
  encodeSignature,
  p256Point,
  pcrDigest,
  rawSignature,
  type SignedAttestation,
  verifyCertify,
  verifyNvCertify,
  verifyQuote,
  verifySignedBy,
} from "./attestation.js";
export { type BootEvent, parseEventLog, replayEvents } from "./event-log.js";
export { attestationKeyOf, externalKeyOf } from "./keys.js";
export {
  decodeNvPublic,
  decodePublic,
  encodeNvPublic,
  encodePublic,
  indexName,
  objectName,
} from "./names.js";
export { approvalOf, type PolicyCondition, policyOf } from "./policy.js";
