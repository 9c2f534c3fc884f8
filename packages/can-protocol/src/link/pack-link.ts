/**
 * The pack's end of the link to one module: offers handshakes, seals orders and heartbeats, opens what the
 * module sends.
 *
 * Trust: frames come from anyone on the bus. What leaves here as a `message` was sealed by the holder of the
 * module's half, or of the pack's, in this session, and is told once.
 */
import type { Millis, Slot } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { MODULE_STATE } from "../catalogue/scales.js";
import { decodeModuleMessage, encodePackMessage } from "../inner/codec.js";
import type { PackOrder } from "../inner/messages.js";
import { EffectQueue } from "./effect-queue.js";
import { Session } from "./key-ring.js";
import { STRIKES_TO_LOSE, TIMEOUTS_TO_DOUBT } from "./limits.js";
import { type AcceptedPdu, LinkEnd } from "./link-end.js";
import { LinkTime, NEVER } from "./link-time.js";
import type { PackLinkOptions } from "./options.js";
import { type Answer, PackHandshake } from "./pack-handshake.js";
import {
  PACK_START,
  type PackAction,
  type PackPhase,
  type PackPhaseEvent,
  stepPack,
} from "./pack-phase.js";
import { PackVoice } from "./pack-voice.js";
import { Silence } from "./silence.js";
import type {
  DownReason,
  Link,
  LinkStatus,
  PackLinkEffect,
  PackLinkEvent,
  Withdrawn,
} from "./types.js";

export class PackLink implements Link<PackLinkEvent, PackLinkEffect> {
  readonly #time = new LinkTime();
  readonly #end: LinkEnd;
  readonly #handshake: PackHandshake;
  readonly #voice: PackVoice;
  readonly #silence: Silence;
  readonly #out = new EffectQueue<PackLinkEffect>();
  readonly #slot: Slot;
  #phase: PackPhase = PACK_START;
  /** Made, and about to leave. */
  #message1: readonly CanFrame[] = [];
  #open = false;
  #busOff = false;
  /** A hello came since the keys in use were proven: the module may have started anew. */
  #helloSeen = false;
  #renewAt = NEVER;

  /** Throws CanProtocolError `field-range` for a highest state that is none. */
  constructor(options: PackLinkOptions) {
    const { maxState = MODULE_STATE.off } = options;
    checkEvent({ kind: "max-state", state: maxState });
    this.#slot = options.module.slot;
    this.#handshake = new PackHandshake(options);
    const parts = { ...options, ...options.module, receiving: "to-pack" as const };
    this.#end = new LinkEnd(parts, {
      transmit: (cls, frames, queueing) => this.#out.transmit(cls, frames, queueing),
      alarm: (alarm) => this.#out.alarm(alarm),
      proven: (session, now) => this.#proven(session, now),
      accepted: (pdu, now) => this.#accepted(pdu, now),
      lost: (now) => this.#step("wanted", now),
      handshake: (bits, message, now) => this.#message2(bits, message, now),
      hello: (now) => this.#hello(now),
      retired: (session) => this.#out.push({ kind: "retired", ...session }),
    });
    this.#voice = new PackVoice(this.#end, maxState, (effect) => this.#out.push(effect));
    this.#silence = new Silence(this.#end.limits.packSilenceMs);
  }

  get deadline(): Millis | undefined {
    return this.#time.hostTime(this.#earliest());
  }

  #earliest(): number {
    return Math.min(
      "until" in this.#phase ? this.#phase.until : NEVER,
      this.#voice.deadline,
      this.#renewAt,
      this.#silence.deadline,
      this.#end.alarmsDeadline,
    );
  }

  get status(): LinkStatus {
    return this.#end.status(this.#phase.kind, this.#silence.strikes, this.#time);
  }

  /** Throws CanProtocolError `field-range` for an order or a state of no such value; nothing has happened then. */
  handle(event: PackLinkEvent, hostTime: Millis): readonly PackLinkEffect[] {
    checkEvent(event);
    const now = this.#time.take(hostTime);
    const due = this.#earliest();
    if (now - due > this.#end.limits.asleepMs) this.#wake(now);
    else if (now >= due) this.#timer(now);
    this.#take(event, now);
    return this.#out.take();
  }

  #take(event: PackLinkEvent, now: Millis): void {
    switch (event.kind) {
      case "frame":
        if (this.#open && !this.#busOff) this.#end.frame(event.frame, now);
        break;
      case "timer":
        break; // what was due is done
      case "send":
        this.#send(event.message, now);
        break;
      case "unsent":
        this.#voice.unsent(event.frames);
        break;
      case "max-state":
        this.#voice.grant(event.state, now);
        break;
      case "key-roll":
        if (this.#handshake.roll(event.packHalf)) this.#orderRoll(now);
        break;
      case "dh":
        this.#agreed(event.id, event.shared, now);
        break;
      case "open":
        this.#open = true;
        if (!this.#busOff) this.#start(now);
        break;
      case "bus":
        this.#bus(event.state === "bus-off", now);
        break;
      case "close":
        this.#open = false;
        this.#stop("closed", now);
        break;
    }
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
      case "ask-ss":
        this.#out.push(this.#handshake.begin());
        break;
      case "send-message-1":
        this.#end.counts.handshakes += 1;
        this.#out.transmit("handshake", this.#message1);
        this.#message1 = [];
        break;
      case "send-ping":
        this.#ping(now);
        break;
      case "abandon":
        if (this.#handshake.abandon()) this.#withdraw("handshake");
        break;
      case "report-failure":
        if (this.#end.keys.current === undefined) this.#out.down("handshake");
        break;
      case "report-custody":
        if (this.#end.keys.current === undefined) this.#out.down("custody");
        break;
    }
  }

  /** What holds the pack's half has answered, or cannot; an answer that is not awaited any more is wiped. */
  #agreed(id: number, shared: Uint8Array | undefined, now: Millis): void {
    const awaited = this.#handshake.awaited(id);
    if (awaited === undefined) shared?.fill(0);
    else if (shared === undefined) this.#step("unanswered", now);
    else if (awaited === "se") this.#checked(this.#handshake.message2(shared, now), now);
    else {
      this.#message1 = this.#handshake.message1(shared);
      this.#step("agreed", now);
    }
  }

  #message2(bits: number, message: Uint8Array, now: Millis): void {
    if (!this.#handshake.expects(bits)) {
      this.#end.badHandshake(2, "unexpected", now);
      return;
    }
    if (!this.#end.affords(2, now)) return;
    const verdict = this.#handshake.receive(message);
    if (verdict === "waits") this.#checkNext(now);
    else if (verdict === "again") this.#end.duplicate();
    else this.#end.badHandshake(2, verdict, now);
  }

  /** One message 2 at a time is with the custody, and none that is no use before it gets there. */
  #checkNext(now: Millis): void {
    if (this.#phase.kind !== "offered") return;
    for (let next = this.#handshake.check(); next !== undefined; next = this.#handshake.check()) {
      if (next === "refused") {
        this.#end.badHandshake(2, next, now);
        continue;
      }
      this.#out.push(next);
      this.#step("received", now);
      return;
    }
  }

  #checked(answer: Answer, now: Millis): void {
    if (answer instanceof Session) {
      this.#end.keys.offer(answer);
      this.#step("answered", now);
      return;
    }
    if (answer === "version") {
      this.#dropKeys(now);
      this.#out.down("version");
    } else this.#end.badHandshake(2, answer, now);
    this.#step("refused", now);
    this.#checkNext(now);
  }

  /** Under the newest keys: the module takes them into use when it has verified this. */
  #ping(now: Millis): void {
    const session = this.#end.keys.unproven;
    if (session === undefined) return;
    this.#end.seal(session, encodePackMessage({ kind: "ping", tick: now % 2 ** 32 }));
  }

  #hello(now: Millis): void {
    this.#helloSeen = true;
    if (this.#end.keys.current === undefined || this.#end.resync.allows(now)) {
      this.#step("wanted", now);
    }
  }

  #proven(session: Session, now: Millis): void {
    this.#voice.start(now, this.#helloSeen);
    this.#helloSeen = false;
    this.#silence.start(now);
    this.#renewAt = session.startedAt + this.#end.limits.sessionAgeMs;
    const { handshakeHash, capabilities, packHalf } = session;
    this.#out.up(handshakeHash, capabilities);
    if (this.#handshake.proven(packHalf)) this.#out.push({ kind: "rolled", packHalf });
    this.#step("proven", now);
    this.#orderRoll(now);
  }

  // Messages

  #accepted(pdu: AcceptedPdu, now: Millis): void {
    const message = this.#end.read(decodeModuleMessage, pdu, now);
    if (message === undefined) return;
    this.#end.counts.accepted += 1;
    this.#silence.heard(now);
    const { session, ...accepted } = pdu;
    const { handshakeHash } = session;
    this.#out.push({ kind: "message", ...accepted, message, handshakeHash });
    if (message.kind === "telemetry") this.#voice.fresh(message.tick, now);
    const acknowledged = this.#voice.hear(message, handshakeHash);
    if (acknowledged !== undefined) this.#acknowledged(acknowledged, now);
    this.#renewIfWorn(now);
  }

  #send(order: PackOrder, now: Millis): void {
    this.#voice.send(order, now);
    this.#renewIfWorn(now);
  }

  /** During a roll, whenever the module proves keys of the old half: it may not know of the next one. */
  #orderRoll(now: Millis): void {
    const { next } = this.#handshake;
    if (next === undefined || this.#end.keys.current === undefined) return;
    this.#send({ kind: "key-roll", packHalf: next }, now);
  }

  #acknowledged(order: PackOrder, now: Millis): void {
    if (order.kind === "key-roll") {
      this.#handshake.preferNext();
      this.#step("wanted", now);
    } else if (order.kind === "erase") {
      this.#open = false;
      this.#stop("erased", now);
    }
  }

  #renewIfWorn(now: Millis): void {
    if (this.#phase.kind !== "settled") return;
    if (this.#end.keys.current?.isWorn(this.#end.limits.sessionPdus)) this.#step("wanted", now);
  }

  // Time

  #timer(now: Millis): void {
    if ("until" in this.#phase && now >= this.#phase.until) this.#step("timer", now);
    if (now >= this.#renewAt) {
      this.#renewAt = NEVER;
      this.#step("wanted", now);
    }
    if (now >= this.#silence.deadline) this.#strike(now);
    this.#voice.timer(now);
    if (this.#voice.doubts >= TIMEOUTS_TO_DOUBT) {
      this.#voice.believe();
      this.#step("wanted", now);
    }
    this.#end.tellAlarms(now);
  }

  #strike(now: Millis): void {
    const strikes = this.#silence.check(now);
    if (strikes === undefined) return;
    if (strikes === 1) {
      this.#dropKeys(now);
      this.#out.down(this.#helloSeen ? "handshake" : "silent");
      this.#step("wanted", now);
    } else if (strikes === STRIKES_TO_LOSE) {
      this.#out.push({ kind: "lost", silentMs: this.#silence.silentMs(now) });
    }
  }

  /** The host slept. Frames from before are still to come: none of them is taken for the present. */
  #wake(now: Millis): void {
    this.#end.tellAlarms(now);
    if (!this.#open || this.#busOff) return;
    if (this.#end.keys.current !== undefined) {
      this.#dropKeys(now);
      this.#out.down("asleep");
    }
    this.#silence.start(now);
    if (this.#phase.kind === "settled") this.#step("wanted", now);
    else this.#step("timer", now);
  }

  #start(now: Millis): void {
    this.#silence.start(now);
    this.#step("open", now);
  }

  #bus(off: boolean, now: Millis): void {
    if (off === this.#busOff) return;
    this.#busOff = off;
    if (off) this.#stop("bus-off", now);
    else if (this.#open) this.#start(now);
  }

  #stop(reason: DownReason, now: Millis): void {
    this.#step("close", now);
    this.#dropKeys(now);
    this.#silence.stop();
    this.#out.down(reason);
  }

  #dropKeys(now: Millis): void {
    const { keys } = this.#end;
    if (keys.current !== undefined || keys.unproven !== undefined) this.#withdraw("sealed");
    keys.dropAll();
    this.#renewAt = NEVER;
    this.#voice.stop(now);
  }

  #withdraw(what: Withdrawn): void {
    this.#out.push({ kind: "withdraw", slot: this.#slot, what });
  }
}

/** Before anything is done: whoever gives an impossible order finds the link as it was. */
function checkEvent(event: PackLinkEvent): void {
  if (event.kind === "send") encodePackMessage({ ...event.message, tick: 0 });
  if (event.kind === "max-state") {
    encodePackMessage({ kind: "heartbeat", tick: 0, maxState: event.state });
  }
}
