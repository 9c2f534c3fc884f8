/** A frame written out bit by bit as it stands on the wire, for whatever happens in the middle of one. */
import type { BusInfo, CanFrame } from "@wattseal/can-protocol";

/** Bits after the stuffed part: CRC delimiter, acknowledgement slot and delimiter, seven of end of frame. */
const AFTER_CRC = 10;
const END_OF_FRAME = 7;
const ACK_SLOT_BEFORE_END = 9;
const STUFF_AFTER = 5;
const FIXED_STUFF_EVERY = 4;
const FD_STUFF_COUNT = 4;
const FD_CRC_17 = 17;
const FD_CRC_21 = 21;
const FD_LONGEST_WITH_CRC_17 = 16;
const CRC_15 = 15;
const CRC_15_POLYNOMIAL = 0x45_99;
const FD_DLC: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64];

export interface WireBits {
  /** From the start of frame to the end of frame, stuff bits included; 1 is recessive. The value of an FD checksum is left 0. */
  readonly bits: readonly number[];
  /** First bit at the data rate, and first after it; equal in a classic frame. */
  readonly fastFrom: number;
  readonly fastTo: number;
}

export function wireBits(frame: CanFrame): WireBits {
  return frame.fd ? fdBits(frame) : classicBits(frame);
}

/** Nanoseconds from the start of frame to the end of bit `index`. */
export function nanosThrough({ fastFrom, fastTo }: WireBits, index: number, info: BusInfo): number {
  const through = index + 1;
  const fast = Math.max(0, Math.min(through, fastTo) - fastFrom);
  const dataRate = info.dataBitRate ?? info.nominalBitRate;
  return ((through - fast) * 1e9) / info.nominalBitRate + (fast * 1e9) / dataRate;
}

export type BitPlace = "body" | "acknowledgement" | "fixed" | "last";

/** What a node expects at bit `index`: any value, an acknowledgement, or recessive as the frame's form wants it. */
export function placeOf({ bits }: WireBits, index: number): BitPlace {
  const fromEnd = bits.length - index;
  if (fromEnd === 1) return "last";
  if (fromEnd === ACK_SLOT_BEFORE_END) return "acknowledgement";
  return fromEnd <= AFTER_CRC ? "fixed" : "body";
}

/** First bit of the end of frame: where a receiver signals that the checksum did not match. */
export const endOfFrame = ({ bits }: WireBits): number => bits.length - END_OF_FRAME;
export const acknowledgementSlot = ({ bits }: WireBits): number =>
  bits.length - ACK_SLOT_BEFORE_END;

const push = (bits: number[], value: number, width: number): void => {
  for (let i = width - 1; i >= 0; i -= 1) bits.push((value >>> i) & 1);
};

function header({ id }: CanFrame): number[] {
  const bits = [0];
  push(bits, id >>> 18, 11);
  push(bits, 0b11, 2); // SRR, IDE
  push(bits, id & 0x3_ff_ff, 18);
  return bits;
}

function classicBits(frame: CanFrame): WireBits {
  const plain = header(frame);
  push(plain, 0, 3); // RTR, r1, r0
  push(plain, frame.data.length, 4);
  for (const byte of frame.data) push(plain, byte, 8);
  push(plain, checksum15(plain), CRC_15);
  const bits = stuffed(plain);
  closeFrame(bits);
  return { bits, fastFrom: bits.length, fastTo: bits.length };
}

function checksum15(bits: readonly number[]): number {
  let crc = 0;
  for (const bit of bits) {
    const invert = bit ^ (crc >>> 14);
    crc = ((crc << 1) & 0x7f_ff) ^ (invert === 1 ? CRC_15_POLYNOMIAL : 0);
  }
  return crc;
}

function fdBits(frame: CanFrame): WireBits {
  const nominal = header(frame);
  push(nominal, 0b0101, 4); // RRS, FDF, res, BRS
  const body = [...nominal, 0]; // ESI
  push(body, FD_DLC.indexOf(frame.data.length), 4);
  for (const byte of frame.data) push(body, byte, 8);
  const crc = frame.data.length > FD_LONGEST_WITH_CRC_17 ? FD_CRC_21 : FD_CRC_17;
  // A stuff bit that BRS calls for runs at the data rate already; one after the last data bit is a fixed one.
  const fastFrom = stuffed(nominal.slice(0, -1)).length + 1;
  const bits = stuffed(body, "open");
  for (let i = 0; i < FD_STUFF_COUNT + crc; i += 1) {
    if (i % FIXED_STUFF_EVERY === 0) bits.push(1 - (bits.at(-1) ?? 0));
    bits.push(0);
  }
  const fastTo = bits.length + 1;
  closeFrame(bits);
  return { bits, fastFrom, fastTo };
}

/** ISO 11898-1 §10.5: after five equal bits one of the other value. `open`: not after the very last bit. */
function stuffed(plain: readonly number[], end: "closed" | "open" = "closed"): number[] {
  const bits: number[] = [];
  let run = 0;
  plain.forEach((bit, i) => {
    run = bit === bits.at(-1) ? run + 1 : 1;
    bits.push(bit);
    if (run < STUFF_AFTER || (end === "open" && i === plain.length - 1)) return;
    bits.push(1 - bit);
    run = 1;
  });
  return bits;
}

/** CRC delimiter, acknowledged, and the end of frame. */
function closeFrame(bits: number[]): void {
  bits.push(1, 0, 1);
  for (let i = 0; i < END_OF_FRAME; i += 1) bits.push(1);
}
