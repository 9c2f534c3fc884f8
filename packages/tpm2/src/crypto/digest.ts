/** Hashes and HMACs by TPM algorithm identifier. Primitive calls of this package live in this folder. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HashAlgorithm } from "../structures/algorithms.js";
import { ALG } from "../wire/constants.js";

const NODE_NAME = {
  [ALG.sha1]: "sha1",
  [ALG.sha256]: "sha256",
  [ALG.sha384]: "sha384",
  [ALG.sha512]: "sha512",
} as const;

export function nodeHash(hash: HashAlgorithm): string {
  return NODE_NAME[hash];
}

export function digestOf(hash: HashAlgorithm, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = createHash(NODE_NAME[hash]);
  for (const part of parts) state.update(part);
  return Uint8Array.from(state.digest());
}

export function hmacOf(
  hash: HashAlgorithm,
  key: Uint8Array,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  const state = createHmac(NODE_NAME[hash], key);
  for (const part of parts) state.update(part);
  return Uint8Array.from(state.digest());
}

/** In a time that does not depend on where they differ. */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
