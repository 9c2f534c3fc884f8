/**
 * The module's end of the link to its pack: answers handshakes, seals readings, opens orders and obeys none
 * that is not fresh. Without a fresh word from the pack for 11.1 s it says `down`, and the module goes Off.
 *
 * Trust: frames come from anyone on the bus. What leaves here as a `message` was sealed by the holder of the
 * pack's half, or of the module's, in this session, at most two seconds of the module's own time ago.
 */
import type { Millis } from "@wattseal/base";
import { INNER_TYPE } from "../inner/bodies.js";
import { decodePackMessage, encodeModuleMessage, isPackType } from "../inner/codec.js";
import { type ModuleMessage, OUTCOME, type Tick } from "../inner/messages.js";
import { helloFrames } from "../secured/handshake.js";
import { DOMAIN } from "../secured/sealed-pdu.js";
import { EffectQueue } from "./effect-queue.js";
import type { Session } from "./key-ring.js";
import { type AcceptedPdu, LinkEnd, type MalformedPdu } from "./link-end.js";
import { LinkTime, NEVER } from "./link-time.js";
import { ModuleHandshake } from "./module-handshake.js";
import { ModuleKeeper } from "./module-keeper.js";
import {
  MODULE_START,
  type ModuleAction,
  type ModulePhase,
  type ModulePhaseEvent,
  stepModule,
} from "./module-phase.js";
import type { ModuleLinkOptions } from "./options.js";
import type { DownReason, Link, LinkStatus, ModuleLinkEffect, ModuleLinkEvent } from "./types.js";

const TICKS = 2 ** 32;

export class ModuleLink implements Link<ModuleLinkEvent, ModuleLinkEffect> {
  readonly #options: ModuleLinkOptions;
  readonly #time = new LinkTime();
  readonly #end: LinkEnd;
  readonly #handshake: ModuleHandshake;
  readonly #keeper: ModuleKeeper;
  readonly #out = new EffectQueue<ModuleLinkEffect>();
  #phase: ModulePhase = MODULE_START;
  #hellos = 0;
  #open = false;
  #busOff = false;
  #erased = false;
  /** When the last fresh order came, or the session began. */
  #heardAt = 0;
  #silenceAt = NEVER;
  #renewAt = NEVER;

  constructor(options: ModuleLinkOptions) {
    this.#options = options;
    const { pairing } = options;
    const parts = { ...options, slot: pairing.slot, receiving: "to-module" as const };
    this.#handshake = new ModuleHandshake(options);
    this.#keeper = new ModuleKeeper(options, (effect) => this.#out.push(effect));
    this.#end = new LinkEnd(parts, {
      transmit: (cls, frames) => this.#out.transmit(cls, frames),
      alarm: (alarm) => this.#out.alarm(alarm),
      proven: (session, now) => this.#proven(session, now),
      accepted: (pdu, now) => this.#accepted(pdu, now),
      malformed: (pdu, now) => this.#malformed(pdu, now),
      lost: (now) => this.#step("wanted", now),
      handshake: (bits, message, now) => this.#message1(bits, message, now),
    });
  }

  /** u32 milliseconds since this start: what telemetry carries. */
  tick(now: Millis): Tick {
    return this.#tickAt(this.#time.at(now));
  }

  #tickAt(now: Millis): Tick {
    return (((now - this.#options.bootedAt) % TICKS) + TICKS) % TICKS;
  }

  get deadline(): Millis | undefined {
    return this.#time.hostTime(this.#earliest());
  }

  #earliest(): number {
    return Math.min(
      "until" in this.#phase ? this.#phase.until : NEVER,
      this.#silenceAt,
      this.#renewAt,
      this.#end.alarmsDeadline,
    );
  }

  get status(): LinkStatus {
    return this.#end.status(this.#phase.kind, 0, this.#time);
  }

  handle(event: ModuleLinkEvent, hostTime: Millis): readonly ModuleLinkEffect[] {
    const now = this.#time.take(hostTime);
    const due = this.#earliest();
    if (now - due > this.#end.limits.asleepMs) this.#wake(now);
    else if (now >= due) this.#timer(now);
    this.#take(event, now);
    return this.#out.take();
  }

  #take(event: ModuleLinkEvent, now: Millis): void {
    switch (event.kind) {
      case "frame":
        if (this.#open && !this.#busOff) this.#end.frame(event.frame, now);
        break;
      case "timer":
        break; // what was due is done
      case "send":
        this.#send(event.message, now);
        break;
      case "stored":
        this.#stored(event.durable, now);
        break;
      case "open":
        this.#open = !this.#erased;
        if (this.#open && !this.#busOff) this.#step("open", now);
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

  #step(event: ModulePhaseEvent, now: Millis): void {
    const { limits } = this.#end;
    const step = stepModule(this.#phase, event, { now, limits, jitter: this.#end.jitter() });
    if (step === undefined) return;
    this.#phase = step.phase;
    for (const action of step.actions) this.#act(action);
  }

  #act(action: ModuleAction): void {
    switch (action) {
      case "send-hello": {
        const { uid, pairing, fd } = this.#options;
        this.#out.transmit("handshake", helloFrames(uid, pairing.slot, this.#hellos, fd));
        this.#hellos += 1;
        break;
      }
      case "abandon":
        this.#end.keys.dropUnproven();
        break;
    }
  }

  #message1(bits: number, message: Uint8Array, now: Millis): void {
    if (this.#handshake.isRepetition(message)) {
      this.#end.duplicate();
      return;
    }
    if (!this.#end.affords(1, now)) return;
    const response = this.#handshake.answer(bits, message, this.#keeper.packHalves, now);
    if (response === undefined || typeof response === "string") {
      this.#end.badHandshake(1, response ?? "refused", now);
      return;
    }
    this.#end.counts.handshakes += 1;
    this.#end.keys.offer(response.session);
    this.#out.transmit("handshake", response.frames);
    this.#step("answered", now);
  }

  #proven(session: Session, now: Millis): void {
    this.#heardAt = now;
    this.#silenceAt = now + this.#end.limits.moduleSilenceMs;
    this.#renewAt = session.startedAt + this.#end.limits.sessionAgeMs;
    const { handshakeHash, capabilities, packHalf } = session;
    this.#out.up(handshakeHash, capabilities);
    this.#keeper.proven(packHalf);
    this.#step("proven", now);
  }

  // Messages

  #accepted(pdu: AcceptedPdu, now: Millis): void {
    const message = this.#end.read(decodePackMessage, pdu, now);
    if (message === undefined) return;
    if (message.kind !== "ping" && !this.#isFresh(message.tick, pdu, now)) return;
    this.#end.counts.accepted += 1;
    if (message.kind !== "ping") this.#heardAt = now;
    if (message.kind === "key-roll" || message.kind === "erase") {
      const code = this.#keeper.obey(message, pdu);
      if (code !== undefined) this.#answer(pdu, code, now);
      return;
    }
    const { session, ...accepted } = pdu;
    const { handshakeHash } = session;
    this.#out.push({ kind: "message", ...accepted, message, handshakeHash });
    if (message.kind === "ping") this.#send(message, now);
  }

  #stored(durable: boolean, now: Millis): void {
    const stored = this.#keeper.stored(durable);
    if (stored === undefined) return;
    if (stored.pdu !== undefined) this.#answer(stored.pdu, stored.code, now);
    if (!stored.erased) return;
    this.#erased = true;
    this.#open = false;
    this.#stop("erased", now);
  }

  /** A jammed, recorded and later released order does nothing: it is reported, and answered when it is no heartbeat. */
  #isFresh(tick: Tick, pdu: AcceptedPdu, now: Millis): boolean {
    const ageMs = (this.#tickAt(now) - tick) | 0; // ticks are modulo 2^32
    if (ageMs >= 0 && ageMs <= this.#end.limits.freshnessMs) return true;
    const { class: cls, counter, type } = pdu;
    const { slot } = this.#options.pairing;
    this.#end.counts.rejected += 1;
    this.#end.alarm({ kind: "stale-command", slot, class: cls, counter, type, ageMs }, now);
    this.#answer(pdu, OUTCOME.stale, now);
    return false;
  }

  /** The pack is told that this module cannot read it. */
  #malformed(pdu: MalformedPdu, now: Millis): void {
    this.#answer(pdu, isPackType(pdu.type) ? OUTCOME.malformed : OUTCOME.unsupported, now);
  }

  /** Heartbeats and pings are not answered: the next one is on its way. */
  #answer(pdu: MalformedPdu, code: number, now: Millis): void {
    const { type, counter } = pdu;
    if (type === INNER_TYPE.heartbeat || type === INNER_TYPE.ping) return;
    const answer = { tick: this.#tickAt(now), command: type, code, class: DOMAIN[pdu.class] };
    this.#send({ kind: "outcome", ...answer, counter: counter % TICKS }, now);
  }

  #send(message: ModuleMessage, now: Millis): void {
    const session = this.#end.keys.current;
    if (session === undefined) {
      this.#out.push({ kind: "unsent", message, reason: "no-session" });
      return;
    }
    this.#end.seal(session, encodeModuleMessage(message));
    if (this.#phase.kind !== "settled") return;
    // The pack renews at the limit; a module that is still not renewed well beyond it asks.
    if (session.isWorn(this.#end.limits.sessionPdus + RENEWAL_SLACK)) this.#step("wanted", now);
  }

  // Time

  #timer(now: Millis): void {
    if ("until" in this.#phase && now >= this.#phase.until) this.#step("timer", now);
    if (now >= this.#renewAt) {
      this.#renewAt = NEVER;
      this.#step("wanted", now);
    }
    if (now >= this.#silenceAt) this.#checkSilence(now);
    this.#end.tellAlarms(now);
  }

  /** The module slept, and its tick went on: whatever the pack granted is old. */
  #wake(now: Millis): void {
    const linked = this.#end.keys.current !== undefined;
    if (linked) {
      this.#dropKeys();
      this.#out.down("asleep");
    }
    this.#timer(now);
    if (linked) this.#step("wanted", now);
  }

  #checkSilence(now: Millis): void {
    const heard = this.#heardAt + this.#end.limits.moduleSilenceMs;
    if (heard > now) {
      this.#silenceAt = heard;
      return;
    }
    this.#dropKeys();
    this.#out.down("silent");
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
    this.#out.down(reason);
  }

  #dropKeys(): void {
    this.#end.keys.dropAll();
    this.#silenceAt = NEVER;
    this.#renewAt = NEVER;
  }
}

const RENEWAL_SLACK = 4096;
