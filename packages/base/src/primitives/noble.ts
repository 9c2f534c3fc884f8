import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 as nobleSha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesEqual, concatBytes } from "../bytes.js";
import { isEd25519KeyEncoding } from "./ed25519-keys.js";
import type { Primitives } from "./types.js";

const { Point } = ed25519;

export const sha256: Primitives["sha256"] = (data) => nobleSha256(data);

function scalarOf(littleEndian: Uint8Array): bigint {
  return littleEndian.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** RFC 8032 §5.1.7, the equation without cofactor: R = [S]B − [k]A, compared as bytes. OpenSSL checks the same. */
function satisfiesEquation(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const order = Point.Fn.ORDER;
  const r = signature.subarray(0, 32);
  const s = scalarOf(signature.subarray(32));
  if (s >= order) return false;
  const a = Point.fromBytes(publicKey);
  const k = scalarOf(sha512(concatBytes(r, publicKey, message))) % order;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return bytesEqual(expected.toBytes(), r);
}

export const verifyEd25519: Primitives["verifyEd25519"] = (publicKey, message, signature) => {
  if (!isEd25519KeyEncoding(publicKey) || signature.length !== 64) return false;
  try {
    return satisfiesEquation(publicKey, message, signature);
  } catch {
    return false; // not a point of the curve
  }
};

export const verifyP256: Primitives["verifyP256"] = (publicKey, message, signature) => {
  if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false;
  try {
    return p256.verify(signature, message, publicKey, { lowS: false });
  } catch {
    return false;
  }
};
