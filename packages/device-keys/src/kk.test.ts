import { existsSync, readFileSync } from "node:fs";
import { inspect } from "node:util";
import { type Entropy, fromHex, toHex, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeviceHalf, KkInitiator, KkResponder } from "./index.js";

interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly init_remote_static: string;
  readonly resp_remote_static: string;
  readonly handshake_hash: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const file = new URL("../../../../shared/vectors/noise-kk.json", import.meta.url);
const present = existsSync(file);
const vectors: readonly Vector[] = present ? JSON.parse(readFileSync(file, "utf8")).vectors : [];

const fixed = (hex: string): Entropy => ({ bytes: () => fromHex(hex) });
const counting = (start: number): Entropy => ({
  bytes: (length) => new Uint8Array(length).map((_, i) => (start * 31 + i * 7) & 0xff),
});
const EMPTY = new Uint8Array(0);

const pack = DeviceHalf.generate(counting(1));
const module = DeviceHalf.generate(counting(2));
const prologue = utf8("a prologue");
const initiator = (entropy = counting(3)) =>
  new KkInitiator({ prologue, publicKey: pack.publicKey, peer: module.publicKey, entropy });
const message1Of = (
  a: KkInitiator,
  half = pack,
  peer = module.publicKey,
  payload: Uint8Array = EMPTY,
) => a.writeMessage1(half.dh(peer), payload);
const readMessage2 = (a: KkInitiator, message: Uint8Array, half = pack) =>
  a.openMessage2(half.dh(a.beginMessage2(message)));
const responder = (entropy = counting(4)) =>
  new KkResponder({ prologue, custody: module, peer: pack.publicKey, entropy });

describe(`published vectors${present ? "" : " (skipped: ../shared/vectors is absent)"}`, () => {
  it.skipIf(!present)("are met message by message, handshake hash and transport included", () => {
    expect(vectors.length).toBeGreaterThan(0);
    for (const vector of vectors) {
      expect(vector.protocol_name).toBe("Noise_KK_25519_ChaChaPoly_SHA256");
      const half = DeviceHalf.fromSecret(fromHex(vector.init_static));
      const peer = fromHex(vector.init_remote_static);
      const a = new KkInitiator({
        prologue: fromHex(vector.init_prologue),
        publicKey: half.publicKey,
        peer,
        entropy: fixed(vector.init_ephemeral),
      });
      const b = new KkResponder({
        prologue: fromHex(vector.init_prologue),
        custody: DeviceHalf.fromSecret(fromHex(vector.resp_static)),
        peer: fromHex(vector.resp_remote_static),
        entropy: fixed(vector.resp_ephemeral),
      });
      const [first, second, ...transport] = vector.messages;
      const message1 = message1Of(a, half, peer, fromHex(first!.payload));
      expect(toHex(message1)).toBe(first!.ciphertext);
      expect(toHex(b.readMessage1(message1))).toBe(first!.payload);
      const answer = b.writeMessage2(fromHex(second!.payload));
      expect(toHex(answer.message)).toBe(second!.ciphertext);
      const result = readMessage2(a, answer.message, half);
      expect(toHex(result.payload)).toBe(second!.payload);
      expect(toHex(result.session.handshakeHash)).toBe(vector.handshake_hash);
      expect(toHex(answer.session.handshakeHash)).toBe(vector.handshake_hash);
      expect(transport.length).toBeGreaterThan(0);
      for (const [i, { payload, ciphertext }] of transport.entries()) {
        const [from, to] =
          i % 2 === 0 ? [result.session, answer.session] : [answer.session, result.session];
        const counter = Math.floor(i / 2);
        const sealed = from.send.seal(0, counter, EMPTY, fromHex(payload));
        expect(toHex(sealed)).toBe(ciphertext);
        expect(toHex(to.receive.open(0, counter, EMPTY, sealed)!)).toBe(payload);
      }
    }
  });
});

describe("handshake", () => {
  it("has messages of 48 bytes and the payload's length", () => {
    const message1 = message1Of(initiator());
    expect(message1).toHaveLength(48);
    const b = responder();
    b.readMessage1(message1);
    expect(b.writeMessage2(new Uint8Array(16)).message).toHaveLength(64);
  });

  it("refuses every single flipped bit, and still takes the true message afterwards", () => {
    const a = initiator();
    const b = responder();
    const message1 = message1Of(a);
    for (let bit = 0; bit < 8 * message1.length; bit += 1) {
      expect(() => b.readMessage1(flip(message1, bit))).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/handshake-refused|weak-peer-half/),
        }),
      );
    }
    expect(b.readMessage1(message1)).toHaveLength(0);
    const answer = b.writeMessage2(new Uint8Array(16));
    for (let bit = 0; bit < 8 * answer.message.length; bit += 1) {
      expect(() => readMessage2(a, flip(answer.message, bit))).toThrow();
    }
    expect(readMessage2(a, answer.message).session.handshakeHash).toEqual(
      answer.session.handshakeHash,
    );
  });

  it("refuses random messages of any length with its one error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => responder().readMessage1(bytes)).toThrow(
          expect.objectContaining({ name: "DeviceKeysError", kind: "peer" }),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("fails between two that disagree on prologue or halves", () => {
    const message1 = message1Of(initiator());
    const options = { prologue, custody: module, peer: pack.publicKey, entropy: counting(4) };
    const otherPrologue = new KkResponder({ ...options, prologue: utf8("another") });
    const otherPack = new KkResponder({ ...options, peer: module.publicKey });
    const otherModule = new KkResponder({ ...options, custody: pack });
    for (const b of [otherPrologue, otherPack, otherModule]) {
      expect(() => b.readMessage1(message1)).toThrow(/does not authenticate/);
    }
  });

  it("refuses a peer's ephemeral of small order", () => {
    expect(() => responder().readMessage1(new Uint8Array(48))).toThrow(
      expect.objectContaining({ code: "weak-peer-half" }),
    );
  });

  it("refuses steps out of turn", () => {
    const outOfTurn = expect.objectContaining({ code: "out-of-turn" });
    const a = initiator();
    expect(() => readMessage2(a, new Uint8Array(64))).toThrow(outOfTurn);
    const message1 = message1Of(a);
    expect(() => message1Of(a)).toThrow(outOfTurn);
    const b = responder();
    expect(() => b.writeMessage2()).toThrow(outOfTurn);
    b.readMessage1(message1);
    expect(() => b.readMessage1(message1)).toThrow(outOfTurn);
    const { message } = b.writeMessage2();
    expect(() => b.writeMessage2()).toThrow(outOfTurn);
    readMessage2(a, message);
    expect(() => readMessage2(a, message)).toThrow(outOfTurn);
  });

  it("shows nothing of itself or of its keys", () => {
    const a = initiator();
    const b = responder();
    b.readMessage1(message1Of(a));
    const { session } = b.writeMessage2();
    for (const thing of [a, b, session.send]) {
      expect(inspect(thing, { depth: 9, showHidden: true })).toMatch(/redacted/);
      expect(JSON.stringify(thing)).toMatch(/redacted/);
    }
    session.send.dispose();
    expect(() => session.send.seal(0, 0, EMPTY, EMPTY)).toThrow(
      expect.objectContaining({ code: "disposed" }),
    );
  });
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
