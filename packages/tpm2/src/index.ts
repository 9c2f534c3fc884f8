export {
  type Attestation,
  certify,
  quote,
} from "./commands/attestation.js";
export {
  algorithms,
  commandCodes,
  curves,
  getRandom,
  handlesFrom,
  pcrBanks,
  property,
  readClock,
  shutdown,
  startup,
  type TimeInfo,
} from "./commands/basic.js";
export { type Credential, makeCredential } from "./commands/credential.js";
export {
  type DictionaryAttackParameters,
  resetLockout,
  setDictionaryAttackParameters,
} from "./commands/dictionary-attack.js";
export { hashSequence, type TpmHash } from "./commands/hash.js";
export { hierarchyChangeAuth } from "./commands/hierarchy.js";
export { activateCredential, sign, unseal, verifySignature } from "./commands/keys.js";
export {
  type NvIndex,
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvIndexOf,
  nvRead,
  nvReadCounter,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
} from "./commands/nv.js";
export {
  type Creation,
  create,
  createPrimary,
  evictControl,
  flush,
  type LoadedObject,
  load,
  loadExternal,
  type ObjectBlob,
  pinned,
  readPublic,
  type Template,
} from "./commands/objects.js";
export { type PcrValues, pcrExtend, pcrRead } from "./commands/pcr.js";
export {
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyGetDigest,
  policyNv,
  policyPcr,
  policyRestart,
  policySecret,
} from "./commands/policy.js";
export { policyDigest, underPolicy } from "./commands/under-policy.js";
export { AuthValue } from "./session/auth-value.js";
export type { Ref } from "./session/exchange.js";
export type { Session } from "./session/session.js";
export { startPolicy, startTrial } from "./session/start.js";
export type { HashAlgorithm } from "./structures/algorithms.js";
export { handleName, nameOf } from "./structures/name.js";
export type { NvPublic } from "./structures/nv.js";
export type { PcrSelection } from "./structures/pcr.js";
export type { EccPublic, KeyedHashPublic, Public, RsaPublic } from "./structures/public.js";
export type { Signature } from "./structures/signature.js";
export {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  SEALED,
  SIGNING_KEY,
  STORAGE_ROOT,
  sealedUnder,
} from "./structures/templates.js";
export type { Ticket } from "./structures/ticket.js";
export { type SaltKey, Tpm, type TpmOptions, type Use } from "./tpm.js";
export { type DeviceFile, type DeviceOptions, deviceTransport } from "./transport/device.js";
export { heldTransport } from "./transport/held.js";
export { type SwtpmAddress, type SwtpmOptions, swtpmTransport } from "./transport/swtpm.js";
export type { Connection, Transport } from "./transport/transport.js";
export { ALG, CC, CURVE, HANDLE_TYPE, NV, OBJECT, PT, RH } from "./wire/constants.js";
export {
  isRefusal,
  type ResponseCode,
  responseCode,
  TpmError,
  type TpmErrorCode,
} from "./wire/errors.js";
