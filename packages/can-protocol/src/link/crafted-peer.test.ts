/** Each end against a peer driven by hand: authentic, and saying what no honest end says. */
import { type Millis, millis, moduleUid, slot } from "@wattseal/base";
import { DeviceHalf, KkInitiator, KkResponder, type KkSession } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { decodeModuleMessage, encodePackMessage } from "../inner/codec.js";
import { OUTCOME } from "../inner/messages.js";
import { encodePayload2, handshakeFrames, prologue } from "../secured/handshake.js";
import { counterBits } from "../secured/identifier.js";
import { bodyOf, SealedReceiver, SealedSender } from "../secured/sealed-pdu.js";
import { segment } from "../secured/segments.js";
import { LinkPair, ofKind, seededEntropy } from "./link-pair.fixture.js";
import { ModuleLink } from "./module-link.js";
import { PackLink } from "./pack-link.js";
import { withHalves } from "./with-halves.js";

const packHalf = DeviceHalf.generate(seededEntropy(11));
const moduleHalf = DeviceHalf.generate(seededEntropy(12));
const packHash = new Uint8Array(32).fill(3);
const uid = moduleUid("0102000001000000");
const SLOT = slot(9);
const T0 = 1_700_000_000_000;
const bound = prologue({ packHash, uid, slot: SLOT, busId: 0 });
const join = (frames: readonly CanFrame[]) =>
  Uint8Array.from(frames.flatMap(({ data }) => [...data]));
const EMPTY = new Uint8Array(0);

function moduleUnderTest() {
  const link = new ModuleLink({
    uid,
    pairing: { packHash, packHalf: packHalf.publicKey, slot: SLOT, busId: 0, fed: packHash },
    custody: moduleHalf,
    entropy: seededEntropy(13),
    fd: false,
    bootedAt: millis(T0),
    capabilities: 0,
    limits: { alarmSpacingMs: 0 },
  });
  let now: Millis = millis(T0);
  const push = (frames: readonly CanFrame[]) =>
    frames.flatMap((frame) => link.handle({ kind: "frame", frame }, now));
  const at = (ms: number) => {
    now = millis(T0 + ms);
    return link.handle({ kind: "timer" }, now);
  };
  const offer = (seed: number) => {
    const peer = moduleHalf.publicKey;
    const kk = { prologue: bound, publicKey: packHalf.publicKey, peer };
    const initiator = new KkInitiator({ ...kk, entropy: seededEntropy(seed) });
    const message1 = initiator.writeMessage1(packHalf.dh(peer));
    const frames = handshakeFrames(message1, "to-module", SLOT, seed, false);
    return { initiator, frames };
  };
  link.handle({ kind: "open" }, now);
  return { link, push, at, offer };
}

function linkedModule() {
  const test = moduleUnderTest();
  const { initiator, frames } = test.offer(1);
  const [answer] = ofKind(test.push(frames), "transmit");
  const peerEphemeral = initiator.beginMessage2(join(answer!.frames));
  const { session } = initiator.openMessage2(packHalf.dh(peerEphemeral));
  const sender = new SealedSender(session.send, "to-module", SLOT, false);
  return { ...test, session, sender };
}

/** A PDU whose plaintext is given whole. */
function raw(session: KkSession, counter: number, plaintext: Uint8Array): readonly CanFrame[] {
  const length = plaintext.length + 16;
  const ad = Uint8Array.of(0x32, 0x06, SLOT, length & 0xff, length >> 8);
  return segment(session.send.seal(1, counter, ad, plaintext), 0x632, SLOT, counter, false);
}

describe("the module", () => {
  it("answers a message 1 once, however often it is repeated", () => {
    const { push, offer } = moduleUnderTest();
    const first = offer(1);
    expect(ofKind(push(first.frames), "transmit")).toHaveLength(1);
    expect(push(first.frames.map((frame) => ({ ...frame, id: frame.id ^ 0x100 })))).toEqual([]);
    expect(ofKind(push(offer(2).frames), "transmit")).toHaveLength(1);
  });

  it("works through twenty messages 1 a second, authentic or not, and alarms on more", () => {
    const { push, at, offer } = moduleUnderTest();
    const results = Array.from({ length: 200 }, (_, i) => push(offer(i + 1).frames));
    const answered = results.filter((effects) => ofKind(effects, "transmit").length > 0);
    expect(answered.length).toBeGreaterThanOrEqual(10);
    expect(answered.length).toBeLessThanOrEqual(20);
    expect(results.at(-1)).toMatchObject([
      { alarm: { kind: "bad-handshake", reason: "too-many" } },
    ]);
    at(1001);
    expect(ofKind(push(offer(300).frames), "transmit").at(-1)?.frames).toHaveLength(8);
  });

  it("uses new keys, and says so, when the first PDU under them verifies: session before message", () => {
    const { link, push, sender } = linkedModule();
    expect(link.status.linked).toBe(false);
    const effects = push(sender.seal(encodePackMessage({ kind: "ping", tick: 1 })));
    expect(effects.map(({ kind }) => kind)).toEqual(["session", "message", "transmit"]);
    expect(link.status.linked).toBe(true);
  });

  it("refuses non-zero padding, a length beyond the PDU, and types it does not know", () => {
    const { push, session } = linkedModule();
    const ping = Uint8Array.of(14, 4, 0, 1, 2, 3, 4, 0);
    const padding = Uint8Array.of(14, 4, 0, 1, 2, 3, 4, 1);
    const length = Uint8Array.of(7, 6, 0, 0, 0, 0, 0, 3); // cut short, it would be a fresh heartbeat
    const unknown = Uint8Array.of(15, 4, 0, 1, 2, 3, 4, 0);
    for (const [counter, wrong] of [padding, length, unknown].entries()) {
      const effects = push(raw(session, counter, wrong));
      expect(ofKind(effects, "message")).toEqual([]);
      expect(ofKind(effects, "alarm")).toMatchObject([
        { alarm: { kind: "refused-message", counter } },
      ]);
    }
    expect(ofKind(push(raw(session, 3, ping)), "message")).toHaveLength(1);
  });

  it("answers what it cannot read: malformed, or unsupported where the type is unknown; heartbeats and pings not", () => {
    const { push, session } = linkedModule();
    push(raw(session, 0, Uint8Array.of(14, 4, 0, 1, 2, 3, 4, 0)));
    const orders: readonly (readonly [Uint8Array, number | undefined])[] = [
      [Uint8Array.of(12, 4, 0, 0, 0, 0, 0, 1), OUTCOME.malformed], // erase, padding
      [Uint8Array.of(12, 9, 0, 0, 0, 0, 0, 0), OUTCOME.malformed], // erase, length
      [Uint8Array.of(12, 3, 0, 0, 0, 0, 0, 0), OUTCOME.malformed], // erase, cut short
      [Uint8Array.of(4, 4, 0, 0, 0, 0, 0, 0), OUTCOME.malformed], // a state change in the wrong class
      [Uint8Array.of(15, 4, 0, 0, 0, 0, 0, 0), OUTCOME.unsupported],
      [Uint8Array.of(5, 4, 0, 0, 0, 0, 0, 0), OUTCOME.unsupported], // an outcome, which only modules send
      [Uint8Array.of(7, 4, 0, 0, 0, 0, 0, 0), undefined],
      [Uint8Array.of(14, 3, 0, 0, 0, 0, 0, 0), undefined],
    ];
    const receiver = new SealedReceiver(session.receive, "to-pack", SLOT);
    for (const [i, [plaintext, code]] of orders.entries()) {
      const effects = push(raw(session, i + 1, plaintext));
      expect(ofKind(effects, "message")).toEqual([]);
      const [answer] = ofKind(effects, "transmit");
      if (code === undefined) {
        expect(answer).toBeUndefined();
        continue;
      }
      const opened = receiver.open(
        "normal",
        counterBits(answer!.frames[0]!.id),
        join(answer!.frames),
      );
      const body = bodyOf(opened!.plaintext);
      expect(decodeModuleMessage("normal", 5, body as Uint8Array)).toMatchObject({
        command: plaintext[0],
        code,
        class: 1,
        counter: i + 1,
      });
    }
  });

  it("takes zero padding beyond the least, as long as it fills frames", () => {
    const { push, session } = linkedModule();
    const roomy = new Uint8Array(48 - 16);
    roomy.set([14, 4, 0, 1, 2, 3, 4]);
    expect(ofKind(push(raw(session, 0, roomy)), "message")).toHaveLength(1);
  });

  it("goes Off after 11.1 s of pings without one fresh order", () => {
    const { push, at, sender } = linkedModule();
    const ping = () => push(sender.seal(encodePackMessage({ kind: "ping", tick: 1 })));
    ping();
    for (let ms = 1000; ms <= 11_000; ms += 1000) {
      expect(ofKind(at(ms), "down")).toEqual([]);
      expect(ofKind(ping(), "message")).toHaveLength(1);
    }
    expect(ofKind(at(11_100), "down")).toEqual([{ kind: "down", reason: "silent" }]);
  });

  it("stays On with heartbeats on its own tick, and refuses one from its future", () => {
    const { push, at, sender } = linkedModule();
    push(sender.seal(encodePackMessage({ kind: "ping", tick: 1 })));
    for (let ms = 1000; ms <= 30_000; ms += 1000) {
      expect(ofKind(at(ms), "down")).toEqual([]);
      const beat = encodePackMessage({ kind: "heartbeat", tick: ms - 1000, maxState: 3 });
      expect(ofKind(push(sender.seal(beat)), "message")).toHaveLength(1);
    }
    const ahead = encodePackMessage({ kind: "heartbeat", tick: 30_001, maxState: 3 });
    expect(push(sender.seal(ahead))).toMatchObject([
      { alarm: { kind: "stale-command", ageMs: -1 } },
    ]);
  });
});

function packUnderTest() {
  const link = withHalves(
    new PackLink({
      packHash,
      module: { uid, slot: SLOT, busId: 0, half: moduleHalf.publicKey },
      packHalf: packHalf.publicKey,
      entropy: seededEntropy(14),
      fd: false,
      limits: { alarmSpacingMs: 0 },
    }),
    [packHalf],
  );
  const now = millis(T0);
  const [offered] = ofKind(link.handle({ kind: "open" }, now), "transmit");
  const answer = (payload: Uint8Array, attempt = 0) => {
    const kk = { prologue: bound, custody: moduleHalf, peer: packHalf.publicKey };
    const responder = new KkResponder({ ...kk, entropy: seededEntropy(15) });
    responder.readMessage1(join(offered!.frames));
    const { message } = responder.writeMessage2(payload);
    return handshakeFrames(message, "to-pack", SLOT, attempt, false).flatMap((frame) =>
      link.handle({ kind: "frame", frame }, now),
    );
  };
  return { link, answer };
}

describe("the pack", () => {
  const good = encodePayload2({ version: 1, capabilities: 5 });

  it("answers a good message 2 with a ping at once", () => {
    const { link, answer } = packUnderTest();
    expect(answer(good)).toMatchObject([{ kind: "transmit", class: "normal" }]);
    expect(link.status).toMatchObject({ phase: "proving", linked: false });
  });

  it("takes a message 2 for the present attempt only", () => {
    const { link, answer } = packUnderTest();
    expect(answer(good, 1)).toMatchObject([
      { alarm: { kind: "bad-handshake", message: 2, reason: "unexpected" } },
    ]);
    expect(link.status.phase).toBe("offered");
    expect(answer(good)).toMatchObject([{ kind: "transmit" }]);
  });

  it("reports another version, and links with none of its keys", () => {
    const { link, answer } = packUnderTest();
    expect(answer(encodePayload2({ version: 2, capabilities: 5 }))).toEqual([
      { kind: "down", reason: "version" },
    ]);
    expect(link.status.linked).toBe(false);
  });

  it("refuses a payload whose rest is not zero, and survives a second try", () => {
    const { link, answer } = packUnderTest();
    const stray = Uint8Array.from(good);
    stray[15] = 1;
    expect(answer(stray)).toMatchObject([{ alarm: { kind: "bad-handshake", message: 2 } }]);
    expect(answer(good)).toMatchObject([{ alarm: { reason: "unexpected" } }]);
    expect(link.status.linked).toBe(false);
  });

  it("refuses a message 2 of another length", () => {
    const { answer } = packUnderTest();
    expect(answer(EMPTY)).toMatchObject([{ alarm: { kind: "bad-handshake", reason: "length" } }]);
  });

  it("tells the session before the first message under it", () => {
    const pair = new LinkPair().link();
    const kinds = pair.packEffects.map(({ kind }) => kind).filter((kind) => kind !== "transmit");
    expect(kinds.slice(0, 2)).toEqual(["session", "message"]);
  });

  it("sends no heartbeat on a tick that the module would refuse", () => {
    const pair = new LinkPair().link().run(1000, 100);
    const sent = pair.pack.status.counts.sent;
    pair.run(3900);
    expect(pair.pack.status.counts.sent - sent).toBe(2);
    expect(ofKind(pair.moduleEffects, "alarm")).toEqual([]);
  });
});
