import { type Codec, oneOf, u16 } from "../wire/codec.js";
import { ALG, CURVE } from "../wire/constants.js";

export const hashAlgorithm = oneOf(u16, ALG.sha1, ALG.sha256, ALG.sha384, ALG.sha512);
export type HashAlgorithm = (typeof ALG)["sha1" | "sha256" | "sha384" | "sha512"];

const DIGEST_LENGTH = {
  [ALG.sha1]: 20,
  [ALG.sha256]: 32,
  [ALG.sha384]: 48,
  [ALG.sha512]: 64,
} as const;

/** Bytes of a digest. */
export function digestLength(hash: HashAlgorithm): number {
  return DIGEST_LENGTH[hash];
}

/** The longest of them: TPMU_HA. */
export const MOST_DIGEST = 64;

export const curve = oneOf(u16, CURVE.p256, CURVE.p384);

/** TPMT_SYM_DEF and TPMT_SYM_DEF_OBJECT (Part 2 §11.1.6, §11.1.7): AES in CFB, or none. */
export interface Symmetric {
  readonly keyBits: 128 | 192 | 256;
}

const aesKeyBits = oneOf(u16, 128, 192, 256);

export const symmetric: Codec<Symmetric | undefined> = {
  write: (w, v) => {
    w.u16(v === undefined ? ALG.null : ALG.aes);
    if (v === undefined) return;
    aesKeyBits.write(w, v.keyBits);
    w.u16(ALG.cfb);
  },
  read: (r) => {
    const algorithm = r.u16();
    if (algorithm === ALG.null) return undefined;
    if (algorithm !== ALG.aes) return r.fail(`cipher 0x${algorithm.toString(16)} is unknown`);
    const keyBits = aesKeyBits.read(r);
    const mode = r.u16();
    if (mode !== ALG.cfb) r.fail(`mode 0x${mode.toString(16)} is not CFB`);
    return { keyBits };
  },
};

/** TPMT_ASYM_SCHEME and its kin (Part 2 §11.2): a scheme with its hash, or none. */
export interface Scheme {
  readonly scheme: number;
  readonly hash: HashAlgorithm;
}

const SCHEMES: readonly number[] = [
  ALG.rsassa,
  ALG.rsapss,
  ALG.oaep,
  ALG.ecdsa,
  ALG.ecdh,
  ALG.hmac,
];

export const scheme: Codec<Scheme | undefined> = {
  write: (w, v) => {
    w.u16(v === undefined ? ALG.null : v.scheme);
    if (v !== undefined) w.u16(v.hash);
  },
  read: (r) => {
    const found = r.u16();
    if (found === ALG.null) return undefined;
    if (!SCHEMES.includes(found)) r.fail(`scheme 0x${found.toString(16)} is unknown`);
    return { scheme: found, hash: hashAlgorithm.read(r) };
  },
};

/** TPMT_KDF_SCHEME: this client uses none. */
export const noKdf: Codec<undefined> = {
  write: (w) => w.u16(ALG.null),
  read: (r) => {
    const found = r.u16();
    return found === ALG.null ? undefined : r.fail(`KDF 0x${found.toString(16)} is unknown`);
  },
};
