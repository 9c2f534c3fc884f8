import { randomBytes } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { createAead } from "@wattseal/device-keys";
import sodium from "libsodium-wrappers";
import { perCpuSecond } from "./lib/measure.mjs";
import { formatTable } from "./lib/table.mjs";

const BATCH = 500;
/** Plaintext of a heartbeat, of a telemetry PDU (classic and FD), and of one that carries a log frame. */
const SIZES = [8, 48, 1032];

/**
 * @typedef {object} Provider
 * @property {(nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array) => Uint8Array} seal
 * @property {(nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined} open undefined: the tag does not verify
 */

/** ChaCha20-Poly1305 on messages of PDU size: the provider in use beside a pure JavaScript and a WebAssembly one. */
export async function aead() {
  await sodium.ready;
  const key = new Uint8Array(randomBytes(32));
  const native = createAead(key);
  const others = { "@noble/ciphers": noble(key), "libsodium (WebAssembly)": libsodium(key) };
  const rows = [];
  for (const size of SIZES) {
    for (const work of /** @type {const} */ (["seal", "open", "refuse"])) {
      const rate = await perCpuSecond(repeat(native, work, size));
      for (const [peer, provider] of Object.entries(others)) {
        const peerRate = await perCpuSecond(repeat(provider, work, size));
        rows.push({ what: `${work} ${size} B, node:crypto`, rate, peer, peerRate });
      }
    }
  }
  return formatTable("AEAD providers", "message", rows);
}

/**
 * @param {Provider} provider
 * @param {"seal" | "open" | "refuse"} work
 * @param {number} size
 */
function repeat(provider, work, size) {
  const ad = new Uint8Array(randomBytes(5));
  const plaintext = new Uint8Array(randomBytes(size));
  const nonce = counterNonce(0);
  const sealed = provider.seal(nonce, ad, plaintext);
  const forged = Uint8Array.from(sealed, (byte, i) => (i === 0 ? byte ^ 1 : byte));
  if (provider.open(nonce, ad, forged) !== undefined) throw new Error("a forged tag verified");
  let counter = 0;
  const once = {
    seal: () => {
      counter += 1;
      provider.seal(counterNonce(counter), ad, plaintext);
    },
    open: () => provider.open(counterNonce(0), ad, sealed),
    refuse: () => provider.open(counterNonce(0), ad, forged),
  }[work];
  return () => {
    for (let i = 0; i < BATCH; i += 1) once();
    return BATCH;
  };
}

/**
 * @param {Uint8Array} key
 * @returns {Provider}
 */
function noble(key) {
  return {
    seal: (nonce, ad, plaintext) => chacha20poly1305(key, nonce, ad).encrypt(plaintext),
    open: (nonce, ad, sealed) =>
      orUndefined(() => chacha20poly1305(key, nonce, ad).decrypt(sealed)),
  };
}

/**
 * @param {Uint8Array} key
 * @returns {Provider}
 */
function libsodium(key) {
  return {
    seal: (nonce, ad, plaintext) =>
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, ad, null, nonce, key),
    open: (nonce, ad, sealed) =>
      orUndefined(() =>
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, ad, nonce, key),
      ),
  };
}

/** @param {() => Uint8Array} open */
function orUndefined(open) {
  try {
    return open();
  } catch {
    return undefined;
  }
}

/** @param {number} counter */
function counterNonce(counter) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(4, counter, true);
  return nonce;
}
