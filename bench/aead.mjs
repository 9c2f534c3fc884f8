import { randomBytes } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { createAead } from "@wattseal/device-keys";
import { perCpuSecond } from "./lib/measure.mjs";
import { formatTable } from "./lib/table.mjs";

const BATCH = 500;
/** Plaintext of a telemetry PDU, and of one that carries a log frame. */
const SIZES = [48, 1032];

/** ChaCha20-Poly1305 on messages of PDU size: the provider in use beside the pure JavaScript one. */
export async function aead() {
  const rows = [];
  for (const size of SIZES) {
    const key = randomBytes(32);
    const ad = randomBytes(5);
    const plaintext = randomBytes(size);
    const native = createAead(key);
    const pure = {
      /** @param {Uint8Array} nonce */
      seal: (nonce) => chacha20poly1305(key, nonce, ad).encrypt(plaintext),
      /** @param {Uint8Array} nonce @param {Uint8Array} sealed */
      open: (nonce, sealed) => chacha20poly1305(key, nonce, ad).decrypt(sealed),
    };
    const sealed = native.seal(counterNonce(0), ad, plaintext);
    rows.push(
      {
        what: `seal ${size} B, node:crypto`,
        rate: await perCpuSecond(repeat((nonce) => native.seal(nonce, ad, plaintext))),
        peer: "@noble/ciphers",
        peerRate: await perCpuSecond(repeat((nonce) => pure.seal(nonce))),
      },
      {
        what: `open ${size} B, node:crypto`,
        rate: await perCpuSecond(repeat(() => native.open(counterNonce(0), ad, sealed))),
        peer: "@noble/ciphers",
        peerRate: await perCpuSecond(repeat(() => pure.open(counterNonce(0), sealed))),
      },
    );
  }
  return formatTable("AEAD providers", "message", rows);
}

/** @param {(nonce: Uint8Array) => unknown} call */
function repeat(call) {
  let counter = 0;
  return () => {
    for (let i = 0; i < BATCH; i += 1) {
      counter += 1;
      call(counterNonce(counter));
    }
    return BATCH;
  };
}

/** @param {number} counter */
function counterNonce(counter) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(4, counter, true);
  return nonce;
}
