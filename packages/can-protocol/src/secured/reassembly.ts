import { bytesEqual, type Millis } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import type { BrokenReason } from "../link/alarm.js";
import { CLASSIC_MAX, FD_MAX, isFrameLength } from "./fd.js";
import { counterBits, isFirst, isLast, segmentBits } from "./identifier.js";
import { MAX_PDU } from "./segments.js";

const SEGMENT_TIMEOUT_MS = 200;
const INITIAL_CAPACITY = 64;

export type Reassembled =
  /** The PDU is in `pdu`. */
  | "complete"
  /** More segments are to come, or a run of segments already given up is being skipped. */
  | "incomplete"
  /** The frame before, once more: CAN repeats a frame whose acknowledgement one node saw destroyed. */
  | "duplicate"
  /** Nothing came of it; `onBroken` was told. */
  | "broken";

type OnBroken = (reason: BrokenReason, counterBits: number, now: Millis) => void;

/**
 * Puts the segments of one slot, class and direction together. Memory is bounded by MAX_PDU.
 * Frames are trusted for nothing: whatever comes out is believed only when its tag verifies.
 */
export class Reassembler {
  readonly #onBroken: OnBroken;
  #buffer = new Uint8Array(INITIAL_CAPACITY);
  #length = 0;
  #state: "idle" | "collecting" | "skipping" = "idle";
  #counter = 0;
  #next = 0;
  #fd = false;
  #since = 0;
  #previous: CanFrame | undefined;

  constructor(onBroken: OnBroken) {
    this.#onBroken = onBroken;
  }

  /** After `complete`: the PDU. Good until the next `push`. */
  get pdu(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** The four counter bits of the PDU in progress or complete. */
  get counterBits(): number {
    return this.#counter;
  }

  push(frame: CanFrame, now: Millis): Reassembled {
    if (this.#isRepetition(frame)) return "duplicate";
    this.#previous = frame;
    if (isFirst(frame.id)) this.#begin(frame, now);
    else if (!this.#continues(frame, now)) return "broken";
    return this.#take(frame, now);
  }

  #isRepetition(frame: CanFrame): boolean {
    const previous = this.#previous;
    return (
      previous !== undefined &&
      previous.id === frame.id &&
      previous.fd === frame.fd &&
      bytesEqual(previous.data, frame.data)
    );
  }

  #begin(frame: CanFrame, now: Millis): void {
    if (this.#state === "collecting") this.#onBroken("interrupted", this.#counter, now);
    this.#state = "collecting";
    this.#counter = counterBits(frame.id);
    this.#fd = frame.fd;
    this.#next = 0;
    this.#length = 0;
  }

  /** Whether the frame is the segment awaited; if not, gives up the PDU, once for a run of its segments. */
  #continues(frame: CanFrame, now: Millis): boolean {
    const counter = counterBits(frame.id);
    if (this.#state === "skipping" && counter === this.#counter) return false;
    if (this.#state === "collecting" && now - this.#since > SEGMENT_TIMEOUT_MS) {
      this.#giveUp("timeout", this.#counter, now);
      return false;
    }
    const inOrder =
      this.#state === "collecting" && counter === this.#counter && frame.fd === this.#fd;
    if (!inOrder) this.#giveUp("order", counter, now);
    return inOrder;
  }

  #take(frame: CanFrame, now: Millis): Reassembled {
    const last = isLast(frame.id);
    if (segmentBits(frame.id) !== (this.#next & 15))
      return this.#giveUp("order", this.#counter, now);
    if (!this.#fits(frame, last)) return this.#giveUp("length", this.#counter, now);
    const end = this.#length + frame.data.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(frame.data, this.#length);
    this.#length = end;
    this.#next += 1;
    this.#since = now;
    if (!last) return "incomplete";
    this.#state = "idle";
    return "complete";
  }

  #fits(frame: CanFrame, last: boolean): boolean {
    const { length } = frame.data;
    if (this.#length + length > MAX_PDU) return false;
    if (last) return length > 0 && isFrameLength(length, frame.fd);
    return length === (frame.fd ? FD_MAX : CLASSIC_MAX);
  }

  #giveUp(reason: BrokenReason, counter: number, now: Millis): Reassembled {
    this.#onBroken(reason, counter, now);
    this.#state = "skipping";
    this.#counter = counter;
    this.#length = 0;
    return "broken";
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.min(MAX_PDU, Math.max(needed, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
