/**
 * X25519 device halves. The pack's and the module's half together make the Noise KK link of that pair and
 * of no other; each proves only its own side.
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { concatBytes, type Entropy, fromHex } from "@wattseal/base";
import { DeviceKeysError } from "./errors.js";

/** RFC 7748 §5: scalars and u-coordinates are 32 bytes. */
export const HALF_LENGTH = 32;

/** RFC 8410 §7: what precedes the 32 raw bytes in PKCS #8 for id-X25519. */
const PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420");

const REDACTED = "[X25519 device half, redacted]";

/** What holds a module's half, or a half in this process's memory, and speaks for it at once. */
export interface DeviceCustody {
  /** 32 bytes; not to be changed. */
  readonly publicKey: Uint8Array;
  /**
   * X25519 with `peer` (32 bytes). The 32-byte result is the caller's, to wipe after use.
   * Throws DeviceKeysError `weak-peer-half` when the result would be all zero (RFC 7748 §6.1).
   */
  dh(peer: Uint8Array): Uint8Array;
}

/** What holds the pack's half: memory (`inMemory`), or a TPM behind the signer, which takes its time and may be away. */
export interface PackCustody {
  /** 32 bytes; not to be changed. */
  readonly publicKey: Uint8Array;
  /**
   * X25519 with `peer` (32 bytes, copied if kept). The 32-byte result is the caller's, to wipe after use. Rejects with
   * DeviceKeysError `weak-peer-half`, or with whatever kept the holder from answering: to be asked again later.
   */
  dh(peer: Uint8Array): Promise<Uint8Array>;
}

/** A half in this process's memory as the pack's custody; answers in the same turn of the event loop. */
export function inMemory(half: DeviceCustody): PackCustody {
  return { publicKey: half.publicKey, dh: async (peer) => half.dh(peer) };
}

/** A secret half in this process's memory. Nothing prints or serialises it; `lend` is the only way to its bytes. */
export class DeviceHalf implements DeviceCustody {
  readonly publicKey: Uint8Array;
  readonly #bytes: Uint8Array;
  #key: KeyObject | undefined;

  private constructor(secret: Uint8Array) {
    this.#bytes = secret;
    this.#key = privateKeyOf(secret);
    this.publicKey = rawPublicKeyOf(this.#key);
  }

  static generate(entropy: Entropy): DeviceHalf {
    return new DeviceHalf(Uint8Array.from(entropy.bytes(HALF_LENGTH)));
  }

  /** Copies the 32 bytes of `secret`; the caller wipes its own. */
  static fromSecret(secret: Uint8Array): DeviceHalf {
    requireHalf(secret, "a secret half");
    return new DeviceHalf(Uint8Array.from(secret));
  }

  dh(peer: Uint8Array): Uint8Array {
    requireHalf(peer, "a public half");
    if (this.#key === undefined) throw disposed();
    return agree(this.#key, peer);
  }

  /** Lends a copy of the 32 secret bytes to `use` (a store that seals them) and wipes it when `use` returns. */
  lend<T>(use: (secret: Uint8Array) => T): T {
    if (this.#key === undefined) throw disposed();
    const copy = Uint8Array.from(this.#bytes);
    try {
      return use(copy);
    } finally {
      copy.fill(0);
    }
  }

  /** Wipes the secret; idempotent. Every later use throws `disposed`. */
  dispose(): void {
    this.#bytes.fill(0);
    this.#key = undefined;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

function requireHalf(bytes: Uint8Array, what: string): void {
  if (bytes.length !== HALF_LENGTH) {
    throw new DeviceKeysError(
      "bad-parameter",
      "usage",
      `${what} has ${HALF_LENGTH} bytes, not ${bytes.length}`,
    );
  }
}

function disposed(): DeviceKeysError {
  return new DeviceKeysError("disposed", "usage", "this device half was disposed of");
}

/** As DER, which can be wiped. A JWK (RFC 8037) is read in a tenth of the time, but leaves the secret in a string. */
function privateKeyOf(secret: Uint8Array): KeyObject {
  const der = concatBytes(PKCS8_PREFIX, secret);
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

function rawPublicKeyOf(key: KeyObject): Uint8Array {
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  return Uint8Array.from(Buffer.from(x, "base64url"));
}

function agree(privateKey: KeyObject, peer: Uint8Array): Uint8Array {
  const x = Buffer.from(peer).toString("base64url");
  const jwk = { kty: "OKP", crv: "X25519", x };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  let shared: Uint8Array;
  try {
    shared = Uint8Array.from(diffieHellman({ privateKey, publicKey }));
  } catch (cause) {
    // OpenSSL refuses a small-order point by failing the derivation.
    throw weakPeer({ cause });
  }
  if (shared.every((byte) => byte === 0)) throw weakPeer();
  return shared;
}

function weakPeer(options?: ErrorOptions): DeviceKeysError {
  return new DeviceKeysError(
    "weak-peer-half",
    "peer",
    "the peer's half yields no secret (RFC 7748 §6.1)",
    options,
  );
}
