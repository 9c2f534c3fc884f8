/**
 * ChaCha20-Poly1305 (RFC 8439). `createAead` is the one place that chooses an implementation, and
 * `setNonce` the one place that builds a nonce.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { DeviceKeysError } from "./errors.js";

export const TAG_LENGTH = 16;
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const ALGORITHM = "chacha20-poly1305";
const OPTIONS = { authTagLength: TAG_LENGTH } as const;
const TWO_32 = 2 ** 32;

/** Counters stay below this, so that a domain byte never touches them. */
export const MAX_COUNTER = 2 ** 48;

/** Authenticated encryption under one key. Nonces are 12 bytes; the caller never repeats one when sealing. */
export interface Aead {
  /** Ciphertext ‖ tag (16 bytes), the caller's to keep. */
  seal(nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Plaintext, the caller's to keep; undefined when the tag does not verify. */
  open(nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /** A copy of the key. */
  key(): Uint8Array;
}

/** ChaCha20-Poly1305 under `key` (32 bytes, copied). */
export function createAead(key: Uint8Array): Aead {
  if (key.length !== KEY_LENGTH) {
    throw new DeviceKeysError("bad-parameter", "usage", `an AEAD key has ${KEY_LENGTH} bytes`);
  }
  const secret = createSecretKey(key);
  return {
    seal: (nonce, ad, plaintext) => seal(secret, nonce, ad, plaintext),
    open: (nonce, ad, sealed) => open(secret, nonce, ad, sealed),
    key: () => Uint8Array.from(secret.export()),
  };
}

function seal(key: KeyObject, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array) {
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
  cipher.setAAD(ad, { plaintextLength: plaintext.length });
  const sealed = new Uint8Array(plaintext.length + TAG_LENGTH);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

function open(key: KeyObject, nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array) {
  const length = sealed.length - TAG_LENGTH;
  if (length < 0) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS);
  decipher.setAAD(ad, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch {
    return undefined; // the only failure left here: the tag does not verify
  }
  // A plain array: a Buffer's slice() shares memory where callers expect a copy.
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

/** An all-zero nonce for `setNonce` to fill. */
export function newNonce(): Uint8Array {
  return new Uint8Array(NONCE_LENGTH);
}

/**
 * Writes Noise's ChaChaPoly nonce (rev 34 §12.3): 4 zero bytes ‖ LE64(n), here n = domain · 2^56 + counter.
 * Domain 0-254, so that n never reaches the reserved 2^64 − 1; counter below 2^48.
 */
export function setNonce(nonce: Uint8Array, domain: number, counter: number): void {
  if (!Number.isInteger(domain) || domain < 0 || domain > 254) {
    throw new DeviceKeysError("bad-parameter", "usage", `${domain} is not a nonce domain`);
  }
  if (!Number.isInteger(counter) || counter < 0 || counter >= MAX_COUNTER) {
    throw new DeviceKeysError("bad-parameter", "usage", `${counter} is not a nonce counter`);
  }
  const low = counter % TWO_32;
  const high = (counter - low) / TWO_32;
  nonce[4] = low;
  nonce[5] = low >>> 8;
  nonce[6] = low >>> 16;
  nonce[7] = low >>> 24;
  nonce[8] = high;
  nonce[9] = high >>> 8;
  nonce[10] = 0;
  nonce[11] = domain;
}
