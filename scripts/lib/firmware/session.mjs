/** One session between the link machines of both ends, frame by frame, with what each PDU is made of. */
import { concatBytes, fromHex, millis, milliwattHours, toHex, utf8, viewOf } from "@wattseal/base";
import {
  baseOf,
  CAPABILITY,
  classOf,
  decodeModuleMessage,
  decodePackMessage,
  encodePackMessage,
  isToModule,
  LINK_VERSION,
  LOG_FRAME_LENGTH,
  ModuleLink,
  OUTCOME,
  PackLink,
  withHalves,
} from "@wattseal/can-protocol";
import { createAead, deriveKey, hmacSha256 } from "@wattseal/device-keys";
import {
  BOOT,
  BUS_ID,
  CAPABILITIES,
  half,
  PACK_HASH,
  publicOf,
  SECRET,
  SLOT,
  START_MS,
  TICK_AT_START,
  UID,
} from "./given.mjs";
import { handshake } from "./handshake.mjs";
import {
  associatedData,
  BASE,
  cut,
  DOMAIN,
  frameText,
  nonceOf,
  paddedLength,
  plaintextOf,
} from "./pdu.mjs";

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */
/** @typedef {import("@wattseal/can-protocol").ModuleMessage} ModuleMessage */
/** @typedef {import("@wattseal/can-protocol").PackMessage} PackMessage */
/** @typedef {import("@wattseal/can-protocol").PackOrder} PackOrder */
/** @typedef {import("@wattseal/can-protocol").PduClass} PduClass */
/** @typedef {import("@wattseal/can-protocol").PackLinkEffect | import("@wattseal/can-protocol").ModuleLinkEffect} Effect */
/** @typedef {{ class: PduClass, counter: number, type: number, body: string, fields: Record<string, unknown>, ad: string, nonce: string, plaintext: string, sealed: string }} PduText */
/** @typedef {{ name: string, from: "pack" | "module", tick: number, frames: string[], handshake?: string, pdu?: PduText }} SessionStep */

const STEP_MS = 10;

/**
 * The ephemeral half for 32 bytes, 0x80 for jitter.
 *
 * @param {Uint8Array} ephemeral
 */
export const fixedEntropy = (ephemeral) => ({
  /** @param {number} length */
  bytes: (length) => (length === 32 ? ephemeral : new Uint8Array(length).fill(0x80)),
});

/** @param {boolean} fd @returns {import("@wattseal/can-protocol").LocalPackLink} */
export function packLink(fd) {
  const link = new PackLink({
    packHash: PACK_HASH,
    module: { uid: UID, slot: SLOT, busId: BUS_ID, half: publicOf(SECRET.module) },
    packHalf: publicOf(SECRET.pack),
    entropy: fixedEntropy(SECRET.packEphemeral),
    fd,
    maxState: 3,
  });
  return withHalves(link, [half(SECRET.pack)]);
}

/** @param {boolean} fd */
export function moduleLink(fd) {
  return new ModuleLink({
    uid: UID,
    pairing: {
      packHash: PACK_HASH,
      packHalf: publicOf(SECRET.pack),
      slot: SLOT,
      busId: BUS_ID,
      fed: publicOf(SECRET.federation),
    },
    custody: half(SECRET.module),
    entropy: fixedEntropy(SECRET.moduleEphemeral),
    fd,
    bootedAt: millis(START_MS - TICK_AT_START),
    capabilities: CAPABILITIES,
  });
}

/** @param {object} message @returns {Record<string, unknown>} */
function printable(message) {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => {
      if (value instanceof Uint8Array) return [name, toHex(value)];
      return [name, typeof value === "object" ? printable(value) : value];
    }),
  );
}

/** Both ends, and a record of all that they sent. */
export class Session {
  /** @type {SessionStep[]} */
  steps = [];
  now = START_MS;
  keys = handshake();
  /** @type {string[]} */
  #names = [];
  #counters = new Map();

  /** @param {boolean} fd */
  constructor(fd) {
    this.fd = fd;
    this.pack = packLink(fd);
    this.module = moduleLink(fd);
  }

  get tick() {
    return this.module.tick(millis(this.now));
  }

  /** The names of what is sent next, in order. @param {readonly string[]} names */
  expect(...names) {
    this.#names.push(...names);
    this.now += STEP_MS;
  }

  /** @param {Parameters<PackLink["handle"]>[0]} event */
  toPack(event) {
    this.#carry(this.pack.handle(event, millis(this.now)), "pack");
  }

  /** @param {Parameters<ModuleLink["handle"]>[0]} event */
  toModule(event) {
    this.#carry(this.module.handle(event, millis(this.now)), "module");
  }

  /** @param {PackOrder} message */
  order(message) {
    this.toPack({ kind: "send", message });
  }

  /** @param {ModuleMessage} message */
  say(message) {
    this.toModule({ kind: "send", message });
  }

  /** The freshness tick of what the pack sends. */
  get lastTick() {
    const reading = this.steps.findLast(({ name }) => name === "telemetry");
    if (reading === undefined) throw new Error("no telemetry yet");
    return reading.tick;
  }

  /**
   * As if the pack's link had sent it: that one would begin a handshake after a key-roll.
   *
   * @param {PackMessage} message
   */
  seal(message) {
    const { class: cls, type, body } = encodePackMessage(message);
    const base = BASE[cls];
    const counter = this.#counters.get(base) ?? 0;
    const text = plaintextOf(type, body, paddedLength(body.length, this.fd));
    const nonce = nonceOf(DOMAIN[cls], counter);
    const ad = associatedData(base, text.length + 16);
    const sealed = createAead(this.keys.toModule).seal(nonce, ad, text);
    const frames = cut(sealed, base, counter, this.fd);
    this.#record(frames, "pack");
    for (const frame of frames) this.toModule({ kind: "frame", frame });
  }

  /** The last PDU that the pack sent was obeyed. */
  done() {
    const last = this.steps.findLast(({ from }) => from === "pack")?.pdu;
    if (last === undefined) throw new Error("the pack has sent nothing");
    this.say({
      kind: "outcome",
      tick: this.tick,
      command: last.type,
      code: OUTCOME.done,
      class: DOMAIN[last.class],
      counter: last.counter,
    });
  }

  /** @param {readonly Effect[]} effects @param {"pack" | "module"} from */
  #carry(effects, from) {
    for (const effect of effects) {
      if (effect.kind === "alarm" || effect.kind === "unsent") {
        throw new Error(`the ${from} says ${JSON.stringify(effect)}`);
      }
      if (effect.kind === "store-pairing") this.toModule({ kind: "stored", durable: true });
      if (effect.kind !== "transmit") continue;
      const frames = effect.frames.map((frame) => ({ ...frame, data: frame.data.slice() }));
      this.#record(frames, from);
      for (const frame of frames) {
        if (from === "pack") this.toModule({ kind: "frame", frame });
        else this.toPack({ kind: "frame", frame });
      }
    }
  }

  /** @param {readonly CanFrame[]} frames @param {"pack" | "module"} from */
  #record(frames, from) {
    const name = this.#names.shift();
    const [first] = frames;
    if (name === undefined || first === undefined) throw new Error(`the ${from} sends unasked`);
    const cls = classOf(first.id);
    const bytes = concatBytes(...frames.map(({ data }) => data));
    const step = { name, from, tick: this.tick, frames: frames.map(frameText) };
    if (cls === "handshake") this.steps.push({ ...step, handshake: toHex(bytes) });
    else this.steps.push({ ...step, pdu: this.#taken(cls, baseOf(first.id), bytes) });
  }

  /** @param {PduClass} cls @param {number} base @param {Uint8Array} sealed @returns {PduText} */
  #taken(cls, base, sealed) {
    const counter = this.#counters.get(base) ?? 0;
    this.#counters.set(base, counter + 1);
    const ad = associatedData(base, sealed.length);
    const nonce = nonceOf(DOMAIN[cls], counter);
    const key = isToModule(base << 18) ? this.keys.toModule : this.keys.toPack;
    const plaintext = createAead(key).open(nonce, ad, sealed);
    if (plaintext === undefined) throw new Error("a PDU does not open under the keys worked out");
    const type = plaintext[0] ?? 0;
    const body = plaintext.slice(3, 3 + viewOf(plaintext).getUint16(1, true));
    const decode = isToModule(base << 18) ? decodePackMessage : decodeModuleMessage;
    return {
      class: cls,
      counter,
      type,
      body: toHex(body),
      fields: printable(decode(cls, type, body)),
      ad: toHex(ad),
      nonce: toHex(nonce),
      plaintext: toHex(plaintext),
      sealed: toHex(sealed),
    };
  }
}

/** @param {number} tick @returns {ModuleMessage} */
function reading(tick) {
  return {
    kind: "telemetry",
    status1: { state: 3, status: 2, soc: 87.5, soh: 98, cells: 94, current: 10, voltage: 349.995 },
    status2: { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 },
    status3: { low: 20, high: 25, average: 21.93 },
    inMwh: milliwattHours(123_456_789),
    outMwh: milliwattHours(98_765_432_101),
    tick,
    boot: BOOT,
  };
}

/** The counter statement with everything that its code is made from. @param {number} tick */
export function statement(tick) {
  const shared = half(SECRET.module).dh(publicOf(SECRET.federation));
  const key = deriveKey(shared, utf8("wattseal-counter-1"));
  const fields = new Uint8Array(18);
  const view = viewOf(fields);
  view.setUint16(0, BOOT, true);
  view.setUint32(2, tick, true);
  view.setUint32(6, 123_456_789 % 2 ** 32, true);
  view.setUint16(10, Math.floor(123_456_789 / 2 ** 32), true);
  view.setUint32(12, 98_765_432_101 % 2 ** 32, true);
  view.setUint16(16, Math.floor(98_765_432_101 / 2 ** 32), true);
  const signed = concatBytes(fromHex(UID), fields);
  return { shared, key, signed, mac: hmacSha256(key, signed) };
}

/** @param {boolean} fd */
export function session(fd) {
  const s = new Session(fd);
  s.toModule({ kind: "open" });
  s.now += 251; // what a jitter of 0x8080 gives
  s.expect("hello");
  s.toModule({ kind: "timer" });
  s.now += 40;
  s.expect("message 1", "message 2", "ping", "ping, echoed");
  s.toPack({ kind: "open" });
  s.expect("telemetry", "heartbeat");
  s.say(reading(s.tick));
  requests(s);
  commands(s);
  return s;
}

/** @param {Session} s */
function requests(s) {
  s.expect("telemetry request", "outcome of the telemetry request");
  s.order({ kind: "telemetry-request", periodMs: 200 });
  s.done();
  s.expect("cell detail request", "cell detail");
  s.order({ kind: "cell-detail-request", cell: 3 });
  const cell = { cell: 3, cells: 94, temperature: 21.93, voltage: 3.725, soc: 87.5, soh: 98 };
  s.say({ kind: "cell-detail", ...cell });
  s.expect("hardware request", "hardware");
  s.order({ kind: "hardware-request" });
  const limits = { maxChargeCurrent: 120, maxDischargeCurrent: -240, endVoltage: 394.8 };
  s.say({ kind: "hardware", ...limits, hwVersion: 0x0203, fw: 0x0405 });
  s.expect("time request", "time", "outcome of the time");
  s.say({ kind: "time-request", tick: s.tick });
  s.order({ kind: "time", utcMs: s.now, valid: 1 });
  s.done();
  s.expect("log frame request", "log frame");
  s.order({ kind: "log-frame-request", counter: 0xffff_ffff });
  const data = Uint8Array.from({ length: LOG_FRAME_LENGTH }, (_, i) => i & 0xff);
  s.say({ kind: "log-frame", counter: 7, data });
  s.expect("capability request", "capability");
  s.order({ kind: "capability-request" });
  const capabilities = CAPABILITIES & ~CAPABILITY.images;
  const rates = { maxRate: 10, maxPdu: 4096 };
  s.say({ kind: "capability", version: LINK_VERSION, capabilities, ...rates });
  s.expect("counter statement request", "counter statement");
  s.order({ kind: "counter-statement-request" });
  const { tick } = s;
  const counters = { inMwh: milliwattHours(123_456_789), outMwh: milliwattHours(98_765_432_101) };
  const { mac } = statement(tick);
  s.say({ kind: "counter-statement", uid: UID, boot: BOOT, tick, ...counters, mac });
}

/** @param {Session} s */
function commands(s) {
  s.expect("state change", "state report", "outcome of the state change");
  s.order({ kind: "state-change", state: 3, hvBusVoltage: 349.995 });
  const report = { status: 2, faults: 0, voltage: 349.995 };
  s.say({ kind: "state-report", tick: s.tick, state: 3, ...report });
  s.done();
  s.expect("isolate", "state report after it", "outcome of the isolate");
  s.order({ kind: "isolate", cause: 2 });
  s.say({ kind: "state-report", tick: s.tick, state: 0, ...report });
  s.done();
  s.expect("key-roll", "outcome of the key-roll");
  s.seal({ kind: "key-roll", packHalf: publicOf(SECRET.nextPack), tick: s.lastTick });
  s.expect("erase", "outcome of the erase");
  s.seal({ kind: "erase", tick: s.lastTick });
}
