/** Numbers of TPM 2.0 Part 2 (revision 1.59) that this client uses. */

/** TPM_ALG_ID, Part 2 §6.3. */
export const ALG = {
  rsa: 0x0001,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  keyedHash: 0x0008,
  xor: 0x000a,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  kdf1Sp800108: 0x0022,
  ecc: 0x0023,
  symCipher: 0x0025,
  cfb: 0x0043,
} as const;

/** TPM_ECC_CURVE, Part 2 §6.4. */
export const CURVE = { p256: 0x0003, p384: 0x0004 } as const;

/** TPM_ST, Part 2 §6.9. */
export const ST = {
  rspCommand: 0x00c4,
  noSessions: 0x8001,
  sessions: 0x8002,
  attestNv: 0x8014,
  attestCertify: 0x8017,
  attestQuote: 0x8018,
  attestCreation: 0x801a,
  creation: 0x8021,
  verified: 0x8022,
  authSecret: 0x8023,
  hashCheck: 0x8024,
  authSigned: 0x8025,
} as const;

/** TPM_SE, Part 2 §6.11. */
export const SE = { hmac: 0x00, policy: 0x01, trial: 0x03 } as const;

/** TPM_SU, Part 2 §6.10. */
export const SU = { clear: 0x0000, state: 0x0001 } as const;

/** TPM_EO, Part 2 §6.8. */
export const EO = {
  equal: 0x0000,
  notEqual: 0x0001,
  signedGreater: 0x0002,
  unsignedGreater: 0x0003,
  signedLess: 0x0004,
  unsignedLess: 0x0005,
  signedGreaterOrEqual: 0x0006,
  unsignedGreaterOrEqual: 0x0007,
  signedLessOrEqual: 0x0008,
  unsignedLessOrEqual: 0x0009,
  bitSet: 0x000a,
  bitClear: 0x000b,
} as const;

/** TPM_RH, Part 2 §7.4. */
export const RH = {
  owner: 0x40000001,
  null: 0x40000007,
  lockout: 0x4000000a,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const;

/** TPM_RS_PW, Part 2 §7.4: the password in place of a session. */
export const RS_PASSWORD = 0x40000009;

/** TPM_HT, Part 2 §7.2: the first byte of a handle. */
export const HANDLE_TYPE = {
  pcr: 0x00,
  nvIndex: 0x01,
  hmacSession: 0x02,
  policySession: 0x03,
  permanent: 0x40,
  transient: 0x80,
  persistent: 0x81,
} as const;

/** TPM_GENERATED_VALUE, Part 2 §6.2. */
export const GENERATED = 0xff544347;

/** TPM_CAP, Part 2 §6.12. */
export const CAP = {
  algorithms: 0,
  handles: 1,
  commands: 2,
  pcrs: 5,
  properties: 6,
  curves: 8,
} as const;

/** TPM_PT, Part 2 §6.13. */
export const PT = {
  family: 0x100,
  revision: 0x102,
  manufacturer: 0x105,
  firmware1: 0x10b,
  firmware2: 0x10c,
  inputBuffer: 0x10d,
  maxDigest: 0x120,
  nvCountersMax: 0x116,
  nvIndexMax: 0x117,
  nvBufferMax: 0x12c,
  permanent: 0x200,
  startupClear: 0x201,
  nvCounters: 0x20a,
  nvCountersAvail: 0x20b,
  lockoutCounter: 0x20e,
  maxAuthFail: 0x20f,
  lockoutInterval: 0x210,
  lockoutRecovery: 0x211,
} as const;

/** TPMA_OBJECT, Part 2 §8.3. */
export const OBJECT = {
  fixedTpm: 1 << 1,
  stClear: 1 << 2,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDa: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

/** TPMA_SESSION, Part 2 §8.4. */
export const SESSION = {
  continue: 1,
  auditExclusive: 1 << 1,
  decrypt: 1 << 5,
  encrypt: 1 << 6,
  audit: 1 << 7,
} as const;

/** TPMA_NV, Part 2 §13.4; the type is four bits from bit 4 on. */
export const NV = {
  ppWrite: 1 << 0,
  ownerWrite: 1 << 1,
  authWrite: 1 << 2,
  policyWrite: 1 << 3,
  ordinary: 0 << 4,
  counter: 1 << 4,
  bits: 2 << 4,
  extend: 4 << 4,
  typeMask: 0xf0,
  policyDelete: 1 << 10,
  writeLocked: 1 << 11,
  writeAll: 1 << 12,
  ppRead: 1 << 16,
  ownerRead: 1 << 17,
  authRead: 1 << 18,
  policyRead: 1 << 19,
  noDa: 1 << 25,
  written: 1 << 29,
} as const;

/** TPM_CC, Part 2 §6.5.2. */
export const CC = {
  evictControl: 0x00000120,
  nvUndefineSpace: 0x00000122,
  clear: 0x00000126,
  nvDefineSpace: 0x0000012a,
  createPrimary: 0x00000131,
  nvIncrement: 0x00000134,
  nvWrite: 0x00000137,
  dictionaryAttackLockReset: 0x00000139,
  dictionaryAttackParameters: 0x0000013a,
  hierarchyChangeAuth: 0x00000129,
  pcrReset: 0x0000013d,
  sequenceComplete: 0x0000013e,
  startup: 0x00000144,
  shutdown: 0x00000145,
  activateCredential: 0x00000147,
  certify: 0x00000148,
  policyNv: 0x00000149,
  nvRead: 0x0000014e,
  policySecret: 0x00000151,
  create: 0x00000153,
  load: 0x00000157,
  quote: 0x00000158,
  sequenceUpdate: 0x0000015c,
  sign: 0x0000015d,
  unseal: 0x0000015e,
  contextLoad: 0x00000161,
  contextSave: 0x00000162,
  flushContext: 0x00000165,
  loadExternal: 0x00000167,
  makeCredential: 0x00000168,
  nvReadPublic: 0x00000169,
  policyAuthorize: 0x0000016a,
  policyAuthValue: 0x0000016b,
  policyCommandCode: 0x0000016c,
  readPublic: 0x00000173,
  startAuthSession: 0x00000176,
  verifySignature: 0x00000177,
  getCapability: 0x0000017a,
  getRandom: 0x0000017b,
  pcrRead: 0x0000017e,
  policyPcr: 0x0000017f,
  policyRestart: 0x00000180,
  readClock: 0x00000181,
  pcrExtend: 0x00000182,
  nvCertify: 0x00000184,
  hashSequenceStart: 0x00000186,
  policyGetDigest: 0x00000189,
} as const;
