/**
 * The link's cryptography, written from docs/firmware/link.md alone on @noble/curves and @noble/ciphers: it
 * shares nothing with the packages under test.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";

const NOTHING = new Uint8Array(0);

export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
export const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts));

/** X25519. `dh` is undefined for a small-order point: the result would be all zero. */
export interface Curve {
  publicOf(secret: Uint8Array): Uint8Array;
  dh(secret: Uint8Array, peer: Uint8Array): Uint8Array | undefined;
}

export const NOBLE: Curve = {
  publicOf: (secret) => x25519.getPublicKey(secret),
  dh: (secret, peer) => orUndefined(() => x25519.getSharedSecret(secret, peer)),
};

/** Twenty times as fast, for whole runs. */
export const PLATFORM: Curve = {
  publicOf: (secret) =>
    Uint8Array.from(
      createPublicKey(privateKey(secret)).export({ format: "der", type: "spki" }).subarray(-32),
    ),
  dh: (secret, peer) =>
    orUndefined(() => {
      const der = Buffer.concat([unhex("302a300506032b656e032100"), peer]);
      const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
      return Uint8Array.from(diffieHellman({ privateKey: privateKey(secret), publicKey }));
    }),
};

function privateKey(secret: Uint8Array) {
  const der = Buffer.concat([unhex("302e020100300506032b656e04220420"), secret]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

function orUndefined(agree: () => Uint8Array): Uint8Array | undefined {
  try {
    return agree();
  } catch {
    return undefined;
  }
}

const hash = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(
    createHash("sha256")
      .update(join(...parts))
      .digest(),
  );

export const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(
    createHmac("sha256", key)
      .update(join(...parts))
      .digest(),
  );

/** Two outputs, as Noise has it. */
function hkdf2(ck: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const temp = hmac(ck, input);
  const first = hmac(temp, Uint8Array.of(1));
  return [first, hmac(temp, first, Uint8Array.of(2))];
}

/** RFC 5869, no salt, one output. */
export const hkdfOf = (secret: Uint8Array, info: Uint8Array): Uint8Array =>
  hmac(hmac(new Uint8Array(32), secret), info, Uint8Array.of(1));

export function nonce(domain: number, counter: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(4, counter % 2 ** 32, true);
  new DataView(bytes.buffer).setUint16(8, Math.floor(counter / 2 ** 32), true);
  bytes[11] = domain;
  return bytes;
}

export const seal = (
  key: Uint8Array,
  at: Uint8Array,
  ad: Uint8Array,
  text: Uint8Array,
): Uint8Array => chacha20poly1305(key, at, ad).encrypt(text);

export function open(
  key: Uint8Array,
  at: Uint8Array,
  ad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, at, ad).decrypt(sealed);
  } catch {
    return undefined;
  }
}

export interface Identity {
  readonly packHash: Uint8Array;
  readonly uid: Uint8Array;
  readonly slot: number;
  readonly busId: number;
  readonly moduleSecret: Uint8Array;
  readonly packHalf: Uint8Array;
}

export interface Keys {
  readonly toModule: Uint8Array;
  readonly toPack: Uint8Array;
  readonly handshakeHash: Uint8Array;
}

/** One line of the transcript, as vectors/handshake.json names them. */
export type Trace = (step: string, values: Readonly<Record<string, Uint8Array>>) => void;

const NAME = ascii("Noise_KK_25519_ChaChaPoly_SHA256");
const ZERO_NONCE = new Uint8Array(12);

export function prologue({ packHash, uid, slot, busId }: Identity): Uint8Array {
  return join(ascii("wattseal-can-1"), packHash, uid, Uint8Array.of(slot, busId));
}

/** The module's side of the handshake; undefined when message 1 is refused. */
export function answer(
  identity: Identity,
  message1: Uint8Array,
  ephemeralSecret: Uint8Array,
  payload: Uint8Array,
  { trace = () => {}, curve = NOBLE }: { readonly trace?: Trace; readonly curve?: Curve } = {},
): { readonly message2: Uint8Array; readonly keys: Keys } | undefined {
  const { moduleSecret, packHalf } = identity;
  const { publicOf, dh } = curve;
  if (message1.length !== 48) return undefined;
  let ck = NAME;
  let h = NAME;
  let k: Uint8Array = NOTHING;
  const mixHash = (step: string, data: Uint8Array) => {
    h = hash(h, data);
    trace(step, { data, h });
  };
  const mixKey = (step: string, shared: Uint8Array) => {
    [ck, k] = hkdf2(ck, shared);
    trace(step, { dh: shared, ck, k });
  };
  mixHash("MixHash(prologue)", prologue(identity));
  mixHash("MixHash(pack static)", packHalf);
  mixHash("MixHash(module static)", publicOf(moduleSecret));
  const packEphemeral = message1.subarray(0, 32);
  mixHash("message 1: e, MixHash", packEphemeral);
  const es = dh(moduleSecret, packEphemeral);
  const ss = dh(moduleSecret, packHalf);
  if (es === undefined || ss === undefined) return undefined;
  mixKey("message 1: es, MixKey", es);
  mixKey("message 1: ss, MixKey", ss);
  const sealed1 = message1.subarray(32);
  if (open(k, ZERO_NONCE, h, sealed1) === undefined) return undefined;
  mixHash("message 1: EncryptAndHash(empty)", sealed1);
  const ephemeral = publicOf(ephemeralSecret);
  mixHash("message 2: e, MixHash", ephemeral);
  const ee = dh(ephemeralSecret, packEphemeral);
  const se = dh(ephemeralSecret, packHalf);
  if (ee === undefined || se === undefined) return undefined;
  mixKey("message 2: ee, MixKey", ee);
  mixKey("message 2: se, MixKey", se);
  const sealed2 = seal(k, ZERO_NONCE, h, payload);
  mixHash("message 2: EncryptAndHash(payload)", sealed2);
  const [toModule, toPack] = hkdf2(ck, NOTHING);
  return { message2: join(ephemeral, sealed2), keys: { toModule, toPack, handshakeHash: h } };
}

/** Body of a counter statement up to its code, and the code. */
export function statementMac(
  moduleSecret: Uint8Array,
  federationHalf: Uint8Array,
  statement: Uint8Array,
): Uint8Array {
  const shared = NOBLE.dh(moduleSecret, federationHalf) ?? NOTHING;
  return hmac(hkdfOf(shared, ascii("wattseal-counter-1")), statement);
}

export function label(uid: Uint8Array, half: Uint8Array): string {
  const digest = Buffer.from(hash(uid, half));
  return Array.from({ length: 8 }, (_, i) =>
    String(digest.readUInt32BE(4 * i) % 100_000).padStart(5, "0"),
  ).join(" ");
}
