/** What the two ends of a link share: intake, key ring, sealing, alarms, counts. The ends decide what it means. */
import {
  DecodeError,
  type Entropy,
  type Millis,
  type ModuleUid,
  type Slot,
  toHex,
} from "@wattseal/base";
import { DeviceKeysError, TAG_LENGTH } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import type { InnerPdu } from "../inner/codec.js";
import type { LinkDirection } from "../secured/identifier.js";
import { bodyOf, type OpenedPdu } from "../secured/sealed-pdu.js";
import type { BadHandshake, BrokenReason, LinkAlarm } from "./alarm.js";
import { AlarmLimiter, type RaisedAlarm } from "./alarms.js";
import { Budget } from "./budget.js";
import { type MutableCounts, newCounts } from "./counts.js";
import { Intake, type IntakeHandler } from "./intake.js";
import { KeyRing, type RetiredSession, type Session } from "./key-ring.js";
import { DEFAULT_LIMITS } from "./limits.js";
import type { LinkTime } from "./link-time.js";
import type { LinkLimits } from "./options.js";
import { Resync } from "./resync.js";
import type { FrameClass, LinkStatus, PduClass, Queueing } from "./types.js";

export interface EndParts {
  readonly slot: Slot;
  readonly receiving: LinkDirection;
  readonly entropy: Entropy;
  readonly limits?: Partial<LinkLimits>;
  /** The module's: of whose hellos the pack is told. */
  readonly uid: ModuleUid;
}

/** One accepted PDU: authentic, new, well formed; its type and body are yet to be read. */
export interface AcceptedPdu {
  readonly class: PduClass;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  /** On the wire: bytes of ciphertext and tag, and the tag. */
  readonly length: number;
  readonly tag: Uint8Array;
  readonly session: Session;
}

/** What is known of an authentic PDU that is no message. */
export type MalformedPdu = Pick<AcceptedPdu, "class" | "counter" | "type" | "session">;

interface SealedFrames {
  readonly counter: number;
  readonly frames: readonly CanFrame[];
}

interface EndEffects {
  transmit(cls: FrameClass, frames: readonly CanFrame[], queueing?: Queueing): void;
  alarm(alarm: LinkAlarm): void;
  /** Newest keys proven, before the first PDU under them. */
  proven(session: Session, now: Millis): void;
  accepted(pdu: AcceptedPdu, now: Millis): void;
  /** Authentic, and no message: whoever sent it speaks another dialect. */
  malformed?(pdu: MalformedPdu, now: Millis): void;
  /** Nothing opens PDUs: the ends have lost each other's counters, or someone else sends them. */
  lost(now: Millis): void;
  handshake(counterBits: number, message: Uint8Array, now: Millis): void;
  /** Hellos go to the pack only. */
  hello?(now: Millis): void;
  /** A session that was in use has ended; without this its keys are wiped. */
  retired?(session: RetiredSession): void;
}

export class LinkEnd implements IntakeHandler {
  readonly limits: LinkLimits;
  readonly keys: KeyRing;
  readonly counts: MutableCounts = newCounts();
  lastAccepted: Millis | undefined;
  readonly resync: Resync;
  readonly #slot: Slot;
  readonly #uid: ModuleUid;
  readonly #strangers: Budget;
  readonly #entropy: Entropy;
  readonly #intake: Intake;
  readonly #alarms: AlarmLimiter<RaisedAlarm>;
  readonly #effects: EndEffects;

  constructor(parts: EndParts, effects: EndEffects) {
    this.limits = { ...DEFAULT_LIMITS, ...parts.limits };
    this.keys = new KeyRing(this.limits.overlapMs, effects.retired);
    this.resync = new Resync(this.limits);
    this.#strangers = new Budget(this.limits.handshakesPerSecond, () => this.jitter());
    this.#slot = parts.slot;
    this.#uid = parts.uid;
    this.#entropy = parts.entropy;
    this.#alarms = new AlarmLimiter(this.limits.alarmSpacingMs, ({ kind }) => kind);
    this.#intake = new Intake(parts.slot, parts.receiving, this);
    this.#effects = effects;
  }

  status(phase: string, strikes: number, time: LinkTime): LinkStatus {
    const { keys, lastAccepted, counts } = this;
    return {
      phase,
      linked: keys.current !== undefined,
      handshakeHash: keys.current?.handshakeHash,
      lastAccepted: lastAccepted === undefined ? undefined : time.hostTime(lastAccepted),
      strikes,
      counts: { ...counts },
    };
  }

  frame(frame: CanFrame, now: Millis): void {
    this.#intake.push(frame, now);
  }

  /** Seals under `session` and gives the frames out. */
  seal(session: Session, pdu: InnerPdu, queueing?: Queueing): SealedFrames {
    const counter = session.sender.nextCounter(pdu.class);
    const frames = session.sender.seal(pdu);
    this.counts.sent += 1;
    this.#effects.transmit(pdu.class, frames, queueing);
    return { counter, frames };
  }

  alarm(alarm: RaisedAlarm, now: Millis): void {
    const passed = this.#alarms.pass(alarm, now);
    if (passed !== undefined) this.#effects.alarm(passed);
  }

  /** When alarms that were held back are to be told. */
  get alarmsDeadline(): number {
    return this.#alarms.deadline;
  }

  tellAlarms(now: Millis): void {
    for (const alarm of this.#alarms.due(now)) this.#effects.alarm(alarm);
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
        this.#take(cls, opened, session, now);
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
        if (this.resync.allows(now)) this.#effects.lost(now);
        break;
      }
    }
  }

  #take(cls: PduClass, opened: OpenedPdu, session: Session, now: Millis): void {
    const { counter, plaintext, tag } = opened;
    const type = plaintext[0] ?? 0;
    const body = bodyOf(plaintext);
    if (typeof body === "string") {
      this.#refuse({ class: cls, counter, type, session }, `its ${body} is wrong`, now);
      return;
    }
    this.lastAccepted = now;
    const length = plaintext.length + TAG_LENGTH;
    this.#effects.accepted({ class: cls, counter, type, body, length, tag, session }, now);
  }

  #refuse(pdu: MalformedPdu, problem: string, now: Millis): void {
    this.counts.rejected += 1;
    const slot = this.#slot;
    const { class: cls, counter, type } = pdu;
    this.alarm({ kind: "refused-message", slot, class: cls, counter, type, problem }, now);
    this.#effects.malformed?.(pdu, now);
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
      this.#refuse(pdu, error.message, now);
      return undefined;
    }
  }

  /** Whether one more handshake message may cost what it costs; counted and reported if not. */
  affords(message: 1 | 2, now: Millis): boolean {
    if (this.#strangers.take(now)) return true;
    this.badHandshake(message, "too-many", now);
    return false;
  }

  badHandshake(message: 1 | 2, reason: BadHandshake, now: Millis): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "bad-handshake", slot: this.#slot, message, reason }, now);
  }

  handshake(bits: number, message: Uint8Array, now: Millis): void {
    this.#effects.handshake(bits, message, now);
  }

  hello(uid: Uint8Array, now: Millis): void {
    const claimed = toHex(uid);
    if (claimed === this.#uid) this.#effects.hello?.(now);
    else this.alarm({ kind: "foreign-hello", slot: this.#slot, uid: claimed }, now);
  }

  broken(cls: FrameClass, reason: BrokenReason, counterBits: number, now: Millis): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "broken-pdu", slot: this.#slot, class: cls, counterBits, reason }, now);
  }

  ownIdentifier(cls: FrameClass, id: number, now: Millis): void {
    this.counts.rejected += 1;
    this.alarm({ kind: "own-identifier", slot: this.#slot, class: cls, id }, now);
  }

  duplicate(): void {
    this.counts.duplicates += 1;
  }
}

/** Runs a step of Noise on a peer's message; undefined when the message is at fault. */
export function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (isPeersFault(error)) return undefined;
    throw error;
  }
}

function isPeersFault(error: unknown): boolean {
  if (error instanceof DecodeError) return true;
  return error instanceof DeviceKeysError && error.kind === "peer";
}
