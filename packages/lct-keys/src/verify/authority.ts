/** Statements of an authority: COSE_Sign1, EdDSA, `kid` = key id of the authority's Ed25519 key. */
import {
  bytesEqual,
  type CoseSign1,
  DecodeError,
  decodeSign1,
  sha256,
  toHex,
  verifySign1,
} from "@wattseal/base";
import { LctKeysError } from "./errors.js";

/** Raw Ed25519 public keys, 32 bytes each, of the authorities somebody trusts. */
export type TrustedKeys = readonly Uint8Array[];

const KEY_ID_LENGTH = 16;

/** The first 16 bytes of SHA-256 of the 32-byte Ed25519 public key. */
export function authorityKeyId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, KEY_ID_LENGTH);
}

export interface AuthorityStatement {
  /** A deterministic CBOR array that starts with a tag text of its own, so that no statement passes as one of another sort. */
  readonly payload: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly keyId: Uint8Array;
}

/** Parses; the signature is not checked. Throws DecodeError. */
export function decodeStatement(bytes: Uint8Array, what: string): CoseSign1 {
  const message = decodeSign1(bytes, what);
  if (message.algorithm !== "EdDSA") throw new DecodeError(what, 0, "is not signed with EdDSA");
  if (message.keyId.length !== KEY_ID_LENGTH) throw new DecodeError(what, 0, "has no key id");
  return message;
}

/**
 * Throws DecodeError, or LctKeysError `authority-untrusted` (the key id is none of the trusted keys') and
 * `authority-signature`. What the payload says is for the caller to decode.
 */
export function verifyAuthority(bytes: Uint8Array, trusted: TrustedKeys): AuthorityStatement {
  const message = decodeStatement(bytes, "authority statement");
  const { keyId, payload } = message;
  const publicKey = trusted.find((key) => bytesEqual(authorityKeyId(key), keyId));
  if (publicKey === undefined) {
    throw new LctKeysError(
      "authority-untrusted",
      `the statement is signed under key ${toHex(keyId)}, which is not among the ${trusted.length} trusted ones`,
    );
  }
  if (!verifySign1(message, publicKey)) {
    throw new LctKeysError(
      "authority-signature",
      `the statement's signature does not verify under key ${toHex(keyId)}`,
    );
  }
  return { payload, publicKey, keyId };
}
