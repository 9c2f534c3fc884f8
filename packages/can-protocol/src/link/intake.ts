import type { Millis, Slot } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { HELLO_LENGTH } from "../secured/handshake.js";
import {
  classOf,
  isFirst,
  isLast,
  isSecured,
  isToModule,
  type LinkDirection,
  slotOf,
} from "../secured/identifier.js";
import { Reassembler } from "../secured/reassembly.js";
import { MIN_PDU } from "../secured/sealed-pdu.js";
import type { BrokenReason } from "./alarm.js";
import type { FrameClass, PduClass } from "./types.js";

/** What an end of a link does with what arrives. PDUs and messages are views, good until the handler returns. */
export interface IntakeHandler {
  sealed(cls: PduClass, counterBits: number, pdu: Uint8Array, now: Millis): void;
  handshake(counterBits: number, message: Uint8Array, now: Millis): void;
  hello(uid: Uint8Array, now: Millis): void;
  broken(cls: FrameClass, reason: BrokenReason, counterBits: number, now: Millis): void;
  ownIdentifier(cls: FrameClass, id: number, now: Millis): void;
  duplicate(): void;
}

/** Sorts the frames of one slot and puts their segments together, a class at a time. */
export class Intake {
  readonly #slot: Slot;
  readonly #direction: LinkDirection;
  readonly #handler: IntakeHandler;
  readonly #reassemblers: Readonly<Record<FrameClass, Reassembler>>;

  constructor(slot: Slot, direction: LinkDirection, handler: IntakeHandler) {
    this.#slot = slot;
    this.#direction = direction;
    this.#handler = handler;
    const reassembler = (cls: FrameClass) =>
      new Reassembler((reason, bits, now) => handler.broken(cls, reason, bits, now));
    this.#reassemblers = {
      urgent: reassembler("urgent"),
      normal: reassembler("normal"),
      handshake: reassembler("handshake"),
      bulk: reassembler("bulk"),
    };
  }

  push(frame: CanFrame, now: Millis): void {
    const { id } = frame;
    if (slotOf(id) !== this.#slot || !isSecured(id)) return;
    const cls = classOf(id);
    if (isToModule(id) !== (this.#direction === "to-module")) {
      this.#handler.ownIdentifier(cls, id, now);
    } else if (isHello(frame, cls, this.#direction)) {
      this.#handler.hello(frame.data, now);
    } else this.#segment(frame, cls, now);
  }

  #segment(frame: CanFrame, cls: FrameClass, now: Millis): void {
    const reassembler = this.#reassemblers[cls];
    const result = reassembler.push(frame, now);
    if (result === "duplicate") this.#handler.duplicate();
    if (result !== "complete") return;
    const { pdu, counterBits: bits } = reassembler;
    if (cls === "handshake") this.#handler.handshake(bits, pdu, now);
    else if (pdu.length < MIN_PDU) this.#handler.broken(cls, "length", bits, now);
    else this.#handler.sealed(cls, bits, pdu, now);
  }
}

/** Before reassembly, whose rule on repetitions would hide a second hello after a reset. */
function isHello(frame: CanFrame, cls: FrameClass, direction: LinkDirection): boolean {
  return (
    cls === "handshake" &&
    direction === "to-pack" &&
    frame.data.length === HELLO_LENGTH &&
    isFirst(frame.id) &&
    isLast(frame.id)
  );
}
