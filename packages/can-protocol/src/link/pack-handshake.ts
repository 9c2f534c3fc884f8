import { bytesEqual } from "@wattseal/base";
import { type DeviceCustody, KkInitiator } from "@wattseal/device-keys";
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
import { attempt } from "./link-end.js";
import type { PackLinkOptions } from "./options.js";

/** A session to be proven, or why there is none. */
export type Answer = Session | BadHandshake | "version";

/** The pack's attempts at a handshake: one at a time, under the half in use or, during a roll, the next one. */
export class PackHandshake {
  readonly #options: PackLinkOptions;
  readonly #prologue: Uint8Array;
  #custody: DeviceCustody;
  #next: DeviceCustody | undefined;
  /** Which half the next attempt is made under. */
  #tryNext: boolean;
  #under: DeviceCustody;
  #kk: KkInitiator | undefined;
  #attempt = -1;

  constructor(options: PackLinkOptions) {
    this.#options = options;
    this.#custody = options.custody;
    this.#under = options.custody;
    this.#next = options.nextCustody;
    this.#tryNext = options.nextCustody !== undefined;
    this.#prologue = prologue({ packHash: options.packHash, ...options.module });
  }

  /** The half that is to follow, as long as the module has not proven it. */
  get next(): DeviceCustody | undefined {
    return this.#next;
  }

  /** Whether messages 2 of this attempt are awaited. */
  expects(counterBits: number): boolean {
    return this.#kk !== undefined && counterBits === this.#attempt % 16;
  }

  message1(): readonly CanFrame[] {
    const { entropy, module, fd } = this.#options;
    this.#kk?.dispose();
    this.#under = this.#tryNext && this.#next !== undefined ? this.#next : this.#custody;
    this.#kk = new KkInitiator({
      prologue: this.#prologue,
      custody: this.#under,
      peer: module.half,
      entropy,
    });
    this.#attempt += 1;
    const message = this.#kk.writeMessage1();
    return handshakeFrames(message, "to-module", module.slot, this.#attempt, fd);
  }

  /** After `expects`. A message that does not authenticate leaves the attempt as it was. */
  message2(message: Uint8Array, now: number): Answer {
    const kk = this.#kk;
    if (kk === undefined) return "unexpected";
    if (message.length !== MESSAGE_2_LENGTH) return "length";
    const answer = attempt(() => kk.readMessage2(message));
    if (answer === undefined) return "refused";
    this.#kk = undefined;
    const terms = attempt(() => decodePayload2(answer.payload));
    if (terms === undefined) return "refused";
    if (terms.version !== LINK_VERSION) return "version";
    const { module, fd } = this.#options;
    const wire = { sending: "to-module" as const, slot: module.slot, fd };
    const packHalf = this.#under.publicKey;
    const { capabilities } = terms;
    return new Session(answer.session, wire, { capabilities, packHalf, startedAt: now });
  }

  /** Ends the attempt; whether one waited for its answer. A module that is silent to one half may answer to the other. */
  abandon(): boolean {
    const kk = this.#kk;
    if (kk === undefined) return false;
    if (this.#next !== undefined) this.#tryNext = !this.#tryNext;
    kk.dispose();
    this.#kk = undefined;
    return true;
  }

  /** A half to change over to; `false` when it is the one in use. */
  roll(custody: DeviceCustody): boolean {
    if (bytesEqual(custody.publicKey, this.#custody.publicKey)) return false;
    this.#next = custody;
    this.#tryNext = false;
    return true;
  }

  /** The module has stored the next half: attempts are made under it from now on. */
  preferNext(): void {
    this.#tryNext = this.#next !== undefined;
  }

  /** A session was proven under `packHalf`; whether that ends a roll. */
  proven(packHalf: Uint8Array): boolean {
    if (this.#next === undefined || !bytesEqual(packHalf, this.#next.publicKey)) {
      this.#tryNext = false;
      return false;
    }
    this.#custody = this.#next;
    this.#next = undefined;
    return true;
  }
}
