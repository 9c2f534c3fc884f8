/**
 * The sessions of one link end: the one in use, the one before, and up to two being proven, since a handshake
 * that came to nothing here may have come to keys there, and a replayed one must not take the true one's place.
 * A PDU that verifies under new keys proves them; the old ones then live `overlapMs` longer, for PDUs on the way.
 */
import type { Slot } from "@wattseal/base";
import type { KkSession } from "@wattseal/device-keys";
import type { LinkDirection } from "../secured/identifier.js";
import {
  type OpenedPdu,
  PDU_CLASSES,
  SealedReceiver,
  SealedSender,
} from "../secured/sealed-pdu.js";
import type { PduClass } from "./types.js";

export class Session {
  readonly handshakeHash: Uint8Array;
  readonly capabilities: number;
  readonly startedAt: number;
  /** The pack half that these keys were agreed with, 32 bytes. */
  readonly packHalf: Uint8Array;
  readonly sender: SealedSender;
  readonly receiver: SealedReceiver;

  constructor(
    keys: KkSession,
    wire: { readonly sending: LinkDirection; readonly slot: Slot; readonly fd: boolean },
    terms: {
      readonly capabilities: number;
      readonly packHalf: Uint8Array;
      readonly startedAt: number;
    },
  ) {
    const { sending, slot, fd } = wire;
    const receiving = sending === "to-pack" ? "to-module" : "to-pack";
    this.handshakeHash = keys.handshakeHash;
    this.capabilities = terms.capabilities;
    this.packHalf = terms.packHalf;
    this.startedAt = terms.startedAt;
    this.sender = new SealedSender(keys.send, sending, slot, fd);
    this.receiver = new SealedReceiver(keys.receive, receiving, slot);
  }

  /** Whether a class has gone through `limit` PDUs in either direction. */
  isWorn(limit: number): boolean {
    return PDU_CLASSES.some(
      (cls) => this.sender.nextCounter(cls) >= limit || this.receiver.nextCounter(cls) >= limit,
    );
  }

  dispose(): void {
    this.sender.dispose();
    this.receiver.dispose();
  }

  /** As `dispose`, but what the peer sealed stays open to check. */
  retire(): RetiredSession {
    this.sender.dispose();
    return { handshakeHash: this.handshakeHash, receiveKey: this.receiver.release() };
  }
}

/** A session under which nothing is accepted any more. */
export interface RetiredSession {
  readonly handshakeHash: Uint8Array;
  /** Under which the peer sealed, 32 bytes: no secret to anybody from here on (docs/evidence.md). */
  readonly receiveKey: Uint8Array;
}

export type Opening =
  | {
      readonly kind: "opened";
      readonly session: Session;
      readonly pdu: OpenedPdu;
      readonly proven: boolean;
    }
  | { readonly kind: "repetition" }
  | { readonly kind: "no-session" }
  | { readonly kind: "refused"; readonly candidate: number };

const NO_SESSION: Opening = { kind: "no-session" };
const REPETITION: Opening = { kind: "repetition" };

export class KeyRing {
  readonly #overlapMs: number;
  readonly #retired: ((session: RetiredSession) => void) | undefined;
  /** Newest first. */
  #unproven: readonly Session[] = [];
  #current: Session | undefined;
  #previous: Session | undefined;
  #previousUntil = 0;

  /** `retired` is told of each session that was in use, once it is not; without it all keys are wiped. */
  constructor(overlapMs: number, retired?: (session: RetiredSession) => void) {
    this.#overlapMs = overlapMs;
    this.#retired = retired;
  }

  /** The session to seal under. */
  get current(): Session | undefined {
    return this.#current;
  }

  /** The newest keys, as long as they are to be proven. */
  get unproven(): Session | undefined {
    return this.#unproven[0];
  }

  /** Takes new keys, in place of the older of two that were never proven. */
  offer(session: Session): void {
    const [newest, oldest] = this.#unproven;
    oldest?.dispose();
    this.#unproven = newest === undefined ? [session] : [session, newest];
  }

  dropUnproven(): void {
    for (const session of this.#unproven) session.dispose();
    this.#unproven = [];
  }

  dropAll(): void {
    this.dropUnproven();
    this.#dropPrevious();
    this.#end(this.#current);
    this.#current = undefined;
  }

  /** Tries the sessions, the one in use first; `proven` says that this PDU made new keys the ones in use. */
  open(cls: PduClass, bits: number, pdu: Uint8Array, now: number): Opening {
    if (this.#previous !== undefined && now > this.#previousUntil) this.#dropPrevious();
    const judged = this.#current ?? this.#unproven[0];
    if (judged === undefined) return NO_SESSION;
    if (this.#isRepetition(cls, pdu)) return REPETITION;
    const candidate = judged.receiver.candidate(cls, bits);
    return (
      tryOpen(this.#current, cls, bits, pdu) ??
      this.#prove(cls, bits, pdu, now) ??
      tryOpen(this.#previous, cls, bits, pdu) ?? { kind: "refused", candidate }
    );
  }

  #prove(cls: PduClass, bits: number, pdu: Uint8Array, now: number): Opening | undefined {
    for (const session of this.#unproven) {
      const opened = session.receiver.open(cls, bits, pdu);
      if (opened === undefined) continue;
      this.#promote(session, now);
      return { kind: "opened", session, pdu: opened, proven: true };
    }
    return undefined;
  }

  #isRepetition(cls: PduClass, pdu: Uint8Array): boolean {
    return (
      this.#current?.receiver.isRepetition(cls, pdu) === true ||
      this.#previous?.receiver.isRepetition(cls, pdu) === true
    );
  }

  #promote(session: Session, now: number): void {
    this.#dropPrevious();
    this.#previous = this.#current;
    this.#previousUntil = now + this.#overlapMs;
    this.#current = session;
    this.#unproven = this.#unproven.filter((other) => other !== session);
  }

  #dropPrevious(): void {
    this.#end(this.#previous);
    this.#previous = undefined;
  }

  #end(session: Session | undefined): void {
    if (session === undefined) return;
    if (this.#retired === undefined) session.dispose();
    else this.#retired(session.retire());
  }
}

function tryOpen(
  session: Session | undefined,
  cls: PduClass,
  bits: number,
  pdu: Uint8Array,
): Opening | undefined {
  const opened = session?.receiver.open(cls, bits, pdu);
  if (session === undefined || opened === undefined) return undefined;
  return { kind: "opened", session, pdu: opened, proven: false };
}
