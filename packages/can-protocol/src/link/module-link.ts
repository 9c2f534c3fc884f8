/**
 * The module's end of the link to its pack: answers handshakes, seals readings, opens orders and obeys none
 * that is not fresh. Without a fresh word from the pack for 11.1 s it says `down`, and the module goes Off.
 *
 * Trust: frames come from anyone on the bus. What leaves here as a `message` was sealed by the holder of the
 * pack's half, or of the module's, in this session, at most two seconds of the module's own time ago.
 */
import { bytesEqual, type Millis, millis } from "@wattseal/base";
import { KkResponder } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import { decodePackMessage, encodeModuleMessage } from "../inner/codec.js";
import { type ModuleMessage, OUTCOME, type PackMessage, type Tick } from "../inner/messages.js";
import {
  encodePayload2,
  handshakeFrames,
  helloFrames,
  LINK_VERSION,
  MESSAGE_1_LENGTH,
  prologue,
} from "../secured/handshake.js";
import { DOMAIN } from "../secured/sealed-pdu.js";
import { Session } from "./key-ring.js";
import { type AcceptedPdu, LinkEnd } from "./link-end.js";
import {
  type ModuleAction,
  type ModulePhase,
  type ModulePhaseEvent,
  stepModule,
} from "./module-phase.js";
import type {
  DownReason,
  FrameClass,
  Link,
  LinkStatus,
  ModuleLinkEffect,
  ModuleLinkEvent,
  ModuleLinkOptions,
} from "./types.js";

const TICKS = 2 ** 32;
const MINUTE_MS = 60_000;
/** Handshakes that a module works through per minute, over the pack's own cap: each costs four Diffie-Hellmans. */
const ANSWERS_PER_ATTEMPT = 2;

export class ModuleLink implements Link<ModuleLinkEvent, ModuleLinkEffect> {
  readonly #options: ModuleLinkOptions;
  readonly #end: LinkEnd;
  readonly #prologue: Uint8Array;
  #out: ModuleLinkEffect[] = [];
  #phase: ModulePhase = { kind: "closed" };
  #hellos = 0;
  #answers: number[] = [];
  #lastMessage1: Uint8Array | undefined;
  #open = false;
  #busOff = false;
  /** When the last fresh order came, or the session began. */
  #heardAt = 0;
  #silenceAt: number | undefined;
  #renewAt: number | undefined;
  #down = false;

  constructor(options: ModuleLinkOptions) {
    this.#options = options;
    const { pairing, uid } = options;
    this.#prologue = prologue({ ...pairing, uid });
    const parts = { slot: pairing.slot, receiving: "to-module" as const, ...pick(options) };
    this.#end = new LinkEnd(parts, {
      transmit: (cls, frames) => this.#transmit(cls, frames),
      alarm: (alarm) => {
        this.#out.push({ kind: "alarm", alarm });
      },
      proven: (session, now) => this.#proven(session, now),
      accepted: (pdu, now) => this.#accepted(pdu, now),
      lost: (now) => this.#step("wanted", now),
      handshake: (bits, message, now) => this.#message1(bits, message, now),
      hello: () => {}, // hellos go to the pack only
    });
  }

  /** u32 milliseconds since this start: what telemetry carries. */
  tick(now: Millis): Tick {
    return (now - this.#options.bootedAt) % TICKS;
  }

  get deadline(): Millis | undefined {
    const until = "until" in this.#phase ? this.#phase.until : undefined;
    const earliest = Math.min(
      until ?? Number.POSITIVE_INFINITY,
      this.#silenceAt ?? Number.POSITIVE_INFINITY,
      this.#renewAt ?? Number.POSITIVE_INFINITY,
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

  handle(event: ModuleLinkEvent, now: Millis): readonly ModuleLinkEffect[] {
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

  #flush(): readonly ModuleLinkEffect[] {
    if (this.#out.length === 0) return NOTHING;
    const effects = this.#out;
    this.#out = [];
    return effects;
  }

  #transmit(cls: FrameClass, frames: readonly CanFrame[]): void {
    this.#out.push({ kind: "transmit", class: cls, frames });
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
        this.#transmit("handshake", helloFrames(uid, pairing.slot, this.#hellos, fd));
        this.#hellos += 1;
        break;
      }
      case "abandon":
        this.#end.keys.dropUnproven();
        break;
    }
  }

  #message1(bits: number, message: Uint8Array, now: Millis): void {
    if (message.length !== MESSAGE_1_LENGTH) {
      this.#end.badHandshake(1, "length", now);
      return;
    }
    if (this.#lastMessage1 !== undefined && bytesEqual(this.#lastMessage1, message)) {
      this.#end.duplicate(); // answering twice would put other keys in place of those just agreed
      return;
    }
    if (!this.#mayAnswer(now)) {
      this.#end.badHandshake(1, "too-many", now);
      return;
    }
    const { custody, entropy, pairing, fd, capabilities } = this.#options;
    const kk = { prologue: this.#prologue, custody, peer: pairing.packHalf, entropy };
    const answer = this.#end.attempt(1, now, () => {
      const responder = new KkResponder(kk);
      responder.readMessage1(message);
      return responder.writeMessage2(encodePayload2({ version: LINK_VERSION, capabilities }));
    });
    if (answer === undefined) return;
    this.#lastMessage1 = Uint8Array.from(message);
    this.#end.counts.handshakes += 1;
    const session = new Session(answer.session, "to-pack", pairing.slot, fd, capabilities, now);
    this.#end.keys.offer(session);
    const frames = handshakeFrames(answer.message, "to-pack", pairing.slot, bits, fd);
    this.#transmit("handshake", frames);
    this.#step("answered", now);
  }

  #mayAnswer(now: number): boolean {
    this.#answers = this.#answers.filter((at) => at > now - MINUTE_MS);
    if (this.#answers.length >= ANSWERS_PER_ATTEMPT * this.#end.limits.attemptsPerMinute)
      return false;
    this.#answers.push(now);
    return true;
  }

  #proven(session: Session, now: Millis): void {
    this.#down = false;
    this.#heardAt = now;
    this.#silenceAt = now + this.#end.limits.moduleSilenceMs;
    this.#renewAt = session.startedAt + this.#end.limits.sessionAgeMs;
    const { handshakeHash, capabilities } = session;
    this.#out.push({ kind: "session", handshakeHash, capabilities });
    this.#step("proven", now);
  }

  // Messages

  #accepted(pdu: AcceptedPdu, now: Millis): void {
    const message = this.#end.read(decodePackMessage, pdu, now);
    if (message === undefined) return;
    if (message.kind !== "ping" && !this.#isFresh(message, pdu, now)) return;
    this.#end.counts.accepted += 1;
    const { class: cls, counter, type, body, session } = pdu;
    const { handshakeHash } = session;
    this.#out.push({ kind: "message", class: cls, counter, type, body, message, handshakeHash });
    if (message.kind === "ping") this.#send(message, now);
    else this.#heardAt = now;
  }

  /** A jammed, recorded and later released order does nothing: it is reported, and answered when it is no heartbeat. */
  #isFresh(
    message: Exclude<PackMessage, { kind: "ping" }>,
    pdu: AcceptedPdu,
    now: Millis,
  ): boolean {
    const behind = (this.tick(now) - message.tick + TICKS) % TICKS;
    if (behind <= this.#end.limits.freshnessMs) return true;
    const { class: cls, counter, type } = pdu;
    const { slot } = this.#options.pairing;
    const ageMs = behind < TICKS / 2 ? behind : behind - TICKS;
    this.#end.counts.rejected += 1;
    this.#end.alarm({ kind: "stale-command", slot, class: cls, counter, type, ageMs }, now);
    if (message.kind !== "heartbeat") {
      const domain = DOMAIN[cls];
      const code = OUTCOME.stale;
      const outcome = { tick: this.tick(now), command: type, code, class: domain };
      this.#send({ kind: "outcome", ...outcome, counter: counter % TICKS }, now);
    }
    return false;
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
    if (this.#renewAt !== undefined && now >= this.#renewAt) {
      this.#renewAt = undefined;
      this.#step("wanted", now);
    }
    if (this.#silenceAt !== undefined && now >= this.#silenceAt) this.#checkSilence(now);
  }

  #checkSilence(now: Millis): void {
    const heard = this.#heardAt + this.#end.limits.moduleSilenceMs;
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
    this.#silenceAt = undefined;
    this.#renewAt = undefined;
  }

  #goDown(reason: DownReason): void {
    if (this.#down) return;
    this.#down = true;
    this.#out.push({ kind: "down", reason });
  }
}

const RENEWAL_SLACK = 4096;
const NOTHING: readonly ModuleLinkEffect[] = [];

/** Leaves `limits` out rather than undefined. */
function pick({ entropy, limits }: ModuleLinkOptions) {
  return limits === undefined ? { entropy } : { entropy, limits };
}
