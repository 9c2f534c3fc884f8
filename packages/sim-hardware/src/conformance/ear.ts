/** What the module sends, put together, with every departure from docs/firmware/link.md §2 and §3 noted. */
import { bytesEqual, concatBytes } from "@wattseal/base";
import {
  type CanFrame,
  classOf,
  type FrameClass,
  isSecured,
  isToModule,
  type PduClass,
  slotOf,
} from "@wattseal/can-protocol";
import { frameSize, LARGEST_PDU, paddedLength, SMALLEST_PDU } from "./wire.js";

const SEGMENT_GAP_MS = 200;
const HELLO_LENGTH = 8;
const FIRST = 1 << 17;
const LAST = 1 << 16;
/** Clear frames that a module sends: 0x500 to 0x507, 0x521 to 0x523. */
const isClearOfModule = (base: number) =>
  (base >= 0x500 && base <= 0x507) || (base >= 0x521 && base <= 0x523);
const UNREGISTERED = 0xff;

export type WireFault = "pdu.segments" | "bus.kind" | "bus.clear";

export interface EarListener {
  hello(uid: Uint8Array, bits: number, at: number): void;
  handshake(message: Uint8Array, bits: number, at: number): void;
  sealed(cls: PduClass, bits: number, pdu: Uint8Array, at: number): void;
  fault(point: WireFault, what: string): void;
}

interface Run {
  readonly bits: number;
  readonly parts: Uint8Array[];
  length: number;
  at: number;
}

export class Ear {
  readonly #slot: number;
  readonly #fd: boolean;
  readonly #listener: EarListener;
  readonly #runs = new Map<FrameClass, Run>();
  readonly #previous = new Map<FrameClass, CanFrame>();

  constructor(slot: number, fd: boolean, listener: EarListener) {
    this.#slot = slot;
    this.#fd = fd;
    this.#listener = listener;
  }

  /** `at`: milliseconds, with fractions. Frames of others are let pass. */
  frame(frame: CanFrame, at: number): void {
    const { id } = frame;
    if (!isSecured(id)) {
      this.#clear(id);
      return;
    }
    if (slotOf(id) !== this.#slot || isToModule(id)) return;
    const cls = classOf(id);
    const previous = this.#previous.get(cls);
    this.#previous.set(cls, frame);
    if (previous !== undefined && previous.id === id && bytesEqual(previous.data, frame.data)) {
      if (cls !== "handshake") return; // CAN's own repetition; but a module that starts anew repeats its hello
    }
    if (frame.fd !== this.#fd) {
      this.#listener.fault("bus.kind", `${kind(frame.fd)} frame on a ${kind(this.#fd)} bus`);
    }
    this.#segment(frame, cls, at);
  }

  #clear(id: number): void {
    const address = slotOf(id);
    if (!isClearOfModule(id >>> 18)) return;
    if (address !== this.#slot && address !== UNREGISTERED) return;
    const base = (id >>> 18).toString(16);
    this.#listener.fault("bus.clear", `clear frame 0x${base} from address ${address}`);
  }

  #segment(frame: CanFrame, cls: FrameClass, at: number): void {
    const { id } = frame;
    const bits = (id >>> 8) & 15;
    const last = (id & LAST) !== 0;
    const run = (id & FIRST) === 0 ? this.#continued(cls, bits, at) : this.#begun(cls, bits, at);
    if (run === undefined) return;
    const segment = (id >>> 12) & 15;
    if (segment !== run.parts.length % 16) {
      this.#broken(cls, `segment ${segment} where ${run.parts.length % 16} was due`);
      return;
    }
    const { length } = frame.data;
    const fits = last
      ? paddedLength(length, frame.fd) === length || length <= 8
      : length === frameSize(frame.fd);
    if (length === 0 || !fits || run.length + length > LARGEST_PDU) {
      this.#broken(cls, `a frame of ${length} bytes${last ? ", the last" : ""}`);
      return;
    }
    run.parts.push(frame.data);
    run.length += length;
    run.at = at;
    if (!last) return;
    this.#runs.delete(cls);
    this.#whole(cls, bits, concatBytes(...run.parts), at);
  }

  #begun(cls: FrameClass, bits: number, at: number): Run {
    if (this.#runs.has(cls)) this.#broken(cls, "a PDU began before the last one ended");
    const run: Run = { bits, parts: [], length: 0, at };
    this.#runs.set(cls, run);
    return run;
  }

  #continued(cls: FrameClass, bits: number, at: number): Run | undefined {
    const run = this.#runs.get(cls);
    if (run === undefined) {
      this.#broken(cls, "a segment of no PDU");
      return undefined;
    }
    if (run.bits !== bits) {
      this.#broken(cls, `counter bits went from ${run.bits} to ${bits} within a PDU`);
      return undefined;
    }
    if (at - run.at <= SEGMENT_GAP_MS) return run;
    this.#broken(cls, `${Math.round(at - run.at)} ms between two segments`);
    return undefined;
  }

  #broken(cls: FrameClass, what: string): void {
    this.#runs.delete(cls);
    this.#listener.fault("pdu.segments", `${cls}: ${what}`);
  }

  #whole(cls: FrameClass, bits: number, bytes: Uint8Array, at: number): void {
    if (cls === "handshake") {
      if (bytes.length === HELLO_LENGTH) this.#listener.hello(bytes, bits, at);
      else this.#listener.handshake(bytes, bits, at);
    } else if (bytes.length < SMALLEST_PDU) {
      this.#listener.fault("pdu.segments", `${cls}: a PDU of ${bytes.length} bytes`);
    } else this.#listener.sealed(cls, bits, bytes, at);
  }
}

const kind = (fd: boolean) => (fd ? "FD" : "classic");
