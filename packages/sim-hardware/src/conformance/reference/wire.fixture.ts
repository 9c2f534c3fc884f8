/** Identifiers, segments, sealed PDUs and bodies, written from docs/firmware/link.md and messages.md alone. */
import type { CanFrame } from "@wattseal/can-protocol";
import { join, nonce, open, seal } from "./crypto.fixture.js";

export const DOMAIN = { urgent: 0, normal: 1, bulk: 2 } as const;
export type Cls = keyof typeof DOMAIN;
/** Pack to module; one more the other way. */
export const BASE = { urgent: 0x630, normal: 0x632, handshake: 0x634, bulk: 0x636 } as const;
export type AnyCls = keyof typeof BASE;
const CLASS_OF: readonly AnyCls[] = ["urgent", "normal", "handshake", "bulk"];

export interface Id {
  readonly base: number;
  readonly first: boolean;
  readonly last: boolean;
  readonly segment: number;
  readonly counter: number;
  readonly slot: number;
}

export function parseId(id: number): Id {
  return {
    base: Math.floor(id / 2 ** 18),
    first: (id & 0x20000) !== 0,
    last: (id & 0x10000) !== 0,
    segment: (id >> 12) & 15,
    counter: (id >> 8) & 15,
    slot: id & 255,
  };
}

export function classOfBase(base: number): AnyCls | undefined {
  return base < 0x630 || base > 0x637 ? undefined : CLASS_OF[(base - 0x630) >> 1];
}

export function cut(
  bytes: Uint8Array,
  base: number,
  slot: number,
  counter: number,
  fd: boolean,
): CanFrame[] {
  const size = fd ? 64 : 8;
  const frames: CanFrame[] = [];
  for (let at = 0, segment = 0; at < bytes.length; at += size, segment += 1) {
    const id =
      base * 2 ** 18 +
      (at === 0 ? 0x20000 : 0) +
      (at + size >= bytes.length ? 0x10000 : 0) +
      (segment % 16) * 0x1000 +
      (counter % 16) * 0x100 +
      slot;
    frames.push({ id, data: bytes.slice(at, at + size), fd });
  }
  return frames;
}

const FD_SIZES = [12, 16, 20, 24, 32, 48, 64];

export function padded(length: number, fd: boolean): number {
  if (!fd) return Math.ceil(length / 8) * 8;
  const rest = length % 64;
  if (rest === 0) return length;
  if (rest <= 8) return length;
  return length - rest + (FD_SIZES.find((size) => size >= rest) ?? 64);
}

const frameSizeAllowed = (length: number, fd: boolean): boolean =>
  length <= 8 ? length > 0 : fd && FD_SIZES.includes(length);

export const associatedData = (base: number, slot: number, length: number): Uint8Array =>
  Uint8Array.of(base & 255, base >> 8, slot, length & 255, length >> 8);

/** `type ‖ length ‖ body ‖ zeros` for a PDU of `total` bytes, tag included. */
export function plaintext(type: number, body: Uint8Array, total: number): Uint8Array {
  const text = new Uint8Array(total - 16);
  text.set([type, body.length & 255, body.length >> 8]);
  text.set(body, 3);
  return text;
}

export interface SealHow {
  readonly key: Uint8Array;
  readonly cls: Cls;
  readonly toPack: boolean;
  readonly slot: number;
  readonly counter: number;
}

export function sealText(text: Uint8Array, { key, cls, toPack, slot, counter }: SealHow) {
  const base = BASE[cls] + (toPack ? 1 : 0);
  const ad = associatedData(base, slot, text.length + 16);
  return seal(key, nonce(DOMAIN[cls], counter), ad, text);
}

export function openPdu(pdu: Uint8Array, { key, cls, toPack, slot, counter }: SealHow) {
  const base = BASE[cls] + (toPack ? 1 : 0);
  return open(key, nonce(DOMAIN[cls], counter), associatedData(base, slot, pdu.length), pdu);
}

/** The next counter with the four bits seen, then +16, +32, +48. */
export function candidates(next: number, bits: number): number[] {
  const first = next + ((((bits - next) % 16) + 16) % 16);
  return [first, first + 16, first + 32, first + 48];
}

export type Put =
  | "waiting"
  | "whole"
  | "duplicate"
  | "order"
  | "segment-length"
  | "pdu-length"
  | "interrupted";

/** Ways to get it wrong. */
export interface AssemblyFaults {
  readonly timeoutMs?: number;
  readonly anyOrder?: boolean;
  readonly repeats?: boolean;
}

/** Puts the segments of one class together (link.md §3). */
export class Assembly {
  readonly #faults: AssemblyFaults;
  bytes: Uint8Array = new Uint8Array(0);
  counter = 0;
  #parts: (Uint8Array | undefined)[] = [];
  /** Segments in all, once the last has come. */
  #end = 0;
  #length = 0;
  #collecting = false;
  #skipping = false;
  #fd = false;
  #since = 0;
  #previous: CanFrame | undefined;

  constructor(faults: AssemblyFaults = {}) {
    this.#faults = faults;
  }

  put(frame: CanFrame, now: number): Put {
    const id = parseId(frame.id);
    const before = this.#previous;
    const mayRepeat = this.#faults.repeats === true;
    if (before !== undefined && same(before, frame) && !mayRepeat) return "duplicate";
    this.#previous = frame;
    const interrupted = id.first && this.#collecting;
    if (id.first) this.#begin(id, frame);
    else if (this.#skipping && id.counter === this.counter) return "waiting";
    else if (!this.#continues(id, frame, now)) return this.#giveUp("order", id.counter);
    const fault = this.#faultOf(id, frame);
    if (fault !== undefined) return this.#giveUp(fault, id.counter);
    const parts = this.#keep(id, frame, now);
    if (parts.length !== this.#end) return interrupted ? "interrupted" : "waiting";
    this.#collecting = false;
    this.bytes = join(...parts);
    return "whole";
  }

  #keep(id: Id, frame: CanFrame, now: number): readonly Uint8Array[] {
    if (this.#faults.anyOrder === true) this.#parts[id.segment] = frame.data;
    else this.#parts.push(frame.data);
    this.#length += frame.data.length;
    this.#since = now;
    if (id.last) this.#end = this.#faults.anyOrder === true ? id.segment + 1 : this.#parts.length;
    return this.#parts.filter((part) => part !== undefined);
  }

  #begin(id: Id, frame: CanFrame): void {
    this.#collecting = true;
    this.#skipping = false;
    this.#parts = [];
    this.#end = 0;
    this.#length = 0;
    this.counter = id.counter;
    this.#fd = frame.fd;
  }

  #continues(id: Id, frame: CanFrame, now: number): boolean {
    if (!this.#collecting || id.counter !== this.counter) return false;
    return frame.fd === this.#fd && now - this.#since <= (this.#faults.timeoutMs ?? 200);
  }

  #faultOf(id: Id, frame: CanFrame): Put | undefined {
    const { length } = frame.data;
    const isInOrder = id.segment === this.#parts.length % 16;
    if (!isInOrder && this.#faults.anyOrder !== true) return "order";
    if (this.#length + length > 4096) return "pdu-length";
    const full = frame.fd ? 64 : 8;
    const good = id.last ? frameSizeAllowed(length, frame.fd) : length === full;
    return good ? undefined : "segment-length";
  }

  #giveUp(why: Put, counter: number): Put {
    this.#collecting = false;
    this.#skipping = true;
    this.counter = counter;
    return why;
  }
}

function same(a: CanFrame, b: CanFrame): boolean {
  return a.id === b.id && a.fd === b.fd && Buffer.compare(a.data, b.data) === 0;
}
