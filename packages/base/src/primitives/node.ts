import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import type { Primitives } from "./types.js";

/** Importing a key costs as much as a verification, and a log is verified under few keys. */
const KEY_CACHE_LIMIT = 256;
const keys = new Map<string, KeyObject>();

function cachedKey(jwk: Record<string, string>): KeyObject {
  const id = `${jwk["crv"]}.${jwk["x"]}.${jwk["y"] ?? ""}`;
  let key = keys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: jwk, format: "jwk" });
    if (keys.size >= KEY_CACHE_LIMIT) keys.clear();
    keys.set(id, key);
  }
  return key;
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");

export const sha256: Primitives["sha256"] = (data) => hash("sha256", data, "buffer");

export const verifyEd25519: Primitives["verifyEd25519"] = (publicKey, message, signature) => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = cachedKey({ kty: "OKP", crv: "Ed25519", x: base64url(publicKey) });
  return verify(null, message, key, signature);
};

export const verifyP256: Primitives["verifyP256"] = (publicKey, message, signature) => {
  if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false;
  const x = base64url(publicKey.subarray(1, 33));
  const y = base64url(publicKey.subarray(33));
  try {
    const key = cachedKey({ kty: "EC", crv: "P-256", x, y });
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // not a point of the curve
  }
};
