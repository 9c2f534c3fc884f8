/**
 * A session byte for byte: what both ends put on the wire, computed here from the design's words with other
 * primitives (@noble/ciphers, the platform's HMAC and X25519), none of the code under test.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Entropy, millis, moduleUid, slot, toHex } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { ModuleLink, PackLink, withHalves } from "../index.js";
import { ofKind, reading } from "./link-pair.fixture.js";

const secretOf = (n: number) => Buffer.alloc(32, n);
const key = (secret: Buffer) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), secret]),
    format: "der",
    type: "pkcs8",
  });
const publicOf = (secret: Buffer) =>
  createPublicKey(key(secret)).export({ format: "der", type: "spki" }).subarray(-32);
const dh = (secret: Buffer, other: Buffer) =>
  diffieHellman({ privateKey: key(secret), publicKey: createPublicKey(key(other)) });
const hash = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hmac = (k: Uint8Array, ...parts: Uint8Array[]) =>
  createHmac("sha256", k).update(Buffer.concat(parts)).digest();
const hkdf = (ck: Buffer, input: Uint8Array): [Buffer, Buffer] => {
  const prk = hmac(ck, input);
  const first = hmac(prk, Buffer.of(1));
  return [first, hmac(prk, first, Buffer.of(2))];
};
const le64 = (n: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(n);
  return bytes;
};
const sealWith = (k: Uint8Array, n: bigint, ad: Uint8Array, text: Uint8Array) =>
  Buffer.from(chacha20poly1305(k, Buffer.concat([Buffer.alloc(4), le64(n)]), ad).encrypt(text));

const PACK = secretOf(0x11);
const MODULE = secretOf(0x22);
const PACK_EPHEMERAL = secretOf(0x33);
const MODULE_EPHEMERAL = secretOf(0x44);
const PACK_HASH = Buffer.alloc(32, 0xaa);
const UID = Buffer.from("0102000078563412", "hex");
const SLOT = 5;
const BUS = 9;
const CAPABILITIES = 0x0b;

/** Noise rev 34 §5 and §7.5 for KK, written out. */
function expectedHandshake() {
  const prologue = Buffer.concat([
    Buffer.from("wattseal-can-1"),
    PACK_HASH,
    UID,
    Buffer.of(SLOT, BUS),
  ]);
  let h: Buffer = Buffer.from("Noise_KK_25519_ChaChaPoly_SHA256");
  let ck: Buffer = h;
  for (const part of [prologue, publicOf(PACK), publicOf(MODULE)]) h = hash(h, part);
  let k: Buffer;
  h = hash(h, publicOf(PACK_EPHEMERAL));
  [ck, k] = hkdf(ck, dh(PACK_EPHEMERAL, MODULE)); // es
  [ck, k] = hkdf(ck, dh(PACK, MODULE)); // ss
  const sealed1 = sealWith(k, 0n, h, Buffer.alloc(0));
  h = hash(h, sealed1);
  const message1 = Buffer.concat([publicOf(PACK_EPHEMERAL), sealed1]);
  h = hash(h, publicOf(MODULE_EPHEMERAL));
  [ck, k] = hkdf(ck, dh(MODULE_EPHEMERAL, PACK_EPHEMERAL)); // ee
  [ck, k] = hkdf(ck, dh(MODULE_EPHEMERAL, PACK)); // se
  const payload = Buffer.alloc(16);
  payload[0] = 1;
  payload.writeUInt32LE(CAPABILITIES, 1);
  const sealed2 = sealWith(k, 0n, h, payload);
  h = hash(h, sealed2);
  const message2 = Buffer.concat([publicOf(MODULE_EPHEMERAL), sealed2]);
  const [toModule, toPack] = hkdf(ck, Buffer.alloc(0));
  return { message1, message2, handshakeHash: h, toModule, toPack };
}

/** can-link.md, Sealed PDU, written out. */
function expectedPdu(
  k: Uint8Array,
  base: number,
  cls: bigint,
  counter: bigint,
  type: number,
  body: Uint8Array,
  padTo: number,
): Buffer {
  const text = Buffer.alloc(padTo - 16);
  text[0] = type;
  text.writeUInt16LE(body.length, 1);
  text.set(body, 3);
  const ad = Buffer.alloc(5);
  ad.writeUInt16LE(base, 0);
  ad[2] = SLOT;
  ad.writeUInt16LE(padTo, 3);
  return sealWith(k, (cls << 56n) | counter, ad, text);
}

function expectedFrames(pdu: Buffer, base: number, counter: number, fd: boolean): CanFrame[] {
  const size = fd ? 64 : 8;
  const count = Math.ceil(pdu.length / size);
  return Array.from({ length: count }, (_, i) => ({
    id:
      base * 2 ** 18 +
      (i === 0 ? 2 ** 17 : 0) +
      (i === count - 1 ? 2 ** 16 : 0) +
      (i % 16) * 2 ** 12 +
      (counter % 16) * 2 ** 8 +
      SLOT,
    data: new Uint8Array(pdu.subarray(i * size, i * size + size)),
    fd,
  }));
}

/** The ephemeral half for 32 bytes; 0x80 for jitter. */
const entropyOf = (ephemeral: Buffer): Entropy => ({
  bytes: (length) => (length === 32 ? ephemeral : Buffer.alloc(length, 0x80)),
});

describe.each([false, true])("on the wire (FD %s)", (fd) => {
  const now = millis(1_700_000_000_000);
  const half = (secret: Buffer) => DeviceHalf.fromSecret(secret);
  const pack = withHalves(
    new PackLink({
      packHash: PACK_HASH,
      module: {
        uid: moduleUid(UID.toString("hex")),
        slot: slot(SLOT),
        busId: BUS,
        half: publicOf(MODULE),
      },
      packHalf: publicOf(PACK),
      entropy: entropyOf(PACK_EPHEMERAL),
      fd,
      maxState: 3,
    }),
    [half(PACK)],
  );
  const module = new ModuleLink({
    uid: moduleUid(UID.toString("hex")),
    pairing: {
      packHash: PACK_HASH,
      packHalf: publicOf(PACK),
      slot: slot(SLOT),
      busId: BUS,
      fed: PACK_HASH,
    },
    custody: half(MODULE),
    entropy: entropyOf(MODULE_EPHEMERAL),
    fd,
    bootedAt: now,
    capabilities: CAPABILITIES,
  });
  const sentBy = (effects: ReturnType<typeof pack.handle> | ReturnType<typeof module.handle>) =>
    ofKind(effects as ReturnType<typeof pack.handle>, "transmit").flatMap(({ frames }) =>
      frames.map((frame) => ({ ...frame, data: Uint8Array.from(frame.data) })),
    );
  const toModule = (frames: readonly CanFrame[]) =>
    frames.flatMap((frame) => module.handle({ kind: "frame", frame }, now));
  const toPack = (frames: readonly CanFrame[]) =>
    frames.flatMap((frame) => pack.handle({ kind: "frame", frame }, now));
  const { message1, message2, handshakeHash, toModule: kDown, toPack: kUp } = expectedHandshake();

  it("message 1, message 2, ping, echo, telemetry, heartbeat and isolate are as specified", () => {
    module.handle({ kind: "open" }, now);
    const sent1 = sentBy(pack.handle({ kind: "open" }, now));
    expect(sent1).toEqual(expectedFrames(message1, 0x634, 0, fd));

    const sent2 = sentBy(toModule(sent1));
    expect(sent2).toEqual(expectedFrames(message2, 0x635, 0, fd));

    const ping = sentBy(toPack(sent2));
    const tick = Buffer.alloc(4);
    tick.writeUInt32LE(now % 2 ** 32);
    const small = 24; // 3 + 4 + 16 = 23: three classic frames, or one FD frame of 24
    expect(ping).toEqual(
      expectedFrames(expectedPdu(kDown, 0x632, 1n, 0n, 14, tick, small), 0x632, 0, fd),
    );

    const moduleSide = toModule(ping);
    expect(toHex(ofKind(moduleSide, "session")[0]!.handshakeHash)).toBe(
      handshakeHash.toString("hex"),
    );
    const echo = sentBy(moduleSide);
    expect(echo).toEqual(
      expectedFrames(expectedPdu(kUp, 0x633, 1n, 0n, 14, tick, small), 0x633, 0, fd),
    );
    const packSide = toPack(echo);
    expect(ofKind(packSide, "session")[0]).toEqual({
      kind: "session",
      handshakeHash: new Uint8Array(handshakeHash),
      capabilities: CAPABILITIES,
    });

    const telemetry = sentBy(
      module.handle({ kind: "send", message: reading(0x01020304, 0x0506) }, now),
    );
    const body = Buffer.from(
      "23afc45ef481255b740ea60e8d0e255b6f1d631f301e000015cd5b07000025e5e0fe1600040302010605",
      "hex",
    );
    expect(telemetry).toHaveLength(fd ? 1 : 8);
    expect(telemetry).toEqual(
      expectedFrames(expectedPdu(kUp, 0x633, 1n, 1n, 1, body, 64), 0x633, 1, fd),
    );
    const accepted = toPack(telemetry);
    expect(ofKind(accepted, "message")[0]).toMatchObject({ counter: 1, type: 1, class: "normal" });
    expect(toHex(ofKind(accepted, "message")[0]!.body)).toBe(body.toString("hex"));

    const heartbeat = Buffer.from("0403020103", "hex");
    expect(sentBy(accepted)).toEqual(
      expectedFrames(expectedPdu(kDown, 0x632, 1n, 1n, 7, heartbeat, 24), 0x632, 1, fd),
    );
    const isolate = sentBy(
      pack.handle({ kind: "send", message: { kind: "isolate", cause: 2 } }, now),
    );
    expect(isolate).toEqual(
      expectedFrames(
        expectedPdu(kDown, 0x630, 0n, 0n, 6, Buffer.from("0403020102", "hex"), 24),
        0x630,
        0,
        fd,
      ),
    );
  });

  it("a hello is the uid in one frame, first and last", () => {
    const later = millis(now + 500);
    const fresh = new ModuleLink({
      uid: moduleUid(UID.toString("hex")),
      pairing: {
        packHash: PACK_HASH,
        packHalf: publicOf(PACK),
        slot: slot(SLOT),
        busId: BUS,
        fed: PACK_HASH,
      },
      custody: half(MODULE),
      entropy: entropyOf(MODULE_EPHEMERAL),
      fd,
      bootedAt: now,
      capabilities: 0,
    });
    fresh.handle({ kind: "open" }, now);
    expect(sentBy(fresh.handle({ kind: "timer" }, later))).toEqual(
      expectedFrames(UID, 0x635, 0, fd),
    );
  });
});
