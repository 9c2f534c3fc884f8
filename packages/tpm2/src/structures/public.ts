/** TPMT_PUBLIC (Part 2 §12.2.4) of the object kinds this client makes and meets. */
import { buffer, type Codec, sized } from "../wire/codec.js";
import { ALG } from "../wire/constants.js";
import type { Reader } from "../wire/reader.js";
import type { Writer } from "../wire/writer.js";
import {
  curve,
  type HashAlgorithm,
  hashAlgorithm,
  MOST_DIGEST,
  noKdf,
  type Scheme,
  type Symmetric,
  scheme,
  symmetric,
} from "./algorithms.js";

const MOST_RSA = 512;
const MOST_COORDINATE = 66;

interface Common {
  /** Of the object's Name. */
  readonly nameAlgorithm: HashAlgorithm;
  /** TPMA_OBJECT: sums of `OBJECT`. */
  readonly attributes: number;
  /** Digest of the policy that authorises its use; empty for none. */
  readonly authPolicy: Uint8Array;
}

/** A point; both coordinates big-endian, as long as the curve's field or empty in a template. */
export interface EccPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export interface EccPublic extends Common {
  readonly type: "ecc";
  readonly curve: number;
  /** Of a storage key: the cipher of its children. */
  readonly symmetric: Symmetric | undefined;
  readonly scheme: Scheme | undefined;
  readonly point: EccPoint;
}

export interface RsaPublic extends Common {
  readonly type: "rsa";
  readonly keyBits: number;
  /** 0 stands for 65537. */
  readonly exponent: number;
  readonly symmetric: Symmetric | undefined;
  readonly scheme: Scheme | undefined;
  readonly modulus: Uint8Array;
}

/** Sealed data, or an HMAC key. */
export interface KeyedHashPublic extends Common {
  readonly type: "keyed-hash";
  readonly scheme: Scheme | undefined;
  readonly unique: Uint8Array;
}

export interface SymmetricPublic extends Common {
  readonly type: "symmetric";
  readonly symmetric: Symmetric | undefined;
  readonly unique: Uint8Array;
}

export type Public = EccPublic | RsaPublic | KeyedHashPublic | SymmetricPublic;

const digest = buffer(MOST_DIGEST);
const modulus = buffer(MOST_RSA);
const coordinate = buffer(MOST_COORDINATE);

export const eccPoint: Codec<EccPoint> = {
  write: (w, { x, y }) => {
    coordinate.write(w, x);
    coordinate.write(w, y);
  },
  read: (r) => ({ x: coordinate.read(r), y: coordinate.read(r) }),
};

const TYPE = {
  ecc: ALG.ecc,
  rsa: ALG.rsa,
  "keyed-hash": ALG.keyedHash,
  symmetric: ALG.symCipher,
} as const;

function writeParameters(w: Writer, v: Public): void {
  switch (v.type) {
    case "ecc":
      symmetric.write(w, v.symmetric);
      scheme.write(w, v.scheme);
      w.u16(v.curve);
      noKdf.write(w, undefined);
      eccPoint.write(w, v.point);
      break;
    case "rsa":
      symmetric.write(w, v.symmetric);
      scheme.write(w, v.scheme);
      w.u16(v.keyBits);
      w.u32(v.exponent);
      modulus.write(w, v.modulus);
      break;
    case "keyed-hash":
      scheme.write(w, v.scheme);
      digest.write(w, v.unique);
      break;
    case "symmetric":
      symmetric.write(w, v.symmetric);
      digest.write(w, v.unique);
      break;
  }
}

function readParameters(r: Reader, type: number, common: Common): Public {
  switch (type) {
    case ALG.ecc: {
      const parts = { symmetric: symmetric.read(r), scheme: scheme.read(r), curve: curve.read(r) };
      noKdf.read(r);
      return { type: "ecc", ...common, ...parts, point: eccPoint.read(r) };
    }
    case ALG.rsa: {
      const parts = { symmetric: symmetric.read(r), scheme: scheme.read(r), keyBits: r.u16() };
      return { type: "rsa", ...common, ...parts, exponent: r.u32(), modulus: modulus.read(r) };
    }
    case ALG.keyedHash:
      return { type: "keyed-hash", ...common, scheme: scheme.read(r), unique: digest.read(r) };
    case ALG.symCipher:
      return { type: "symmetric", ...common, symmetric: symmetric.read(r), unique: digest.read(r) };
    default:
      return r.fail(`object type 0x${type.toString(16)} is unknown`);
  }
}

export const publicArea: Codec<Public> = {
  write: (w, v) => {
    w.u16(TYPE[v.type]);
    w.u16(v.nameAlgorithm);
    w.u32(v.attributes);
    digest.write(w, v.authPolicy);
    writeParameters(w, v);
  },
  read: (r) => {
    const type = r.u16();
    const common = {
      nameAlgorithm: hashAlgorithm.read(r),
      attributes: r.u32(),
      authPolicy: digest.read(r),
    };
    return readParameters(r, type, common);
  },
};

/** TPM2B_PUBLIC. */
export const sizedPublic = sized(publicArea);
