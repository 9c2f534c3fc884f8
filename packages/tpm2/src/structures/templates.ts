/** Public areas to make objects from. */
import { fromHex } from "@wattseal/base";
import { ALG, CURVE, OBJECT } from "../wire/constants.js";
import type { EccPublic, KeyedHashPublic, RsaPublic } from "./public.js";

const NOTHING = new Uint8Array(0);
const FIXED = OBJECT.fixedTpm | OBJECT.fixedParent;
const USED_BY_AUTH = FIXED | OBJECT.userWithAuth | OBJECT.noDa;
const STORAGE = OBJECT.sensitiveDataOrigin | OBJECT.restricted | OBJECT.decrypt;
const P256 = {
  type: "ecc",
  nameAlgorithm: ALG.sha256,
  authPolicy: NOTHING,
  curve: CURVE.p256,
  point: { x: NOTHING, y: NOTHING },
} as const;
const ECDSA = { scheme: ALG.ecdsa, hash: ALG.sha256 } as const;

/** Storage root on P-256 (TCG TPM v2.0 Provisioning Guidance §7.5.1). */
export const STORAGE_ROOT: EccPublic = {
  ...P256,
  attributes: USED_BY_AUTH | STORAGE,
  symmetric: { keyBits: 128 },
  scheme: undefined,
};

/** Signs what it is given, by ECDSA with SHA-256. */
export const SIGNING_KEY: EccPublic = {
  ...P256,
  attributes: USED_BY_AUTH | OBJECT.sensitiveDataOrigin | OBJECT.sign,
  symmetric: undefined,
  scheme: ECDSA,
};

/** Signs only what the TPM says itself: quotes, certifications, and digests of the TPM's own making. */
export const ATTESTATION_KEY: EccPublic = {
  ...SIGNING_KEY,
  attributes: SIGNING_KEY.attributes | OBJECT.restricted,
};

/** Data sealed to an authorisation value. */
export const SEALED: KeyedHashPublic = {
  type: "keyed-hash",
  nameAlgorithm: ALG.sha256,
  attributes: USED_BY_AUTH,
  authPolicy: NOTHING,
  scheme: undefined,
  unique: NOTHING,
};

/** Data sealed to a policy alone: its authorisation value opens nothing. */
export function sealedUnder(authPolicy: Uint8Array): KeyedHashPublic {
  return { ...SEALED, attributes: FIXED | OBJECT.noDa, authPolicy };
}

/** PolicySecret(endorsement), by SHA-256: TCG EK Credential Profile 2.4, annex B.6.2 (policy A). */
const ENDORSEMENT_POLICY = fromHex(
  "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
);
const ENDORSEMENT = {
  nameAlgorithm: ALG.sha256,
  attributes: FIXED | OBJECT.adminWithPolicy | STORAGE,
  authPolicy: ENDORSEMENT_POLICY,
  symmetric: { keyBits: 128 },
  scheme: undefined,
} as const;

/** Default endorsement key templates of the TCG EK Credential Profile, annex B.3.3 (L-1) and B.3.4 (L-2). */
export const ENDORSEMENT_RSA: RsaPublic = {
  type: "rsa",
  ...ENDORSEMENT,
  keyBits: 2048,
  exponent: 0,
  modulus: new Uint8Array(256),
};
export const ENDORSEMENT_ECC: EccPublic = {
  type: "ecc",
  ...ENDORSEMENT,
  curve: CURVE.p256,
  point: { x: new Uint8Array(32), y: new Uint8Array(32) },
};
