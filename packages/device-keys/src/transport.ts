import { inspect } from "node:util";
import { type Aead, createAead, newNonce, setNonce } from "./aead.js";
import { DeviceKeysError } from "./errors.js";

const REDACTED = "[transport cipher, redacted]";

/**
 * One direction of a session: a Noise CipherState whose nonce is set explicitly (rev 34 §11.4, SetNonce).
 * Whoever seals never repeats (domain, counter); whoever opens never accepts one twice.
 */
export class TransportCipher {
  #aead: Aead | undefined;
  readonly #nonce = newNonce();

  /** `key`: 32 bytes, copied. */
  constructor(key: Uint8Array) {
    this.#aead = createAead(key);
  }

  /** Ciphertext ‖ tag, 16 bytes more than `plaintext`. Domain 0-254, counter below 2^48. */
  seal(domain: number, counter: number, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    setNonce(this.#nonce, domain, counter);
    return this.#live().seal(this.#nonce, ad, plaintext);
  }

  /** Undefined when the tag does not verify. The result is the caller's. */
  open(
    domain: number,
    counter: number,
    ad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined {
    setNonce(this.#nonce, domain, counter);
    return this.#live().open(this.#nonce, ad, sealed);
  }

  /** Drops the key; idempotent. Every later use throws `disposed`. */
  dispose(): void {
    this.#aead = undefined;
  }

  /**
   * As `dispose`, and gives the key away (32 bytes), so that others can check what was sealed under it. Only for a
   * direction in which nobody accepts anything any more.
   */
  release(): Uint8Array {
    const key = this.#live().key();
    this.dispose();
    return key;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }

  #live(): Aead {
    if (this.#aead === undefined) {
      throw new DeviceKeysError("disposed", "usage", "this session's keys were disposed of");
    }
    return this.#aead;
  }
}
