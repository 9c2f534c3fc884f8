/** Noise_KK_25519_ChaChaPoly_SHA256 with every intermediate value (Noise rev 34 §5, §7.5). */
import { concatBytes, fromHex, sha256, toHex, utf8 } from "@wattseal/base";
import { createAead, noiseHkdf } from "@wattseal/device-keys";
import { BUS_ID, CAPABILITIES, half, PACK_HASH, publicOf, SECRET, SLOT, UID } from "./given.mjs";

const NAME = "Noise_KK_25519_ChaChaPoly_SHA256";
const PROLOGUE_NAME = "wattseal-can-1";
const NOTHING = new Uint8Array(0);

/** @typedef {{ step: string, input?: Record<string, string>, ck?: string, k?: string, h?: string, output?: string }} Step */

class Transcript {
  /** @type {Step[]} */
  steps = [];
  /** @type {Uint8Array} */
  ck = utf8(NAME);
  /** @type {Uint8Array} */
  h = utf8(NAME);
  /** @type {Uint8Array} */
  k = NOTHING;

  constructor() {
    this.steps.push({
      step: "InitializeSymmetric",
      input: { name: NAME },
      ck: toHex(this.ck),
      h: toHex(this.h),
    });
  }

  /**
   * @param {string} step
   * @param {Uint8Array} data
   */
  mixHash(step, data) {
    this.h = sha256(concatBytes(this.h, data));
    this.steps.push({ step, input: { data: toHex(data) }, h: toHex(this.h) });
  }

  /**
   * @param {string} step
   * @param {Uint8Array} secret
   * @param {Uint8Array} peer
   */
  mixKey(step, secret, peer) {
    const shared = half(secret).dh(peer);
    [this.ck, this.k] = noiseHkdf(this.ck, shared);
    const input = { secret: toHex(secret), public: toHex(peer), dh: toHex(shared) };
    this.steps.push({ step, input, ck: toHex(this.ck), k: toHex(this.k) });
  }

  /**
   * @param {string} step
   * @param {Uint8Array} payload
   */
  encryptAndHash(step, payload) {
    const nonce = new Uint8Array(12);
    const ad = this.h;
    const sealed = createAead(this.k).seal(nonce, ad, payload);
    this.h = sha256(concatBytes(this.h, sealed));
    const input = { nonce: toHex(nonce), ad: toHex(ad), plaintext: toHex(payload) };
    this.steps.push({ step, input, output: toHex(sealed), h: toHex(this.h) });
    return sealed;
  }

  split() {
    const [toModule, toPack] = noiseHkdf(this.ck, NOTHING);
    this.steps.push({
      step: "Split",
      input: { ck: toHex(this.ck) },
      output: `${toHex(toModule)}${toHex(toPack)}`,
    });
    return { toModule, toPack };
  }
}

export function prologue() {
  return concatBytes(utf8(PROLOGUE_NAME), PACK_HASH, fromHex(UID), Uint8Array.of(SLOT, BUS_ID));
}

export function payload2() {
  const payload = new Uint8Array(16);
  payload[0] = 1;
  new DataView(payload.buffer).setUint32(1, CAPABILITIES, true);
  return payload;
}

/** The whole handshake: steps in order, both messages, the hash and the keys. */
export function handshake() {
  const e1 = publicOf(SECRET.packEphemeral);
  const e2 = publicOf(SECRET.moduleEphemeral);
  const t = new Transcript();
  t.mixHash("MixHash(prologue)", prologue());
  t.mixHash("MixHash(pack static)", publicOf(SECRET.pack));
  t.mixHash("MixHash(module static)", publicOf(SECRET.module));
  t.mixHash("message 1: e, MixHash", e1);
  t.mixKey("message 1: es, MixKey", SECRET.packEphemeral, publicOf(SECRET.module));
  t.mixKey("message 1: ss, MixKey", SECRET.pack, publicOf(SECRET.module));
  const message1 = concatBytes(e1, t.encryptAndHash("message 1: EncryptAndHash(empty)", NOTHING));
  t.mixHash("message 2: e, MixHash", e2);
  t.mixKey("message 2: ee, MixKey", SECRET.moduleEphemeral, e1);
  t.mixKey("message 2: se, MixKey", SECRET.moduleEphemeral, publicOf(SECRET.pack));
  const sealed2 = t.encryptAndHash("message 2: EncryptAndHash(payload)", payload2());
  const message2 = concatBytes(e2, sealed2);
  const handshakeHash = t.h;
  return { steps: t.steps, message1, message2, handshakeHash, ...t.split() };
}
