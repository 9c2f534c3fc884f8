/** A private key that can be used and not be read: no accessor, redacted when inspected, logged or serialised. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { LctKeysError } from "../verify/errors.js";

let keyObject: (holder: OpaqueKey) => KeyObject;

export abstract class OpaqueKey {
  #key: KeyObject | undefined;
  readonly publicKey: Uint8Array;

  constructor(key: KeyObject, publicKey: Uint8Array) {
    this.#key = key;
    this.publicKey = publicKey;
  }

  static {
    keyObject = (holder) => {
      if (holder.#key !== undefined) return holder.#key;
      throw new LctKeysError("key-disposed", "the key was disposed of");
    };
  }

  /** Drops the key. OpenSSL clears its memory when the last reference is collected. */
  dispose(): void {
    this.#key = undefined;
  }

  toJSON(): string {
    return "[secret key]";
  }

  toString(): string {
    return "[secret key]";
  }

  [inspect.custom](): string {
    return `${this.constructor.name} [secret]`;
  }
}

/** For the files of this folder only. Throws `key-disposed`. */
export function keyObjectOf(holder: OpaqueKey): KeyObject {
  return keyObject(holder);
}

/** PKCS #8 in PEM: what a key file holds. */
export function pemOf(holder: OpaqueKey): string {
  return keyObjectOf(holder).export({ type: "pkcs8", format: "pem" }).toString();
}

/** A coordinate of the public key (RFC 7517); `key` is that or its private key. */
export function publicCoordinate(key: KeyObject, name: "x" | "y"): Uint8Array {
  const half = key.type === "private" ? createPublicKey(key) : key;
  const value = half.export({ format: "jwk" })[name];
  if (value === undefined) {
    throw new LctKeysError("key-malformed", `the public key has no ${name} coordinate`);
  }
  return new Uint8Array(Buffer.from(value, "base64url"));
}
