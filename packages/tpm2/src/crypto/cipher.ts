import { createCipheriv, createDecipheriv } from "node:crypto";

const name = (key: Uint8Array) => `aes-${8 * key.length}-cfb`;

/** AES in CFB with a 128-bit feedback (Part 1 §11.4.7). */
export function encryptCfb(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = createCipheriv(name(key), key, iv);
  return Uint8Array.from(Buffer.concat([cipher.update(data), cipher.final()]));
}

export function decryptCfb(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = createDecipheriv(name(key), key, iv);
  return Uint8Array.from(Buffer.concat([cipher.update(data), cipher.final()]));
}
