/** What the two ends of a link share: intake, key ring, sealing, alarms, counts. The ends decide what it means. */
import { DecodeError, type Entropy, type Millis, type Slot } from "@wattseal/base";
import { DeviceKeysError } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import type { InnerPdu } from "../inner/codec.js";
import type { LinkDirection } from "../secured/identifier.js";
import { bodyOf } from "../secured/sealed-pdu.js";
import { AlarmLimiter, type RaisedAlarm } from "./alarms.js";
import { type MutableCounts, newCounts } from "./counts.js";
import { Intake, type IntakeHandler } from "./intake.js";
import { KeyRing, type Session } from "./key-ring.js";
import { DEFAULT_LIMITS } from "./limits.js";
import type { BrokenReason, FrameClass, LinkAlarm, LinkLimits, PduClass } from "./types.js";

export interface EndParts {
  readonly slot: Slot;
  readonly receiving: LinkDirection;
  readonly entropy: Entropy;
  readonly limits?: Partial<LinkLimits>;
}

/** One accepted PDU: authentic, new, well formed; its type and body are yet to be read. */
export interface AcceptedPdu {
  readonly class: PduClass;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  readonly session: Session;
}

interface EndEffects {
  transmit(cls: FrameClass, frames: readonly CanFrame[]): void;
  alarm(alarm: LinkAlarm): void;
  /** Newest keys proven, before the first PDU under them. */
  proven(session: Session, now: Millis): void;
  accepted(pdu: AcceptedPdu, now: Millis): void;
  /** Nothing opens a PDU: the ends have lost each other's counters, or someone else sent it. */
  lost(now: Millis): void;
  handshake(counterBits: number, message: Uint8Array, now: Millis): void;
  hello(uid: Uint8Array, now: Millis): void;
}

export class LinkEnd implements IntakeHandler {
  readonly limits: LinkLimits;
  readonly keys: KeyRing;
  readonly counts: MutableCounts = newCounts();
  lastAccepted: Millis | undefined;
  readonly #slot: Slot;
  readonly #entropy: Entropy;
  readonly #intake: Intake;
  readonly #alarms: AlarmLimiter;
  readonly #effects: EndEffects;

  constructor(parts: EndParts, effects: EndEffects) {
    this.limits = { ...DEFAULT_LIMITS, ...parts.limits };
    this.keys = new KeyRing(this.limits.overlapMs);
    this.#slot = parts.slot;
    this.#entropy = parts.entropy;
    this.#alarms = new AlarmLimiter(this.limits.alarmSpacingMs);
    this.#intake = new Intake(parts.slot, parts.receiving, this);
    this.#effects = effects;
  }

  frame(frame: CanFrame, now: Millis): void {
    this.#intake.push(frame, now);
  }

  /** Seals under `session` and gives the frames out. */
  seal(session: Session, pdu: InnerPdu): void {
    const frames = session.sender.seal(pdu);
    this.counts.sent += 1;
    this.#effects.transmit(pdu.class, frames);
  }

  alarm(alarm: RaisedAlarm, now: Millis): void {
    const passed = this.#alarms.pass(alarm, now);
    if (passed !== undefined) this.#effects.alarm(passed);
  }

  /** Uniform in [0, 1). */
  jitter(): number {
    const [high = 0, low = 0] = this.#entropy.bytes(2);
    return (high * 256 + low) / 65_536;
  }

  sealed(cls: PduClass, bits: number, pdu: Uint8Array, now: Millis): void {
    const opening = this.keys.open(cls, bits, pdu, now);
    switch (opening.kind) {
      case "opened": {
        const { session, pdu: opened } = opening;
        if (opening.proven) this.#effects.proven(session, now);
        this.#take(cls, opened.counter, opened.plaintext, session, now);
        break;
      }
      case "repetition":
        this.counts.duplicates += 1;
        break;
      case "no-session":
        this.counts.rejected += 1;
        this.#effects.lost(now);
        break;
      case "refused": {
        const { candidate } = opening;
        this.counts.rejected += 1;
        this.alarm({ kind: "tag-failure", slot: this.#slot, class: cls, candidate }, now);
        this.#effects.lost(now);
        break;
      }
    }
  }

  #take(
    cls: PduClass,
    counter: number,
    plaintext: Uint8Array,
    session: Session,
    now: Millis,
  ): void {
    const type = plaintext[0] ?? 0;
    const body = bodyOf(plaintext);
    if (typeof body === "string") {
      this.refuse(cls, counter, type, `its ${body} is wrong`, now);
      return;
    }
    this.lastAccepted = now;
    this.#effects.accepted({ class: cls, counter, type, body, session }, now);
  }

  /** Counts and reports an authentic PDU that is not taken. */
  refuse(cls: PduClass, counter: number, type: number, problem: string, now: Millis): void {
    this.counts.rejected += 1;
    const slot = this.#slot;
    this.alarm({ kind: "refused-message", slot, class: cls, counter, type, problem }, now);
  }

  /** Decodes an accepted PDU; undefined, counted and reported when it is no message of the peer's. */
  read<M>(
    decode: (cls: PduClass, type: number, body: Uint8Array) => M,
    pdu: AcceptedPdu,
    now: Millis,
  ): M | undefined {
    try {
      return decode(pdu.class, pdu.type, pdu.body);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.refuse(pdu.class, pdu.counter, pdu.type, error.message, now);
      return undefined;
    }
  }

  /** Runs a step of Noise on a peer's message; undefined, counted and reported when it does not authenticate. */
  attempt<T>(message: 1 | 2, now: Millis, step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      if (!isPeersFault(error)) throw error;
      this.badHandshake(message, "refused", now);
      return undefined;
    }
  }

  badHandshake(
    message: 1 | 2,
    reason: "refused" | "unexpected" | "length" | "too-many",
    now: Millis,
  ): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "bad-handshake", slot: this.#slot, message, reason }, now);
  }

  handshake(bits: number, message: Uint8Array, now: Millis): void {
    this.#effects.handshake(bits, message, now);
  }

  hello(uid: Uint8Array, now: Millis): void {
    this.#effects.hello(uid, now);
  }

  broken(cls: FrameClass, reason: BrokenReason, counterBits: number, now: Millis): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "broken-pdu", slot: this.#slot, class: cls, counterBits, reason }, now);
  }

  impersonation(cls: FrameClass, id: number, now: Millis): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "impersonation", slot: this.#slot, class: cls, id }, now);
  }

  duplicate(): void {
    this.counts.duplicates += 1;
  }
}

function isPeersFault(error: unknown): boolean {
  if (error instanceof DecodeError) return true;
  return error instanceof DeviceKeysError && error.kind === "peer";
}
