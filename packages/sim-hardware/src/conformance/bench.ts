/**
 * The pack's end as a tester needs it: it keeps a session alive like a pack, can send anything right or wrong, and
 * remembers everything that the module sent.
 *
 * Trust: it holds the pack's half of the pairing under test. Whoever runs it speaks for that pack.
 */
import { concatBytes, type Entropy, fromHex, toHex, utf8, viewOf } from "@wattseal/base";
import {
  type CanBus,
  type CanFrame,
  decodeModuleMessage,
  encodePackMessage,
  type ModuleMessage,
  type PackMessage,
  type PduClass,
  type Telemetry,
} from "@wattseal/can-protocol";
import { type DeviceCustody, DeviceHalf, HALF_LENGTH, KkInitiator } from "@wattseal/device-keys";
import { Ear, type EarListener } from "./ear.js";
import { Outbox } from "./outbox.js";
import { faultOf } from "./plausible.js";
import { notObserved, PointEnded, type Script } from "./script.js";
import { type Terms, TestSession } from "./session.js";
import {
  type BenchPairing,
  type HandshakePlan,
  type Heard,
  type HeardOf,
  type Hello,
  isHeardOf,
  type Message2,
  type Offer,
  type PassivePoint,
} from "./types.js";
import {
  BASE,
  cut,
  HEADER_LENGTH,
  type PduPlan,
  paddedLength,
  SMALLEST_PDU,
  sealedFrames,
} from "./wire.js";

const BEAT_MS = 1000;
/** Handshakes that a module must work through: one a second (docs/firmware/link.md §4). */
const HANDSHAKE_SPACING_MS = 1000;
const ANSWER_MS = 1000;
/** On top of what the module may take: two full PDUs on the wire. */
const WIRE_MS = 100;
export const REPLY_MS = ANSWER_MS + WIRE_MS;
const MESSAGE_2_LENGTH = 64;
const FRESH_MS = 2000;
const SESSIONS_KEPT = 6;
/** As many as the counter bits tell apart. */
const OFFERS_KEPT = 16;
const FAULTS_KEPT = 4;
const LINK_ATTEMPTS = 4;

export class Bench implements EarListener {
  readonly pairing: BenchPairing;
  readonly fd: boolean;
  readonly highestState: number;
  readonly outbox: Outbox;
  /** The pack's half that the module is to know: the pairing's, but during a key-roll. */
  packHalf: DeviceCustody;
  /** When the module was reset. */
  readonly resets: number[] = [];
  readonly heard: Heard[] = [];
  readonly hellos: Hello[] = [];
  readonly message2s: Message2[] = [];
  readonly #entropy: Entropy;
  readonly #ear: Ear;
  readonly #faults = new Map<PassivePoint, { count: number; seen: string[] }>();
  #now = 0;
  #handshakes = 0;
  #lastOffer = Number.NEGATIVE_INFINITY;
  /** Newest first: those that the module may still use, or wrongly use. */
  #sessions: readonly TestSession[] = [];
  #offers: readonly Offer[] = [];
  #current: TestSession | undefined;
  #telemetry: Telemetry | undefined;
  #tick: { readonly value: number; readonly at: number } | undefined;
  #beatAt = Number.POSITIVE_INFINITY;
  /** What heartbeats allow; undefined: none are sent. */
  #limit: number | undefined;

  constructor(options: {
    readonly bus: CanBus;
    readonly pairing: BenchPairing;
    readonly entropy: Entropy;
    readonly fd: boolean;
    /** MODULE_STATE: heartbeats and orders never go beyond it. */
    readonly highestState: number;
  }) {
    this.pairing = options.pairing;
    this.packHalf = options.pairing.packHalf;
    this.fd = options.fd;
    this.highestState = options.highestState;
    this.#limit = options.highestState;
    this.#entropy = options.entropy;
    this.outbox = new Outbox(options.bus);
    this.#ear = new Ear(options.pairing.module.slot, options.fd, this);
  }

  // Time

  get now(): number {
    return this.#now;
  }

  /** When `advance` is next due. */
  get deadline(): number {
    return this.#beatAt;
  }

  advance(now: number): void {
    this.#now = Math.max(this.#now, now);
    if (this.#now < this.#beatAt) return;
    this.#beatAt = this.#now + BEAT_MS;
    this.beat();
  }

  frame(frame: CanFrame, at: number): void {
    this.advance(at);
    this.#ear.frame(frame, at);
  }

  *sleep(ms: number): Script<void> {
    yield { until: this.#now + ms, met: () => false };
  }

  /** Whether it came to hold within `ms`. */
  *until(met: () => boolean, ms: number): Script<boolean> {
    if (!met()) yield { until: this.#now + ms, met };
    return met();
  }

  /** Until all that was put on the wire has left. */
  *flushed(): Script<void> {
    yield* this.until(() => this.outbox.waiting === 0, 10_000);
  }

  // What the module says

  hello(uid: Uint8Array, bits: number, at: number): void {
    this.hellos.push({ at, bits, uid: toHex(uid) });
  }

  /** Read at once: whatever comes under these keys is then known for what it is. */
  handshake(bytes: Uint8Array, bits: number, at: number): void {
    const offer = this.#offers.find((one) => one.bits === bits);
    this.message2s.push({ at, bits, bytes, session: offer && this.#read(offer, bytes) });
  }

  sealed(cls: PduClass, bits: number, pdu: Uint8Array, at: number): void {
    const inOrder = [...new Set([this.#current, ...this.#sessions])];
    for (const session of inOrder) {
      const opened = session?.open(cls, bits, pdu);
      if (session === undefined || opened === undefined) continue;
      this.#check(cls, pdu.length, opened.plaintext);
      if (opened.counter !== opened.due) {
        this.fault("pdu.counters", `${cls} counter ${opened.counter} where ${opened.due} was due`);
      }
      this.#take(session, cls, opened.counter, opened.plaintext, at);
      return;
    }
    this.fault("pdu.sealed", `a ${cls} PDU of ${pdu.length} bytes opens under no session's keys`);
  }

  #check(cls: PduClass, length: number, text: Uint8Array): void {
    const body = viewOf(text).getUint16(1, true);
    const end = HEADER_LENGTH + body;
    if (end > text.length) {
      this.fault("pdu.types", `${cls}: a body of ${body} bytes in ${text.length} of plaintext`);
      return;
    }
    const shortest = paddedLength(SMALLEST_PDU + body, this.fd);
    if (length !== shortest) {
      this.fault("pdu.length", `${cls} type ${text[0]}: ${length} bytes where ${shortest} do`);
    }
    if (text.subarray(end).some((byte) => byte !== 0)) {
      this.fault("pdu.padding", `${cls} type ${text[0]}: padding ${toHex(text.subarray(end))}`);
    }
  }

  #take(session: TestSession, cls: PduClass, counter: number, text: Uint8Array, at: number): void {
    const type = text[0] ?? 0;
    const body = text.slice(HEADER_LENGTH, HEADER_LENGTH + viewOf(text).getUint16(1, true));
    let message: ModuleMessage | undefined;
    try {
      message = decodeModuleMessage(cls, type, body);
    } catch {
      this.fault("pdu.types", `type ${type}, class ${cls}, ${body.length} bytes`);
    }
    if (message?.kind === "telemetry") {
      const fault = faultOf(message, this.#telemetry);
      if (fault !== undefined) this.fault("telemetry.layout", fault);
      this.#telemetry = message;
      const last = this.#tick;
      const ahead = last === undefined ? 1 : (message.tick - last.value + 2 ** 32) % 2 ** 32;
      if (ahead < 2 ** 31) this.#tick = { value: message.tick, at };
    }
    this.heard.push({ at, class: cls, session, counter, type, body, message });
  }

  fault(point: PassivePoint, seen: string): void {
    const known = this.#faults.get(point) ?? { count: 0, seen: [] };
    this.#faults.set(point, known);
    known.count += 1;
    if (known.seen.length < FAULTS_KEPT) known.seen.push(seen);
  }

  /** What was noted against a passive point: its number and the first few. */
  faultsOf(point: PassivePoint): { readonly count: number; readonly seen: readonly string[] } {
    return this.#faults.get(point) ?? { count: 0, seen: [] };
  }

  /** Messages of a kind since `index` of `heard`. */
  since<K extends ModuleMessage["kind"]>(index: number, kind: K): readonly HeardOf<K>[] {
    return this.heard.slice(index).filter((one) => isHeardOf(one, kind));
  }

  /** The state in the last reading, if there was one since `index` of `heard`. */
  stateSince(index: number): number | undefined {
    for (let i = this.heard.length - 1; i >= index; i -= 1) {
      const message = this.heard[i]?.message;
      if (message?.kind === "telemetry") return message.status1.state;
    }
    return undefined;
  }

  // What we say

  get session(): TestSession | undefined {
    return this.#current;
  }

  /** The freshness tick of a command sent now; throws when there is none to send. */
  get tick(): number {
    const tick = this.#tick;
    if (tick === undefined || this.#now - tick.at > FRESH_MS) {
      throw new PointEnded(notObserved("no telemetry whose tick a command could carry"));
    }
    return tick.value;
  }

  /** What heartbeats allow from now on; one is sent at once. Undefined: no more heartbeats. */
  allow(limit: number | undefined): void {
    this.limit(limit);
    this.beat();
  }

  /** As `allow`, from the next heartbeat on. */
  limit(limit: number | undefined): void {
    this.#limit = limit;
  }

  beat(): void {
    const tick = this.#tick;
    const session = this.#current;
    if (this.#limit === undefined || session === undefined || tick === undefined) return;
    if (this.#now - tick.at > FRESH_MS) return;
    this.send({ kind: "heartbeat", tick: tick.value, maxState: this.#limit });
  }

  /** Seals a message, right in every way, and sends it; returns its class and counter. */
  send(message: PackMessage, session = this.#current): { class: PduClass; counter: number } {
    return this.plan(encodePackMessage(message), session);
  }

  /** A message, right in every way, as a plan to be spoilt. */
  planOf(message: PackMessage): PduPlan {
    return encodePackMessage(message);
  }

  /** Seals what the plan says and sends it. */
  plan(plan: PduPlan, session = this.#current): { class: PduClass; counter: number } {
    const { frames, counter } = this.frames(plan, session);
    this.outbox.put(frames);
    return { class: plan.class, counter };
  }

  /** Seals what the plan says. A counter given is not taken from the session. */
  frames(plan: PduPlan, session = this.#current) {
    if (session === undefined) throw new PointEnded(notObserved("there is no session"));
    const counter = plan.counter ?? session.take(plan.nonceClass ?? plan.class);
    const { slot } = this.pairing.module;
    const cipher = plan.reflected === true ? session.reflection : session.cipher;
    return { frames: sealedFrames(plan, { cipher, slot, counter, fd: this.fd }), counter };
  }

  /** Any bytes as the segments of a PDU of a class; `mask` is laid over their identifiers. */
  raw(cls: PduClass, bytes: Uint8Array, mask = ~0): readonly CanFrame[] {
    const { slot } = this.pairing.module;
    const counter = this.#current?.next(cls) ?? 0;
    const frames = cut(bytes, { base: BASE[cls], slot, counter }, this.fd);
    return frames.map((frame) => ({ ...frame, id: frame.id & mask }));
  }

  // Handshakes

  /** Puts a message 1 on the wire, no sooner than a module must take one, and waits until it has left. */
  *offer(plan: HandshakePlan = {}): Script<Offer> {
    yield* this.#spaced();
    const offer = this.putOffer(plan);
    yield* this.flushed();
    return { ...offer, at: this.#now };
  }

  /** Any bytes as a handshake message to the module, as `offer` does. */
  *message1(bytes: Uint8Array, bits: number): Script<void> {
    yield* this.#spaced();
    this.putMessage1(bytes, bits);
    yield* this.flushed();
  }

  *#spaced(): Script<void> {
    const wait = this.#lastOffer + HANDSHAKE_SPACING_MS - this.#now;
    if (wait > 0) yield* this.sleep(wait);
  }

  /** A message 1, at once. */
  putOffer(plan: HandshakePlan = {}): Offer {
    const { pairing } = this;
    const { module } = pairing;
    const half = plan.packHalf ?? this.packHalf;
    const ephemeral = plan.ephemeral ?? Uint8Array.from(this.#entropy.bytes(HALF_LENGTH));
    const initiator = new KkInitiator({
      prologue: concatBytes(
        utf8("wattseal-can-1"),
        plan.packHash ?? pairing.packHash,
        fromHex(plan.uid ?? module.uid),
        Uint8Array.of(plan.slot ?? module.slot, plan.busId ?? module.busId),
      ),
      publicKey: half.publicKey,
      peer: module.half,
      entropy: { bytes: () => ephemeral },
    });
    const message1 = initiator.writeMessage1(half.dh(module.half));
    const bits = plan.bits ?? this.#handshakes % 16;
    this.#handshakes += 1;
    const from = this.message2s.length;
    const offer = { message1, bits, at: this.#now, from, initiator, half, ephemeral };
    this.#offers = [offer, ...this.#offers].slice(0, OFFERS_KEPT);
    this.putMessage1(message1, bits);
    return offer;
  }

  putMessage1(bytes: Uint8Array, bits: number): void {
    const { slot } = this.pairing.module;
    this.outbox.put(cut(bytes, { base: BASE.handshake, slot, counter: bits }, this.fd));
    this.#lastOffer = this.#now;
  }

  /** The half of a pack that the module does not know. */
  stranger(): DeviceHalf {
    return DeviceHalf.generate(this.#entropy);
  }

  random(length: number): Uint8Array {
    return this.#entropy.bytes(length);
  }

  /** The session that the answer to an offer makes, if one comes that authenticates. It is not used before `adopt`. */
  *answered(offer: Offer, ms = REPLY_MS): Script<TestSession | undefined> {
    const find = () => this.message2s.slice(offer.from).find(({ bits }) => bits === offer.bits);
    yield* this.until(() => find() !== undefined, ms);
    return find()?.session;
  }

  #read({ initiator, half }: Offer, message2: Uint8Array): TestSession | undefined {
    if (message2.length !== MESSAGE_2_LENGTH) return undefined;
    try {
      const peer = initiator.beginMessage2(message2);
      const { payload, session } = initiator.openMessage2(half.dh(peer));
      const made = new TestSession(session, this.pairing.module.slot, termsOf(payload));
      this.#sessions = [made, ...this.#sessions].slice(0, SESSIONS_KEPT);
      return made;
    } catch {
      return undefined; // it does not authenticate, or was answered before
    }
  }

  /** Pings under a session; the echo, under whatever session it came. */
  *pings(session: TestSession, ms = REPLY_MS): Script<Heard | undefined> {
    const from = this.heard.length;
    const tick = Math.floor(this.#now) % 2 ** 32;
    this.send({ kind: "ping", tick }, session);
    const echo = () => this.since(from, "ping").find(({ message }) => message.tick === tick);
    yield* this.until(() => echo() !== undefined, ms);
    return echo();
  }

  *proves(session: TestSession): Script<boolean> {
    return (yield* this.pings(session)) !== undefined;
  }

  /** The module starts anew: what it said before binds it no more. */
  noteReset(at: number): void {
    this.resets.push(at);
    this.#telemetry = undefined;
  }

  /** From now on, ours. */
  adopt(session: TestSession): void {
    this.#current = session;
    this.#tick = undefined;
    this.#beatAt = this.#now;
  }

  /** We forget the session; the module may not know. */
  forget(): void {
    this.#current = undefined;
    this.#tick = undefined;
    this.#beatAt = Number.POSITIVE_INFINITY;
  }

  /** A proven session with telemetry under it: the one in use if it answers, or a new one. */
  *link(): Script<TestSession> {
    const used = this.#current;
    if (used !== undefined && (yield* this.proves(used)) && (yield* this.hasTick())) return used;
    return yield* this.relink();
  }

  /** A new proven session with telemetry under it. */
  *relink(): Script<TestSession> {
    for (let attempt = 0; attempt < LINK_ATTEMPTS; attempt += 1) {
      const offer = yield* this.offer();
      const session = yield* this.answered(offer);
      if (session === undefined || !(yield* this.proves(session))) continue;
      this.adopt(session);
      if (yield* this.hasTick()) return session;
    }
    this.forget();
    throw new PointEnded(notObserved("no session: handshakes come to nothing"));
  }

  *hasTick(): Script<boolean> {
    const isFresh = () => this.#tick !== undefined && this.#now - this.#tick.at < FRESH_MS / 2;
    const has = yield* this.until(isFresh, 3000);
    if (has) this.beat();
    return has;
  }
}

function termsOf(payload: Uint8Array): Terms {
  return {
    version: payload[0] ?? 0,
    capabilities: viewOf(payload).getUint32(1, true),
    zeros: payload.subarray(5).every((byte) => byte === 0),
  };
}
