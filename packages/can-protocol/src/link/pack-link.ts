/**
 * The pack's end of the link to one module: offers handshakes, seals orders and heartbeats, opens what the
 * module sends.
 *
 * Trust: frames come from anyone on the bus. What leaves here as a `message` was sealed by the holder of the
 * module's half, or of the pack's, in this session, and is told once.
 */
import { type Millis, millis, toHex } from "@wattseal/base";
import { KkInitiator } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import { MODULE_STATE } from "../catalogue/scales.js";
import { decodeModuleMessage, encodePackMessage } from "../inner/codec.js";
import type { PackMessage, PackOrder, Tick } from "../inner/messages.js";
import {
  decodePayload2,
  handshakeFrames,
  LINK_VERSION,
  MESSAGE_2_LENGTH,
  prologue,
} from "../secured/handshake.js";
import { Session } from "./key-ring.js";
import { HELD_LIMIT } from "./limits.js";
import { type AcceptedPdu, LinkEnd } from "./link-end.js";
import { type PackAction, type PackPhase, type PackPhaseEvent, stepPack } from "./pack-phase.js";
import type {
  DownReason,
  FrameClass,
  Link,
  LinkStatus,
  PackLinkEffect,
  PackLinkEvent,
  PackLinkOptions,
  UnsentReason,
} from "./types.js";

interface HeldOrder {
  readonly order: PackOrder;
  readonly until: number;
}

export class PackLink implements Link<PackLinkEvent, PackLinkEffect> {
  readonly #options: PackLinkOptions;
  readonly #end: LinkEnd;
  readonly #prologue: Uint8Array;
  #out: PackLinkEffect[] = [];
  #phase: PackPhase = { kind: "closed" };
  #handshake: KkInitiator | undefined;
  #attempt = -1;
  #open = false;
  #busOff = false;
  /** A hello came since the keys in use were proven: the module may have started anew. */
  #helloSeen = false;
  /** The module's tick in the last telemetry accepted, and when that was. */
  #tick: { readonly tick: Tick; readonly at: number } | undefined;
  #held: HeldOrder[] = [];
  #maxState: number;
  #heartbeatAt: number | undefined;
  #silenceAt: number | undefined;
  #renewAt: number | undefined;
  #down = false;

  constructor(options: PackLinkOptions) {
    this.#options = options;
    this.#maxState = options.maxState ?? MODULE_STATE.off;
    this.#prologue = prologue({ packHash: options.packHash, ...options.module });
    const parts = { slot: options.module.slot, receiving: "to-pack" as const, ...pick(options) };
    this.#end = new LinkEnd(parts, {
      transmit: (cls, frames) => this.#transmit(cls, frames),
      alarm: (alarm) => {
        this.#out.push({ kind: "alarm", alarm });
      },
      proven: (session, now) => this.#proven(session, now),
      accepted: (pdu, now) => this.#accepted(pdu, now),
      lost: (now) => this.#step("wanted", now),
      handshake: (bits, message, now) => this.#message2(bits, message, now),
      hello: (uid, now) => this.#hello(uid, now),
    });
  }

  /** The earliest of the handshake's, heartbeat's, silence, renewal and held orders' times. */
  get deadline(): Millis | undefined {
    const until = "until" in this.#phase ? this.#phase.until : undefined;
    const earliest = Math.min(
      until ?? Number.POSITIVE_INFINITY,
      this.#heartbeatAt ?? Number.POSITIVE_INFINITY,
      this.#silenceAt ?? Number.POSITIVE_INFINITY,
      this.#renewAt ?? Number.POSITIVE_INFINITY,
      this.#held[0]?.until ?? Number.POSITIVE_INFINITY,
    );
    return Number.isFinite(earliest) ? millis(earliest) : undefined;
  }

  get status(): LinkStatus {
    const { keys, lastAccepted, counts } = this.#end;
    return {
      phase: this.#phase.kind,
      linked: keys.current !== undefined,
      handshakeHash: keys.current?.handshakeHash,
      lastAccepted,
      counts: { ...counts },
    };
  }

  handle(event: PackLinkEvent, now: Millis): readonly PackLinkEffect[] {
    switch (event.kind) {
      case "frame":
        if (this.#open && !this.#busOff) this.#end.frame(event.frame, now);
        break;
      case "timer":
        this.#timer(now);
        break;
      case "send":
        this.#send(event.message, now);
        break;
      case "max-state":
        this.#maxState = event.state;
        this.#heartbeat(now);
        break;
      case "open":
        this.#open = true;
        if (!this.#busOff) this.#step("open", now);
        break;
      case "bus":
        this.#bus(event.state === "bus-off", now);
        break;
      case "close":
        this.#open = false;
        this.#stop("closed", now);
        break;
    }
    return this.#flush();
  }

  #flush(): readonly PackLinkEffect[] {
    if (this.#out.length === 0) return NOTHING;
    const effects = this.#out;
    this.#out = [];
    return effects;
  }

  #transmit(cls: FrameClass, frames: readonly CanFrame[]): void {
    this.#out.push({ kind: "transmit", class: cls, frames });
  }

  // Handshake

  #step(event: PackPhaseEvent, now: Millis): void {
    const { limits } = this.#end;
    const step = stepPack(this.#phase, event, { now, limits, jitter: this.#end.jitter() });
    if (step === undefined) return;
    this.#phase = step.phase;
    for (const action of step.actions) this.#act(action, now);
  }

  #act(action: PackAction, now: Millis): void {
    switch (action) {
      case "send-message-1":
        this.#message1();
        break;
      case "send-ping":
        this.#ping(now);
        break;
      case "abandon":
        this.#handshake?.dispose();
        this.#handshake = undefined;
        break;
      case "report-failure":
        if (this.#end.keys.current === undefined) this.#goDown("handshake");
        break;
    }
  }

  #message1(): void {
    const { custody, entropy, module, fd } = this.#options;
    this.#handshake?.dispose();
    this.#handshake = new KkInitiator({
      prologue: this.#prologue,
      custody,
      peer: module.half,
      entropy,
    });
    this.#attempt += 1;
    this.#end.counts.handshakes += 1;
    const message = this.#handshake.writeMessage1();
    const frames = handshakeFrames(message, "to-module", module.slot, this.#attempt, fd);
    this.#transmit("handshake", frames);
  }

  #message2(bits: number, message: Uint8Array, now: Millis): void {
    const handshake = this.#handshake;
    if (handshake === undefined || bits !== this.#attempt % 16) {
      this.#end.badHandshake(2, "unexpected", now);
      return;
    }
    if (message.length !== MESSAGE_2_LENGTH) {
      this.#end.badHandshake(2, "length", now);
      return;
    }
    const answer = this.#end.attempt(2, now, () => handshake.readMessage2(message));
    if (answer === undefined) return;
    this.#handshake = undefined;
    const terms = this.#end.attempt(2, now, () => decodePayload2(answer.payload));
    if (terms === undefined) return;
    if (terms.version !== LINK_VERSION) {
      this.#goDown("version");
      return;
    }
    const { module, fd } = this.#options;
    const keys = answer.session;
    const session = new Session(keys, "to-module", module.slot, fd, terms.capabilities, now);
    this.#end.keys.offer(session);
    this.#step("answered", now);
  }

  /** Under the newest keys: the module takes them into use when it has verified this. */
  #ping(now: Millis): void {
    const session = this.#end.keys.unproven;
    if (session === undefined) return;
    this.#end.seal(session, encodePackMessage({ kind: "ping", tick: now % 2 ** 32 }));
  }

  #hello(uid: Uint8Array, now: Millis): void {
    const claimed = toHex(uid);
    const { module } = this.#options;
    if (claimed !== module.uid) {
      this.#end.alarm({ kind: "foreign-hello", slot: module.slot, uid: claimed }, now);
      return;
    }
    this.#helloSeen = true;
    this.#step("wanted", now);
  }

  #proven(session: Session, now: Millis): void {
    // The tick of a module that started anew means nothing: orders wait for its next telemetry.
    if (this.#silenceAt === undefined || this.#helloSeen) this.#tick = undefined;
    this.#helloSeen = false;
    this.#down = false;
    this.#heartbeatAt = now;
    this.#silenceAt = now + this.#end.limits.packSilenceMs;
    this.#renewAt = session.startedAt + this.#end.limits.sessionAgeMs;
    const { handshakeHash, capabilities } = session;
    this.#out.push({ kind: "session", handshakeHash, capabilities });
    this.#step("proven", now);
  }

  // Messages

  #accepted(pdu: AcceptedPdu, now: Millis): void {
    const message = this.#end.read(decodeModuleMessage, pdu, now);
    if (message === undefined) return;
    this.#end.counts.accepted += 1;
    const { class: cls, counter, type, body, session } = pdu;
    const { handshakeHash } = session;
    this.#out.push({ kind: "message", class: cls, counter, type, body, message, handshakeHash });
    if (message.kind === "telemetry") this.#fresh(message.tick, now);
    this.#renewIfWorn(now);
  }

  #fresh(tick: Tick, now: Millis): void {
    this.#tick = { tick, at: now };
    const held = this.#held;
    if (held.length > 0) this.#held = [];
    for (const { order } of held) this.#order(order, tick);
    if (this.#heartbeatAt !== undefined && this.#heartbeatAt <= now) this.#heartbeat(now);
  }

  #send(order: PackOrder, now: Millis): void {
    if (this.#end.keys.current === undefined) this.#unsent(order, "no-session");
    else if (this.#tick !== undefined) this.#order(order, this.#tick.tick);
    else if (this.#held.length >= HELD_LIMIT) this.#unsent(order, "queue-full");
    else this.#hold(order, now);
    this.#renewIfWorn(now);
  }

  #hold(order: PackOrder, now: Millis): void {
    encodePackMessage({ ...order, tick: 0 }); // a value that does not fit is this caller's to hear of
    this.#held.push({ order, until: now + this.#end.limits.freshnessMs });
  }

  #order(order: PackOrder, tick: Tick): void {
    this.#seal({ ...order, tick });
  }

  #seal(message: PackMessage): void {
    const session = this.#end.keys.current;
    if (session !== undefined) this.#end.seal(session, encodePackMessage(message));
  }

  #unsent(message: PackOrder, reason: UnsentReason): void {
    this.#out.push({ kind: "unsent", message, reason });
  }

  /** Sends one unless the module would refuse it for its age; the next is due a heartbeat later. */
  #heartbeat(now: Millis): void {
    const { heartbeatMs, freshnessMs } = this.#end.limits;
    if (this.#end.keys.current === undefined) return;
    this.#heartbeatAt = now + heartbeatMs;
    if (this.#tick === undefined || now - this.#tick.at > freshnessMs) return;
    this.#seal({ kind: "heartbeat", tick: this.#tick.tick, maxState: this.#maxState });
  }

  #renewIfWorn(now: Millis): void {
    if (this.#phase.kind !== "settled") return;
    if (this.#end.keys.current?.isWorn(this.#end.limits.sessionPdus)) this.#step("wanted", now);
  }

  // Time

  #timer(now: Millis): void {
    if ("until" in this.#phase && now >= this.#phase.until) this.#step("timer", now);
    if (this.#renewAt !== undefined && now >= this.#renewAt) {
      this.#renewAt = undefined;
      this.#step("wanted", now);
    }
    if (this.#silenceAt !== undefined && now >= this.#silenceAt) this.#checkSilence(now);
    if (this.#heartbeatAt !== undefined && now >= this.#heartbeatAt) this.#heartbeat(now);
    while (this.#held[0] !== undefined && now >= this.#held[0].until) {
      const expired = this.#held.shift();
      if (expired !== undefined) this.#unsent(expired.order, "no-tick");
    }
  }

  #checkSilence(now: Millis): void {
    const heard = (this.#end.lastAccepted ?? 0) + this.#end.limits.packSilenceMs;
    if (heard > now) {
      this.#silenceAt = heard;
      return;
    }
    this.#dropKeys();
    this.#goDown("silent");
    this.#step("wanted", now);
  }

  #bus(off: boolean, now: Millis): void {
    if (off === this.#busOff) return;
    this.#busOff = off;
    if (off) this.#stop("bus-off", now);
    else if (this.#open) this.#step("open", now);
  }

  #stop(reason: DownReason, now: Millis): void {
    this.#step("close", now);
    this.#dropKeys();
    this.#goDown(reason);
  }

  #dropKeys(): void {
    this.#end.keys.dropAll();
    this.#tick = undefined;
    this.#heartbeatAt = undefined;
    this.#silenceAt = undefined;
    this.#renewAt = undefined;
    const held = this.#held;
    this.#held = [];
    for (const { order } of held) this.#unsent(order, "no-session");
  }

  #goDown(reason: DownReason): void {
    if (this.#down) return;
    this.#down = true;
    this.#out.push({ kind: "down", reason });
  }
}

const NOTHING: readonly PackLinkEffect[] = [];

/** Leaves `limits` out rather than undefined. */
function pick({ entropy, limits }: PackLinkOptions) {
  return limits === undefined ? { entropy } : { entropy, limits };
}
