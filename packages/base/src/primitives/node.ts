import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import { isEd25519KeyEncoding } from "./ed25519-keys.js";
import type { Primitives } from "./types.js";

/** Importing a key costs as much as a verification, and a log is verified under few keys. */
const KEY_CACHE_LIMIT = 256;
const keys = new Map<string, KeyObject>();

/** Throws for what is not a point of the curve. */
function cachedKey(id: string, jwk: () => Record<string, string>): KeyObject {
  let key = keys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: jwk(), format: "jwk" });
    if (keys.size >= KEY_CACHE_LIMIT) keys.clear();
    keys.set(id, key);
  }
  return key;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Only keys that may be used get into the cache. */
function ed25519Key(publicKey: Uint8Array): KeyObject | undefined {
  const x = asBuffer(publicKey).toString("base64url");
  const known = keys.get(x);
  if (known !== undefined) return known;
  if (!isEd25519KeyEncoding(publicKey)) return undefined;
  return cachedKey(x, () => ({ kty: "OKP", crv: "Ed25519", x }));
}

function p256Key(publicKey: Uint8Array): KeyObject {
  const point = asBuffer(publicKey);
  return cachedKey(point.toString("base64url"), () => ({
    kty: "EC",
    crv: "P-256",
    x: point.toString("base64url", 1, 33),
    y: point.toString("base64url", 33),
  }));
}

/** By way of a string ("binary" is Latin-1): for short messages node:crypto's own buffers cost twice as much as the hashing. */
export const sha256: Primitives["sha256"] = (data) => {
  const digest = hash("sha256", data, "binary");
  const bytes = new Uint8Array(digest.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = digest.charCodeAt(i);
  return bytes;
};

export const verifyEd25519: Primitives["verifyEd25519"] = (publicKey, message, signature) => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    const key = ed25519Key(publicKey);
    return key !== undefined && verify(null, message, key, signature);
  } catch {
    return false; // not a point of the curve
  }
};

export const verifyP256: Primitives["verifyP256"] = (publicKey, message, signature) => {
  if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false;
  try {
    const key = p256Key(publicKey);
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // not a point of the curve
  }
};
