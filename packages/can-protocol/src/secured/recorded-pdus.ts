/** Looks for sealed PDUs of one module in a recording of its bus. */
import { bytesEqual, millis, type Slot, toHex } from "@wattseal/base";
import { TAG_LENGTH } from "@wattseal/device-keys";
import { frameOf, type TraceRecord } from "../trace/record.js";
import { baseFor, baseOf, slotOf } from "./identifier.js";
import { Reassembler } from "./reassembly.js";

/** One PDU to look for, of the normal class and to the pack, as all telemetry is. */
export interface SoughtPdu {
  /** 16 bytes. */
  readonly tag: Uint8Array;
  /** Bytes of ciphertext and tag. */
  readonly length: number;
  /** All of it, where that is known; otherwise length and tag have to do. */
  readonly sealed: Uint8Array | undefined;
}

export class RecordedPdus {
  readonly #slot: Slot;
  readonly #sought: Map<string, SoughtPdu>;
  readonly #reassembler = new Reassembler(() => {});

  /** A tag occurs once: no two PDUs of one module share one but by a chance of 2^-128. */
  constructor(slot: Slot, sought: readonly SoughtPdu[]) {
    this.#slot = slot;
    this.#sought = new Map(sought.map((pdu) => [toHex(pdu.tag), pdu]));
  }

  /** Those that no record so far completed. */
  get missing(): number {
    return this.#sought.size;
  }

  /** The recording's next record. Whoever recorded heard each frame once, in the order of the wire. */
  take(record: TraceRecord): void {
    const frame = frameOf(record);
    if (typeof frame === "string" || slotOf(frame.id) !== this.#slot) return;
    if (baseOf(frame.id) !== baseFor("normal", "to-pack")) return;
    const now = millis(Math.floor(record.time / 1000));
    if (this.#reassembler.push(frame, now) === "complete") this.#heard(this.#reassembler.pdu);
  }

  #heard(pdu: Uint8Array): void {
    const tag = toHex(pdu.subarray(pdu.length - TAG_LENGTH));
    const sought = this.#sought.get(tag);
    if (sought === undefined || sought.length !== pdu.length) return;
    if (sought.sealed === undefined || bytesEqual(sought.sealed, pdu)) this.#sought.delete(tag);
  }
}
