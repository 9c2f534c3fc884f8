/**
 * The sessions of one link end: the one in use, the one being proven, and the one before. A PDU that
 * verifies under the newest keys proves them; the old ones then live `overlapMs` longer, for PDUs on the way.
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
  readonly sender: SealedSender;
  readonly receiver: SealedReceiver;

  constructor(
    keys: KkSession,
    sending: LinkDirection,
    slot: Slot,
    fd: boolean,
    capabilities: number,
    startedAt: number,
  ) {
    const receiving = sending === "to-pack" ? "to-module" : "to-pack";
    this.handshakeHash = keys.handshakeHash;
    this.capabilities = capabilities;
    this.startedAt = startedAt;
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
  #unproven: Session | undefined;
  #current: Session | undefined;
  #previous: Session | undefined;
  #previousUntil = 0;

  constructor(overlapMs: number) {
    this.#overlapMs = overlapMs;
  }

  /** The session to seal under. */
  get current(): Session | undefined {
    return this.#current;
  }

  get unproven(): Session | undefined {
    return this.#unproven;
  }

  /** Takes new keys, in place of any that were never proven. */
  offer(session: Session): void {
    this.#unproven?.dispose();
    this.#unproven = session;
  }

  dropUnproven(): void {
    this.#unproven?.dispose();
    this.#unproven = undefined;
  }

  dropAll(): void {
    this.dropUnproven();
    this.#current?.dispose();
    this.#current = undefined;
    this.#dropPrevious();
  }

  /** Tries the sessions, the one in use first; `proven` says that this PDU made the newest keys the ones in use. */
  open(cls: PduClass, bits: number, pdu: Uint8Array, now: number): Opening {
    if (this.#previous !== undefined && now > this.#previousUntil) this.#dropPrevious();
    const used = this.#current;
    const newest = this.#unproven;
    const session = used ?? newest;
    if (session === undefined) return NO_SESSION;
    if (this.#isRepetition(cls, pdu)) return REPETITION;
    const candidate = session.receiver.candidate(cls, bits);
    const opened = used?.receiver.open(cls, bits, pdu);
    if (used !== undefined && opened !== undefined) {
      return { kind: "opened", session: used, pdu: opened, proven: false };
    }
    const first = newest?.receiver.open(cls, bits, pdu);
    if (newest !== undefined && first !== undefined) {
      this.#promote(newest, now);
      return { kind: "opened", session: newest, pdu: first, proven: true };
    }
    const late = this.#previous?.receiver.open(cls, bits, pdu);
    if (this.#previous !== undefined && late !== undefined) {
      return { kind: "opened", session: this.#previous, pdu: late, proven: false };
    }
    return { kind: "refused", candidate };
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
    this.#unproven = undefined;
  }

  #dropPrevious(): void {
    this.#previous?.dispose();
    this.#previous = undefined;
  }
}
