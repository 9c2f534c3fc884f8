/** Exact length of data frames with 29-bit identifiers on the wire (ISO 11898-1 §10.4). */
import type { BusInfo, CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import { isFrameLength } from "../secured/fd.js";
import { crc15 } from "./crc15.js";
import {
  BEFORE_PAD,
  STATE_MASK,
  stepBits,
  stepByte,
  stuffBitsOf,
  stuffedLast,
} from "./stuffing.js";

export interface FrameBits {
  /** Bits at the nominal rate, three of intermission included. */
  readonly nominal: number;
  /** Bits at the data rate; 0 for a classic frame. */
  readonly data: number;
}

/** SOF to DLC of a classic frame, before stuffing. */
const CLASSIC_HEADER = 39;
const CRC_15 = 15;
/** SOF to BRS, and ESI with DLC, of an FD frame. */
const FD_NOMINAL_HEADER = 36;
const FD_DATA_HEADER = 5;
/** Stuff count and CRC-17 with their 6 fixed stuff bits; with CRC-21 above 16 bytes, 7. */
const FD_CRC_17 = 4 + 17 + 6;
const FD_CRC_21 = 4 + 21 + 7;
const FD_LONGEST_WITH_CRC_17 = 16;
const CRC_DELIMITER = 1;
/** Acknowledgement slot and delimiter, end of frame, intermission. */
const TRAILER = 1 + 1 + 7 + 3;
/** Position = DLC. */
const FD_DLC: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64];

/** Throws CanProtocolError `bad-frame` for a data length that no frame has. */
export function frameBits(frame: CanFrame): FrameBits {
  if (!isFrameLength(frame.data.length, frame.fd)) {
    throw new CanProtocolError("bad-frame", "usage", `no frame has ${frame.data.length} bytes`);
  }
  return frame.fd ? fdBits(frame) : classicBits(frame);
}

/** Time on the wire, whole nanoseconds, intermission included. FD frames switch to the data rate between BRS and CRC delimiter. */
export function frameNanos(frame: CanFrame, info: BusInfo): number {
  const { nominal, data } = frameBits(frame);
  const dataRate = info.dataBitRate ?? info.nominalBitRate;
  return Math.round((nominal * 1e9) / info.nominalBitRate + (data * 1e9) / dataRate);
}

/** SRR and IDE, both recessive, lie between identifier bits 18 and 17. */
const headByte1 = (id: number) => (((id >>> 18) & 31) << 3) | 6 | ((id >>> 17) & 1);

function classicBits({ id, data }: CanFrame): FrameBits {
  let crc = 0;
  let state = BEFORE_PAD;
  let stuffed = 0;
  const send = (byte: number) => {
    crc = crc15(crc, byte);
    const step = stepByte(state, byte);
    state = step & STATE_MASK;
    stuffed += stuffBitsOf(step);
  };
  // A leading zero makes the header whole bytes; it changes no CRC that starts at 0.
  send((id >>> 23) & 63);
  send(headByte1(id));
  send((id >>> 9) & 0xff);
  send((id >>> 1) & 0xff);
  send(((id & 1) << 7) | data.length); // RTR, r1, r0 dominant
  for (const byte of data) send(byte);
  const high = stepByte(state, crc >>> 7);
  const low = stepBits(high & STATE_MASK, crc & 127, 7);
  stuffed += stuffBitsOf(high) + stuffBitsOf(low);
  const plain = CLASSIC_HEADER + 8 * data.length + CRC_15;
  return { nominal: plain + stuffed + CRC_DELIMITER + TRAILER, data: 0 };
}

function fdBits({ id, data }: CanFrame): FrameBits {
  let step = BEFORE_PAD;
  let stuffed = 0;
  const take = (next: number) => {
    step = next;
    stuffed += stuffBitsOf(next);
  };
  take(stepByte(step, (id >>> 23) & 63));
  take(stepByte(step & STATE_MASK, headByte1(id)));
  take(stepByte(step & STATE_MASK, (id >>> 9) & 0xff));
  take(stepByte(step & STATE_MASK, (id >>> 1) & 0xff));
  take(stepBits(step & STATE_MASK, ((id & 1) << 4) | 0b0101, 5)); // RRS 0, FDF 1, res 0, BRS 1
  // A stuff bit called for by BRS itself already runs at the data rate.
  const nominalStuffed = stuffed - (stuffedLast(step) ? 1 : 0);
  take(stepBits(step & STATE_MASK, FD_DLC.indexOf(data.length), 5)); // ESI dominant
  for (const byte of data) take(stepByte(step & STATE_MASK, byte));
  // The first fixed stuff bit stands where a stuff bit due after the last data bit would.
  const dataStuffed = stuffed - nominalStuffed - (stuffedLast(step) ? 1 : 0);
  const crc = data.length > FD_LONGEST_WITH_CRC_17 ? FD_CRC_21 : FD_CRC_17;
  return {
    nominal: FD_NOMINAL_HEADER + nominalStuffed + TRAILER,
    data: FD_DATA_HEADER + 8 * data.length + dataStuffed + crc + CRC_DELIMITER,
  };
}
