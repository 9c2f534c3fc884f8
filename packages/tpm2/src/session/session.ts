/** HMAC and policy sessions (Part 1 §19): nonces, session keys, authorisation HMACs, parameter encryption (§21). */
import { concatBytes, type Entropy } from "@wattseal/base";
import { decryptCfb, encryptCfb } from "../crypto/cipher.js";
import { hmacOf } from "../crypto/digest.js";
import { kdfa } from "../crypto/kdf.js";
import { digestLength, type HashAlgorithm } from "../structures/algorithms.js";
import { SESSION } from "../wire/constants.js";
import { type AuthValue, authBytes } from "./auth-value.js";

const IV_BITS = 128;
/** The reference implementation's session cipher: AES-128 in CFB. */
export const SESSION_KEY_BITS = 128;

export type SessionKind = "hmac" | "policy" | "trial";

interface SessionParts {
  readonly handle: number;
  readonly kind: SessionKind;
  readonly hash: HashAlgorithm;
  readonly nonceCaller: Uint8Array;
  readonly nonceTpm: Uint8Array;
  /** Empty in a session without salt. */
  readonly sessionKey: Uint8Array;
}

/** What travels with one command: this session's place in its authorisation area. */
export interface SessionUse {
  readonly session: Session;
  /** Of the object that it authorises; undefined where it authorises none. */
  readonly auth: AuthValue | undefined;
  /** Encrypts the first parameter, of the command and of the response. */
  readonly decrypt: boolean;
  readonly encrypt: boolean;
  /** Authenticates a command that needs no authorisation (Part 1 §31.3). */
  readonly audit: boolean;
}

/** Secrets stay inside; `use` and `answered` keep its nonces in step with the TPM's. */
export class Session {
  readonly handle: number;
  readonly kind: SessionKind;
  readonly hash: HashAlgorithm;
  /** A policy that asks for the object's authorisation value (PolicyAuthValue). */
  needsAuthValue = false;
  readonly #sessionKey: Uint8Array;
  #nonceCaller: Uint8Array;
  #nonceTpm: Uint8Array;

  constructor(parts: SessionParts) {
    this.handle = parts.handle;
    this.kind = parts.kind;
    this.hash = parts.hash;
    this.#nonceCaller = parts.nonceCaller;
    this.#nonceTpm = parts.nonceTpm;
    this.#sessionKey = parts.sessionKey;
  }

  /** Part 1 §19.6.8: from the salt and both first nonces; nothing from nothing. */
  static keyFor(
    hash: HashAlgorithm,
    salt: Uint8Array | undefined,
    nonceTpm: Uint8Array,
    nonceCaller: Uint8Array,
  ): Uint8Array {
    if (salt === undefined) return new Uint8Array(0);
    const context = { label: "ATH", u: nonceTpm, v: nonceCaller };
    return kdfa(hash, salt, context, 8 * digestLength(hash));
  }

  get nonceTpm(): Uint8Array {
    return this.#nonceTpm;
  }

  get nonceCaller(): Uint8Array {
    return this.#nonceCaller;
  }

  /** A new nonce for the next command. */
  next(entropy: Entropy): void {
    this.#nonceCaller = entropy.bytes(digestLength(this.hash));
  }

  /** The response was authentic under this nonce. */
  answered(nonceTpm: Uint8Array): void {
    this.#nonceTpm = nonceTpm;
  }

  /** Part 1 §19.6.5: over the parameters' hash, both nonces newest first, and the attributes. */
  hmac(
    auth: AuthValue | undefined,
    parts: {
      readonly parameterHash: Uint8Array;
      readonly newer: Uint8Array;
      readonly older: Uint8Array;
      /** Nonces of the sessions that encrypt, where those are others (first session only). */
      readonly extra: readonly Uint8Array[];
      readonly attributes: number;
    },
  ): Uint8Array {
    const key = this.#hmacKey(auth);
    if (key.length === 0 && this.kind === "policy") return key;
    const attributes = Uint8Array.of(parts.attributes);
    const { parameterHash, newer, older, extra } = parts;
    return hmacOf(this.hash, key, parameterHash, newer, older, ...extra, attributes);
  }

  #hmacKey(auth: AuthValue | undefined): Uint8Array {
    const counts = auth !== undefined && (this.kind === "hmac" || this.needsAuthValue);
    return counts ? concatBytes(this.#sessionKey, authBytes(auth)) : this.#sessionKey;
  }

  /** Part 1 §21.3: key and IV from the session's secrets and its nonces, newest first. */
  #cipherOf(auth: AuthValue | undefined, newer: Uint8Array, older: Uint8Array) {
    const value =
      auth === undefined ? this.#sessionKey : concatBytes(this.#sessionKey, authBytes(auth));
    const bits = SESSION_KEY_BITS + IV_BITS;
    const key = kdfa(this.hash, value, { label: "CFB", u: newer, v: older }, bits);
    return { key: key.subarray(0, SESSION_KEY_BITS / 8), iv: key.subarray(SESSION_KEY_BITS / 8) };
  }

  encrypt(auth: AuthValue | undefined, parameter: Uint8Array): Uint8Array {
    const { key, iv } = this.#cipherOf(auth, this.#nonceCaller, this.#nonceTpm);
    return encryptCfb(key, iv, parameter);
  }

  /** After `answered`. */
  decrypt(auth: AuthValue | undefined, parameter: Uint8Array): Uint8Array {
    const { key, iv } = this.#cipherOf(auth, this.#nonceTpm, this.#nonceCaller);
    return decryptCfb(key, iv, parameter);
  }

  dispose(): void {
    this.#sessionKey.fill(0);
  }
}

/** TPMA_SESSION of a use; every session goes on until it is flushed. */
export function attributesOf({ decrypt, encrypt, audit }: SessionUse): number {
  const flags = (decrypt ? SESSION.decrypt : 0) | (encrypt ? SESSION.encrypt : 0);
  return SESSION.continue | flags | (audit ? SESSION.audit : 0);
}
