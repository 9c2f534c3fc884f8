/** What a module must not take, each with the state it meets and the frames; and, between, what it just still takes. */
import { concatBytes, viewOf } from "@wattseal/base";
import { securedId } from "@wattseal/can-protocol";
import { createAead, KkInitiator } from "@wattseal/device-keys";
import { half, PACK_HASH, publicOf, SECRET, SLOT, TICK_AT_START } from "./given.mjs";
import { handshake, prologue } from "./handshake.mjs";
import { associatedData, cut as cutFrames, nonceOf, plaintextOf } from "./pdu.mjs";
import { fixedEntropy } from "./session.mjs";

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */
/** @typedef {keyof typeof import("./rejected.mjs").ALARM} Reason */
/** @typedef {{ id: string, what: string, reason: Reason | null, start: "no session" | "linked", tick: number, frames: readonly CanFrame[] }} Case */

/** What the module's tick is when the frames of a case arrive. */
const TICK = TICK_AT_START + 5000;
const NORMAL = 0x632;
const URGENT = 0x630;
const HEARTBEAT = 7;
const OFF = 0;
const ON = 3;

const keys = handshake();

/** On classic CAN. @param {number} base @param {number} counter @param {Uint8Array} bytes */
const cut = (base, counter, bytes) => cutFrames(bytes, base, counter, false);

/** @param {Uint8Array} text @param {{ base?: number, domain?: number, counter?: number, key?: Uint8Array, sealedAs?: number }} [how] */
function sealed(text, how = {}) {
  const { base = NORMAL, domain = 1, counter = 1, key = keys.toModule, sealedAs = base } = how;
  const ad = associatedData(sealedAs, text.length + 16);
  return cut(base, counter, createAead(key).seal(nonceOf(domain, counter), ad, text));
}

/** @param {number} tick @param {...number} more */
function body(tick, ...more) {
  const bytes = new Uint8Array(4 + more.length);
  viewOf(bytes).setUint32(0, tick, true);
  bytes.set(more, 4);
  return bytes;
}

const heartbeat = (tick = TICK) => plaintextOf(HEARTBEAT, body(tick, ON));

/** @param {readonly CanFrame[]} frames @param {number} frame @param {number} byte */
function flipped(frames, frame, byte) {
  return frames.map((one, i) => {
    if (i !== frame) return one;
    const data = one.data.slice();
    data[byte] = (data[byte] ?? 0) ^ 1;
    return { ...one, data };
  });
}

/** @param {Uint8Array} secret @param {Uint8Array} [otherPrologue] */
function message1Of(secret, otherPrologue = prologue()) {
  const peer = publicOf(SECRET.module);
  const entropy = fixedEntropy(SECRET.packEphemeral);
  return new KkInitiator({
    prologue: otherPrologue,
    publicKey: publicOf(secret),
    peer,
    entropy,
  }).writeMessage1(half(secret).dh(peer));
}

/** @param {number} at @param {number} value */
function prologueWith(at, value) {
  const bytes = prologue();
  bytes[at] = value;
  return bytes;
}

/** @param {string} id @param {Reason | null} reason @param {string} what @param {readonly CanFrame[]} frames @returns {Case} */
const linked = (id, reason, what, frames) => ({
  id,
  what,
  reason,
  start: "linked",
  tick: TICK,
  frames,
});
/** @param {string} id @param {Reason | null} reason @param {string} what @param {readonly CanFrame[]} frames @returns {Case} */
const alone = (id, reason, what, frames) => ({
  id,
  what,
  reason,
  start: "no session",
  tick: TICK,
  frames,
});

/** @returns {Case[]} */
function handshakeCases() {
  const trailing = 14 + PACK_HASH.length + 8;
  const long = concatBytes(keys.message1, new Uint8Array(8));
  const smallOrder = keys.message1.slice();
  smallOrder.fill(0, 0, 32);
  return [
    alone(
      "message-1-other-slot",
      "handshake",
      "message 1 made for slot 6: another prologue",
      cut(0x634, 0, message1Of(SECRET.pack, prologueWith(trailing, SLOT + 1))),
    ),
    alone(
      "message-1-other-bus",
      "handshake",
      "message 1 made for another bus: another prologue",
      cut(0x634, 0, message1Of(SECRET.pack, prologueWith(trailing + 1, 0))),
    ),
    alone(
      "message-1-other-pack",
      "handshake",
      "message 1 of a pack that holds another half",
      cut(0x634, 0, message1Of(SECRET.nextPack)),
    ),
    alone(
      "message-1-small-order",
      "handshake",
      "message 1 whose ephemeral key is the all-zero point",
      cut(0x634, 0, smallOrder),
    ),
    alone(
      "message-1-short",
      "handshake-length",
      "message 1 cut to 40 bytes",
      cut(0x634, 0, keys.message1.slice(0, 40)),
    ),
    alone("message-1-long", "handshake-length", "message 1 with 8 bytes more", cut(0x634, 0, long)),
    linked(
      "message-1-repeated",
      "duplicate",
      "the message 1 last answered, once more",
      cut(0x634, 0, keys.message1),
    ),
    alone(
      "sealed-without-session",
      "no-session",
      "a sealed PDU before any handshake",
      sealed(heartbeat()),
    ),
  ];
}

/** @returns {Case[]} */
function sealedCases() {
  const good = sealed(heartbeat());
  const isolate = plaintextOf(6, body(TICK, 1));
  return [
    linked("tag", "tag", "one bit of the tag flipped", flipped(good, 2, 7)),
    linked("ciphertext", "tag", "one bit of the ciphertext flipped", flipped(good, 0, 0)),
    linked(
      "class",
      "tag",
      "a normal PDU under the urgent identifier",
      sealed(heartbeat(), { base: URGENT, sealedAs: NORMAL }),
    ),
    linked(
      "ad-class",
      "tag",
      "associated data of another base than the identifier's",
      sealed(heartbeat(), { sealedAs: URGENT }),
    ),
    linked(
      "nonce-class",
      "tag",
      "nonce of another class than the identifier's",
      sealed(heartbeat(), { domain: 0 }),
    ),
    linked(
      "reflected",
      "tag",
      "a PDU sealed with the module's own sending key",
      sealed(heartbeat(), { key: keys.toPack }),
    ),
    linked(
      "own-identifier",
      "own-identifier",
      "a frame under the module's own sending identifier",
      sealed(heartbeat(), { base: NORMAL + 1 }),
    ),
    linked(
      "counter-used",
      "tag",
      "counter 0 once more, freshly sealed",
      sealed(heartbeat(), { counter: 0 }),
    ),
    linked(
      "counter-gap-15",
      null,
      "counter 16: 15 were lost",
      sealed(heartbeat(), { counter: 16 }),
    ),
    linked(
      "counter-gap-63",
      null,
      "counter 64: 63 were lost, the most that is bridged",
      sealed(heartbeat(), { counter: 64 }),
    ),
    linked(
      "counter-gap-64",
      "tag",
      "counter 65: 64 were lost",
      sealed(heartbeat(), { counter: 65 }),
    ),
    linked("repeated-pdu", "duplicate", "the same PDU twice", [...good, ...good]),
    linked(
      "repeated-frame",
      "duplicate",
      "each frame twice in a row, as CAN itself may",
      good.flatMap((frame) => [frame, frame]),
    ),
    linked("padding", "padding", "a padding byte that is not zero", sealed(unpadded())),
    linked(
      "padding-longer",
      null,
      "more zero padding than the shortest",
      sealed(plaintextOf(HEARTBEAT, body(TICK, ON), 40)),
    ),
    linked(
      "body-overruns",
      "body-overruns",
      "a body length beyond the PDU",
      sealed(plaintextOf(HEARTBEAT, body(TICK, ON), 24, 6)),
    ),
    linked(
      "body-short",
      "body-length",
      "a body shorter than its type's",
      sealed(plaintextOf(HEARTBEAT, body(TICK))),
    ),
    linked(
      "body-long",
      "body-length",
      "a body longer than its type's",
      sealed(plaintextOf(HEARTBEAT, body(TICK, ON, 0))),
    ),
    linked(
      "value",
      "value",
      "a state beyond On",
      sealed(plaintextOf(HEARTBEAT, body(TICK, ON + 1))),
    ),
    linked(
      "command-value",
      "value",
      "a state change to a state beyond On",
      sealed(plaintextOf(4, body(TICK, ON + 1, 0, 0)), { base: URGENT, domain: 0, counter: 0 }),
    ),
    linked(
      "command-padding",
      "padding",
      "a telemetry request with a padding byte that is not zero",
      sealed(plaintextOf(1, body(TICK, 0, 0), 32).with(-1, 1)),
    ),
    linked("type-0", "type", "type 0", sealed(plaintextOf(0, body(TICK)))),
    linked(
      "type-unknown",
      "type",
      "type 15, which nobody defined",
      sealed(plaintextOf(15, body(TICK))),
    ),
    linked(
      "type-other-way",
      "type",
      "an outcome, which only modules send",
      sealed(plaintextOf(5, new Uint8Array(11))),
    ),
    linked("type-class", "type-class", "an isolate in the normal class", sealed(isolate)),
    linked(
      "stale",
      "stale",
      "an isolate whose tick is 2001 ms old",
      sealed(isolateAt(TICK - 2001), { base: URGENT, domain: 0, counter: 0 }),
    ),
    linked(
      "fresh-at-the-limit",
      null,
      "an isolate whose tick is 2000 ms old",
      sealed(isolateAt(TICK - 2000), { base: URGENT, domain: 0, counter: 0 }),
    ),
    linked(
      "ahead",
      "stale",
      "an isolate whose tick is 1 ms ahead",
      sealed(isolateAt(TICK + 1), { base: URGENT, domain: 0, counter: 0 }),
    ),
    linked(
      "stale-heartbeat",
      "stale",
      "a heartbeat whose tick is 2001 ms old",
      sealed(heartbeat(TICK - 2001)),
    ),
  ];
}

/** A ping (4 bytes of body) followed by a 1 where zeros belong. */
function unpadded() {
  return plaintextOf(14, body(TICK)).with(-1, 1);
}

/** @param {number} tick */
const isolateAt = (tick) => plaintextOf(6, body(tick, OFF));

/** @returns {Case[]} */
function segmentCases() {
  const good = sealed(heartbeat());
  const [first, second, third] = good;
  if (first === undefined || second === undefined || third === undefined)
    throw new Error("3 frames");
  const next = sealed(heartbeat(), { counter: 2 });
  const short = { ...third, data: third.data.slice(0, 7) };
  const endless = [
    ...cut(NORMAL, 1, new Uint8Array(4096)).map((frame) => ({
      ...frame,
      id: frame.id & ~(1 << 16),
    })),
    {
      ...cut(NORMAL, 1, new Uint8Array(8))[0],
      id: securedId(NORMAL, SLOT, 1, 512, false, false),
      data: new Uint8Array(8),
      fd: false,
    },
  ];
  return [
    linked("segment-missing", "order", "the middle segment is lost", [first, third]),
    linked("segment-order", "order", "segments 0, 2, 1", [first, third, second]),
    linked("segment-first-missing", "order", "no first segment", [second, third]),
    linked("segment-other-counter", "order", "the last segment is another PDU's", [
      first,
      second,
      ...next.slice(2),
    ]),
    linked("segment-not-full", "segment-length", "a segment of 7 bytes that is not the last", [
      first,
      { ...second, data: second.data.slice(0, 7) },
      third,
    ]),
    linked(
      "segment-short-last",
      "tag",
      "a last segment of 7 bytes: 23 bytes whose tag cannot verify",
      [first, second, short],
    ),
    linked(
      "pdu-short",
      "pdu-length",
      "16 bytes: shorter than header and tag",
      cut(NORMAL, 1, new Uint8Array(16)),
    ),
    linked(
      "interrupted",
      "interrupted",
      "a PDU that begins before the last one ended; the second is whole",
      [first, second, ...next],
    ),
    linked("endless", "pdu-length", "513 segments without a last one", endless),
  ];
}

export const cases = () => [...handshakeCases(), ...sealedCases(), ...segmentCases()];
