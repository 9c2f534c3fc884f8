import { concatBytes, sha256, utf8 } from "@wattseal/base";
import { type Aead, createAead, newNonce, setNonce } from "./aead.js";
import { noiseHkdf } from "./hkdf.js";

/** 32 bytes or fewer are padded with zeros, more are hashed (Noise rev 34 §5.2 InitializeSymmetric); this has 32. */
const PROTOCOL_NAME = utf8("Noise_KK_25519_ChaChaPoly_SHA256");

/** SymmetricState with its CipherState (Noise rev 34 §5.1, §5.2). */
export class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #aead: Aead | undefined;
  #n = 0;
  readonly #nonce = newNonce();

  private constructor(chainingKey: Uint8Array, hash: Uint8Array) {
    this.#chainingKey = chainingKey;
    this.#hash = hash;
  }

  /** InitializeSymmetric, then MixHash of prologue and of both static keys, the initiator's first (§5.3). */
  static initialize(prologue: Uint8Array, initiator: Uint8Array, responder: Uint8Array) {
    const state = new SymmetricState(Uint8Array.from(PROTOCOL_NAME), PROTOCOL_NAME);
    state.mixHash(prologue);
    state.mixHash(initiator);
    state.mixHash(responder);
    return state;
  }

  /** A copy to try a message on: a forged one must not spoil the handshake for the true one. */
  clone(): SymmetricState {
    const copy = new SymmetricState(Uint8Array.from(this.#chainingKey), this.#hash);
    copy.#aead = this.#aead;
    copy.#n = this.#n;
    return copy;
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = sha256(concatBytes(this.#hash, data));
  }

  /** Mixes in a Diffie-Hellman result and wipes it. */
  mixKey(shared: Uint8Array): void {
    const [chainingKey, key] = noiseHkdf(this.#chainingKey, shared);
    this.#chainingKey.fill(0);
    this.#chainingKey = chainingKey;
    this.#aead = createAead(key);
    this.#n = 0;
    key.fill(0);
    shared.fill(0);
  }

  /** Only called after mixKey: KK has a key before its first payload. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    setNonce(this.#nonce, 0, this.#n);
    const sealed = this.#aead?.seal(this.#nonce, this.#hash, plaintext) ?? plaintext;
    this.#n += 1;
    this.mixHash(sealed);
    return sealed;
  }

  /** Undefined when the tag does not verify; the state is then of no further use. */
  decryptAndHash(sealed: Uint8Array): Uint8Array | undefined {
    setNonce(this.#nonce, 0, this.#n);
    const plaintext = this.#aead?.open(this.#nonce, this.#hash, sealed);
    this.#n += 1;
    this.mixHash(sealed);
    return plaintext;
  }

  /** Keys of the two directions, the initiator's first (§5.2 Split); the caller wipes them. */
  split(): [Uint8Array, Uint8Array] {
    return noiseHkdf(this.#chainingKey, new Uint8Array(0));
  }

  dispose(): void {
    this.#chainingKey.fill(0);
    this.#aead = undefined;
  }
}
