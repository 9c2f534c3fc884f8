import { bytesEqual } from "@wattseal/base";
import { KkResponder } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import {
  encodePayload2,
  handshakeFrames,
  LINK_VERSION,
  MESSAGE_1_LENGTH,
  prologue,
} from "../secured/handshake.js";
import type { BadHandshake } from "./alarm.js";
import { Session } from "./key-ring.js";
import { attempt } from "./link-end.js";
import type { ModuleLinkOptions } from "./options.js";

/** A session to be proven and message 2 for it, or why there is none; undefined for a repetition. */
export type Response =
  | { readonly session: Session; readonly frames: readonly CanFrame[] }
  | BadHandshake
  | undefined;

/** The module's answers to messages 1. */
export class ModuleHandshake {
  readonly #options: ModuleLinkOptions;
  readonly #prologue: Uint8Array;
  #lastMessage1: Uint8Array | undefined;

  constructor(options: ModuleLinkOptions) {
    this.#options = options;
    this.#prologue = prologue({ ...options.pairing, uid: options.uid });
  }

  /** Answering the message answered last once more would put other keys in place of those just agreed. */
  isRepetition(message: Uint8Array): boolean {
    return this.#lastMessage1 !== undefined && bytesEqual(this.#lastMessage1, message);
  }

  /** `packHalves`: those that may speak, the one in use first. */
  answer(
    bits: number,
    message: Uint8Array,
    packHalves: readonly Uint8Array[],
    now: number,
  ): Response {
    if (message.length !== MESSAGE_1_LENGTH) return "length";
    for (const packHalf of packHalves) {
      const response = attempt(() => this.#respond(bits, message, packHalf, now));
      if (response === undefined) continue;
      this.#lastMessage1 = Uint8Array.from(message);
      return response;
    }
    return "refused";
  }

  #respond(bits: number, message: Uint8Array, packHalf: Uint8Array, now: number) {
    const { custody, entropy, pairing, fd, capabilities } = this.#options;
    const { slot } = pairing;
    const kk = { prologue: this.#prologue, custody, peer: packHalf, entropy };
    const responder = new KkResponder(kk);
    responder.readMessage1(message);
    const payload = encodePayload2({ version: LINK_VERSION, capabilities });
    const answer = responder.writeMessage2(payload);
    const wire = { sending: "to-pack" as const, slot, fd };
    const terms = { capabilities, packHalf, startedAt: now };
    const session = new Session(answer.session, wire, terms);
    const frames = handshakeFrames(answer.message, "to-pack", slot, bits, fd);
    return { session, frames };
  }
}
