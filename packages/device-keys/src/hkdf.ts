import { createHmac } from "node:crypto";

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return Uint8Array.from(hmac.digest());
}

const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2);

/** HKDF of the Noise specification rev 34 §4.3 with two outputs of 32 bytes (RFC 5869 with empty info). */
export function noiseHkdf(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const temporary = hmacSha256(chainingKey, input);
  const first = hmacSha256(temporary, ONE);
  const second = hmacSha256(temporary, first, TWO);
  temporary.fill(0);
  return [first, second];
}

/** One 32-byte key by HKDF-SHA-256 (RFC 5869), salt of 32 zero bytes as §2.2 gives for none. */
export function deriveKey(secret: Uint8Array, info: Uint8Array): Uint8Array {
  const extracted = hmacSha256(new Uint8Array(32), secret);
  const key = hmacSha256(extracted, info, ONE);
  extracted.fill(0);
  return key;
}
