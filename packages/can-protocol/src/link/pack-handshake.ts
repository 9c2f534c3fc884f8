import { bytesEqual } from "@wattseal/base";
import { KkInitiator } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import {
  decodePayload2,
  handshakeFrames,
  LINK_VERSION,
  MESSAGE_2_LENGTH,
  prologue,
} from "../secured/handshake.js";
import type { BadHandshake } from "./alarm.js";
import { Session } from "./key-ring.js";
import { WAITING_LIMIT } from "./limits.js";
import { attempt } from "./link-end.js";
import type { PackLinkOptions } from "./options.js";
import type { DhRequest } from "./types.js";

/** A session to be proven, or why there is none. */
export type Answer = Session | BadHandshake | "version";

/** What the pack's half is asked for: ss of message 1, se of a message 2. */
type Asked = { readonly id: number; readonly for: "ss" | "se"; readonly message: Uint8Array };

/**
 * The pack's attempts at a handshake: one at a time, under the half in use or, during a roll, the next one. What needs
 * the secret half is asked for, one thing at a time, and none of it is kept: ss is a standing secret of the pair, so it
 * is asked for again at each attempt and wiped with its message 1.
 */
export class PackHandshake {
  readonly #options: PackLinkOptions;
  readonly #prologue: Uint8Array;
  #half: Uint8Array;
  #next: Uint8Array | undefined;
  /** Which half the next attempt is made under. */
  #tryNext: boolean;
  #under: Uint8Array;
  #kk: KkInitiator | undefined;
  #asked: Asked | undefined;
  #lastId = 0;
  /** Messages 2 behind the one that is being checked. */
  #waiting: readonly Uint8Array[] = [];
  #attempt = -1;

  constructor(options: PackLinkOptions) {
    this.#options = options;
    this.#half = options.packHalf;
    this.#under = options.packHalf;
    this.#next = options.nextHalf;
    this.#tryNext = options.nextHalf !== undefined;
    this.#prologue = prologue({ packHash: options.packHash, ...options.module });
  }

  /** The half that is to follow, as long as the module has not proven it. */
  get next(): Uint8Array | undefined {
    return this.#next;
  }

  /** Begins an attempt: ss is needed for message 1. */
  begin(): DhRequest {
    this.#drop();
    this.#under = this.#tryNext && this.#next !== undefined ? this.#next : this.#half;
    return this.#ask("ss", this.#options.module.half);
  }

  /** What the answer of this id is for; undefined when it is not awaited any more. */
  awaited(id: number): "ss" | "se" | undefined {
    return this.#asked?.id === id ? this.#asked.for : undefined;
  }

  /** After `awaited` said `ss`. */
  message1(ss: Uint8Array): readonly CanFrame[] {
    const { entropy, module, fd } = this.#options;
    const kk = new KkInitiator({
      prologue: this.#prologue,
      publicKey: this.#under,
      peer: module.half,
      entropy,
    });
    this.#asked = undefined;
    this.#kk = kk;
    this.#attempt += 1;
    return handshakeFrames(kk.writeMessage1(ss), "to-module", module.slot, this.#attempt, fd);
  }

  /** Whether messages 2 of this attempt are awaited. */
  expects(counterBits: number): boolean {
    return this.#kk !== undefined && counterBits === this.#attempt % 16;
  }

  /** Whether a message 2, after `expects`, is worth asking for: `again` while the very same one waits already. */
  receive(message: Uint8Array): "waits" | "again" | BadHandshake {
    if (message.length !== MESSAGE_2_LENGTH) return "length";
    const known =
      this.#asked === undefined ? this.#waiting : [this.#asked.message, ...this.#waiting];
    if (known.some((one) => bytesEqual(one, message))) return "again";
    if (this.#waiting.length >= WAITING_LIMIT) return "too-many";
    this.#waiting = [...this.#waiting, message.slice()];
    return "waits";
  }

  /** The next message 2 that waits: what is needed to check it, or `refused` for one that gives no secret. */
  check(): DhRequest | "refused" | undefined {
    const [message, ...rest] = this.#waiting;
    const kk = this.#kk;
    if (kk === undefined || message === undefined) return undefined;
    this.#waiting = rest;
    const peer = attempt(() => kk.beginMessage2(message));
    return peer === undefined ? "refused" : this.#ask("se", peer, message);
  }

  /** After `awaited` said `se`. A message that does not authenticate leaves the attempt as it was. */
  message2(se: Uint8Array, now: number): Answer {
    const kk = this.#kk;
    this.#asked = undefined;
    if (kk === undefined) return "unexpected";
    const answer = attempt(() => kk.openMessage2(se));
    if (answer === undefined) return "refused";
    this.#kk = undefined;
    this.#waiting = [];
    const terms = attempt(() => decodePayload2(answer.payload));
    if (terms === undefined) return "refused";
    if (terms.version !== LINK_VERSION) return "version";
    const { module, fd } = this.#options;
    const wire = { sending: "to-module" as const, slot: module.slot, fd };
    const packHalf = this.#under;
    const { capabilities } = terms;
    return new Session(answer.session, wire, { capabilities, packHalf, startedAt: now });
  }

  /** Ends the attempt; whether its message 1 was out. A module that is silent to one half may answer to the other. */
  abandon(): boolean {
    const out = this.#kk !== undefined;
    if (this.#next !== undefined && (out || this.#asked !== undefined)) {
      this.#tryNext = !this.#tryNext;
    }
    this.#drop();
    return out;
  }

  /** A half to change over to; `false` when it is the one in use. */
  roll(half: Uint8Array): boolean {
    if (bytesEqual(half, this.#half)) return false;
    this.#next = half;
    this.#tryNext = false;
    return true;
  }

  /** The module has stored the next half: attempts are made under it from now on. */
  preferNext(): void {
    this.#tryNext = this.#next !== undefined;
  }

  /** A session was proven under `packHalf`; whether that ends a roll. */
  proven(packHalf: Uint8Array): boolean {
    if (this.#next === undefined || !bytesEqual(packHalf, this.#next)) {
      this.#tryNext = false;
      return false;
    }
    this.#half = this.#next;
    this.#next = undefined;
    return true;
  }

  #ask(what: "ss" | "se", peer: Uint8Array, message: Uint8Array = peer): DhRequest {
    this.#lastId += 1;
    this.#asked = { id: this.#lastId, for: what, message };
    return { kind: "dh", id: this.#lastId, half: this.#under, peer };
  }

  #drop(): void {
    this.#kk?.dispose();
    this.#kk = undefined;
    this.#asked = undefined;
    this.#waiting = [];
  }
}
