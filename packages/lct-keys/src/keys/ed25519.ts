/** Ed25519 (RFC 8032): epoch keys, authorities and witnesses. */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { concatBytes, type Entropy, fromHex } from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { keyObjectOf, OpaqueKey, publicCoordinate } from "./opaque-key.js";

/** PKCS #8 OneAsymmetricKey up to the seed (RFC 8410 §7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420");
const SEED_LENGTH = 32;

export class Ed25519SecretKey extends OpaqueKey {
  /** Throws `key-malformed` when `key` is no private Ed25519 key. */
  constructor(key: KeyObject) {
    if (key.type !== "private" || key.asymmetricKeyType !== "ed25519") {
      throw new LctKeysError("key-malformed", "this is no private Ed25519 key");
    }
    super(key, publicCoordinate(key, "x"));
  }

  static generate(entropy: Entropy): Ed25519SecretKey {
    const seed = entropy.bytes(SEED_LENGTH);
    const der = Buffer.from(concatBytes(PKCS8_PREFIX, seed).buffer);
    try {
      return new Ed25519SecretKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
    } finally {
      seed.fill(0);
      der.fill(0);
    }
  }

  /** 64 bytes. Throws `key-disposed`. */
  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, keyObjectOf(this)));
  }
}
