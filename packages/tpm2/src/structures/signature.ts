/** TPMT_SIGNATURE (Part 2 §11.3.4). */
import { buffer, type Codec } from "../wire/codec.js";
import { ALG } from "../wire/constants.js";
import { type HashAlgorithm, hashAlgorithm } from "./algorithms.js";

const MOST_COORDINATE = 66;
const MOST_RSA = 512;

export interface EcdsaSignature {
  readonly scheme: "ecdsa";
  readonly hash: HashAlgorithm;
  /** Big-endian, without fixed length: leading zeros may be missing. */
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

export interface RsaSignature {
  readonly scheme: "rsassa" | "rsapss";
  readonly hash: HashAlgorithm;
  readonly signature: Uint8Array;
}

export type Signature = EcdsaSignature | RsaSignature;

const coordinate = buffer(MOST_COORDINATE);
const modulus = buffer(MOST_RSA);

export const signature: Codec<Signature> = {
  write: (w, v) => {
    w.u16(ALG[v.scheme]);
    w.u16(v.hash);
    if (v.scheme === "ecdsa") {
      coordinate.write(w, v.r);
      coordinate.write(w, v.s);
    } else modulus.write(w, v.signature);
  },
  read: (r) => {
    const found = r.u16();
    switch (found) {
      case ALG.ecdsa: {
        const hash = hashAlgorithm.read(r);
        return { scheme: "ecdsa", hash, r: coordinate.read(r), s: coordinate.read(r) };
      }
      case ALG.rsassa:
        return { scheme: "rsassa", hash: hashAlgorithm.read(r), signature: modulus.read(r) };
      case ALG.rsapss:
        return { scheme: "rsapss", hash: hashAlgorithm.read(r), signature: modulus.read(r) };
      default:
        return r.fail(`signature scheme 0x${found.toString(16)} is unknown`);
    }
  },
};
