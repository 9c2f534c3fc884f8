/**
 * Records on the bus socket: 80 bytes each, a `struct canfd_frame` (linux/can.h: can_id u32, len u8, flags u8,
 * two reserved bytes, 64 bytes of data) and a u64 time in nanoseconds UTC, all little-endian. Errors and states
 * are SocketCAN's error frames. Control records are frames that SocketCAN never makes: CAN_ERR_FLAG without an
 * error class, the kind in the first data byte.
 */
import {
  DecodeError,
  fromUtf8,
  type Micros,
  type Millis,
  micros,
  millis,
  utf8,
  viewOf,
} from "@wattseal/base";
import type { BusInfo, CanFrame } from "@wattseal/can-protocol";
import {
  CAN_ERR_FLAG,
  decodeError,
  type ErrorRecord,
  encodeError,
  type StateRecord,
} from "./error-record.js";

export const RECORD_BYTES = 80;
const SOCKET_VERSION = 1;

// linux/can.h
const CAN_EFF_FLAG = 0x80_00_00_00;
const CAN_EFF_MASK = 0x1f_ff_ff_ff;
const CANFD_BRS = 0x01;
const CANFD_ESI = 0x02;
const CANFD_FDF = 0x04;
/** Ours: an echo of the receiver's own frame, which has left its mailbox. */
const FLAG_SENT = 0x80;

const LENGTH_AT = 4;
const FLAGS_AT = 5;
const RESERVED_AT = 6;
const DATA_AT = 8;
const TIME_AT = 72;

const KIND = { info: 1, grant: 2, acknowledge: 3, closing: 4 } as const;
const CONTROL_LENGTH = 16;
const CLOSING_TEXT_AT = 1;
const FD_SIZES = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]);

/** A frame on the wire, complete at `time`; or, from a client, one to be sent. */
export interface FrameRecord {
  readonly kind: "frame";
  readonly frame: CanFrame;
  readonly sent: boolean;
  readonly time: Micros;
}
/** First record of the server: the bus as it is, and the present time. */
export interface InfoRecord {
  readonly kind: "info";
  readonly bus: BusInfo;
  readonly mailboxes: number;
  readonly time: Micros;
}
/** Server: everything up to `time` has been delivered; time waits for the acknowledgement. */
export interface GrantRecord {
  readonly kind: "grant";
  readonly time: Micros;
}
/** Client: done with everything up to `time`, and asleep until `deadline` if nothing arrives. */
export interface AcknowledgeRecord {
  readonly kind: "acknowledge";
  readonly deadline: Millis | undefined;
  readonly time: Micros;
}
/** Server: the last record, and why. */
export interface ClosingRecord {
  readonly kind: "closing";
  readonly reason: string;
  readonly time: Micros;
}
type ControlRecord = InfoRecord | GrantRecord | AcknowledgeRecord | ClosingRecord;
export type BusRecord = FrameRecord | ErrorRecord | StateRecord | ControlRecord;

const NANOS = { perMicro: 1000n, perMilli: 1_000_000n } as const;

export function encodeRecord(record: BusRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = viewOf(bytes);
  view.setBigUint64(TIME_AT, BigInt(record.time) * NANOS.perMicro, true);
  switch (record.kind) {
    case "frame":
      encodeFrame(record, bytes, view);
      return bytes;
    case "error":
    case "state": {
      const { id, data } = encodeError(record);
      view.setUint32(0, id, true);
      bytes[LENGTH_AT] = data.length;
      bytes.set(data, DATA_AT);
      return bytes;
    }
    case "info":
    case "grant":
    case "acknowledge":
    case "closing":
      encodeControl(record, bytes, view);
      return bytes;
  }
}

function encodeFrame(record: FrameRecord, bytes: Uint8Array, view: DataView): void {
  const { frame } = record;
  view.setUint32(0, frame.id + CAN_EFF_FLAG, true);
  bytes[LENGTH_AT] = frame.data.length;
  bytes[FLAGS_AT] = (frame.fd ? CANFD_FDF | CANFD_BRS : 0) | (record.sent ? FLAG_SENT : 0);
  bytes.set(frame.data, DATA_AT);
}

function encodeControl(record: ControlRecord, bytes: Uint8Array, view: DataView): void {
  view.setUint32(0, CAN_ERR_FLAG, true);
  bytes[LENGTH_AT] = CONTROL_LENGTH;
  bytes[DATA_AT] = KIND[record.kind];
  switch (record.kind) {
    case "info":
      bytes[DATA_AT + 1] = SOCKET_VERSION;
      bytes[DATA_AT + 2] = record.mailboxes;
      view.setUint32(DATA_AT + 8, record.bus.nominalBitRate, true);
      view.setUint32(DATA_AT + 12, record.bus.dataBitRate ?? 0, true);
      return;
    case "acknowledge":
      view.setBigUint64(DATA_AT + 8, BigInt(record.deadline ?? 0) * NANOS.perMilli, true);
      return;
    case "closing": {
      const text = utf8(
        record.reason.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64 - CLOSING_TEXT_AT),
      );
      bytes[LENGTH_AT] = CLOSING_TEXT_AT + text.length;
      bytes.set(text, DATA_AT + CLOSING_TEXT_AT);
      return;
    }
    case "grant":
      return;
  }
}

/** Exactly one record of 80 bytes; what it returns shares nothing with `bytes`. Throws DecodeError. */
export function decodeRecord(bytes: Uint8Array): BusRecord {
  if (bytes.length !== RECORD_BYTES) throw refuse(bytes.length, `is not ${RECORD_BYTES} bytes`);
  const view = viewOf(bytes);
  const length = bytes[LENGTH_AT] ?? 0;
  if (length > 64) throw refuse(LENGTH_AT, `length ${length} is above 64`);
  if (view.getUint16(RESERVED_AT, true) !== 0) {
    throw refuse(RESERVED_AT, "reserved bytes are not zero");
  }
  for (let at = DATA_AT + length; at < TIME_AT; at += 1) {
    if (bytes[at] !== 0) throw refuse(at, "byte after the data is not zero");
  }
  const time = timeAt(view, TIME_AT);
  const id = view.getUint32(0, true);
  if (id === CAN_ERR_FLAG) return decodeControl(bytes, view, length, time);
  if (id < CAN_EFF_FLAG && (id & CAN_ERR_FLAG) !== 0) {
    if (bytes[FLAGS_AT] !== 0) throw refuse(FLAGS_AT, "error record with flags");
    return decodeError({ id, data: bytes.subarray(DATA_AT, DATA_AT + length) }, time, DATA_AT);
  }
  return decodeFrame(bytes, id, length, time);
}

function decodeFrame(bytes: Uint8Array, id: number, length: number, time: Micros): FrameRecord {
  if (id < CAN_EFF_FLAG || id - CAN_EFF_FLAG > CAN_EFF_MASK) {
    throw refuse(0, "is not a data frame with a 29-bit identifier");
  }
  const flags = bytes[FLAGS_AT] ?? 0;
  const fd = (flags & CANFD_FDF) !== 0;
  const known = FLAG_SENT | (fd ? CANFD_FDF | CANFD_BRS | CANFD_ESI : 0);
  if ((flags & ~known) !== 0) throw refuse(FLAGS_AT, `unknown flags 0x${flags.toString(16)}`);
  if (fd && (flags & CANFD_BRS) === 0) throw refuse(FLAGS_AT, "FD frame without bit-rate switch");
  if (fd ? !FD_SIZES.has(length) : length > 8) {
    throw refuse(LENGTH_AT, `no such data length: ${length}`);
  }
  // A Buffer's own slice() would share its memory.
  const data = Uint8Array.from(bytes.subarray(DATA_AT, DATA_AT + length));
  const frame: CanFrame = { id: id - CAN_EFF_FLAG, data, fd };
  return { kind: "frame", frame, sent: (flags & FLAG_SENT) !== 0, time };
}

function decodeControl(
  bytes: Uint8Array,
  view: DataView,
  length: number,
  time: Micros,
): ControlRecord {
  if (bytes[FLAGS_AT] !== 0) throw refuse(FLAGS_AT, "control record with flags");
  const kind = bytes[DATA_AT] ?? 0;
  if (kind === KIND.closing && length >= CLOSING_TEXT_AT) {
    return { kind: "closing", reason: decodeReason(bytes, length), time };
  }
  if (length !== CONTROL_LENGTH) throw refuse(LENGTH_AT, `control record of length ${length}`);
  switch (kind) {
    case KIND.info:
      return decodeInfo(bytes, view, time);
    case KIND.grant:
      requireZero(bytes, DATA_AT + 1, DATA_AT + CONTROL_LENGTH);
      return { kind: "grant", time };
    case KIND.acknowledge: {
      requireZero(bytes, DATA_AT + 1, DATA_AT + 8);
      const deadline = Math.ceil(timeAt(view, DATA_AT + 8) / 1000);
      return { kind: "acknowledge", deadline: deadline === 0 ? undefined : millis(deadline), time };
    }
    default:
      throw refuse(DATA_AT, `unknown kind ${kind}`);
  }
}

function decodeInfo(bytes: Uint8Array, view: DataView, time: Micros): InfoRecord {
  const version = bytes[DATA_AT + 1];
  const mailboxes = bytes[DATA_AT + 2] ?? 0;
  const nominalBitRate = view.getUint32(DATA_AT + 8, true);
  const dataBitRate = view.getUint32(DATA_AT + 12, true);
  if (version !== SOCKET_VERSION)
    throw refuse(DATA_AT + 1, `version ${version} is not spoken here`);
  if (mailboxes === 0) throw refuse(DATA_AT + 2, "no mailboxes");
  requireZero(bytes, DATA_AT + 3, DATA_AT + 8);
  if (nominalBitRate === 0) throw refuse(DATA_AT + 8, "bit rate 0");
  const bus = { nominalBitRate, dataBitRate: dataBitRate === 0 ? undefined : dataBitRate };
  return { kind: "info", bus, mailboxes, time };
}

/** Printable ASCII alone: it goes to logs and terminals. */
function decodeReason(bytes: Uint8Array, length: number): string {
  const text = bytes.subarray(DATA_AT + CLOSING_TEXT_AT, DATA_AT + length);
  const bad = text.findIndex((byte) => byte < 0x20 || byte > 0x7e);
  if (bad !== -1) throw refuse(DATA_AT + CLOSING_TEXT_AT + bad, "is not printable");
  return fromUtf8(text);
}

function requireZero(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) throw refuse(at, "is not zero");
}

function timeAt(view: DataView, offset: number): Micros {
  const time = Number(view.getBigUint64(offset, true) / NANOS.perMicro);
  if (!Number.isSafeInteger(time)) throw refuse(offset, "time is beyond the year 2255");
  return micros(time);
}

function refuse(offset: number, problem: string): DecodeError {
  return new DecodeError("bus record", offset, problem);
}

/** Cuts a byte stream into records; holds back less than one. */
export class RecordStream {
  readonly #held = new Uint8Array(RECORD_BYTES);
  #length = 0;

  /** Hands each complete record over as soon as it is decoded. Throws DecodeError at the first malformed one. */
  push(chunk: Uint8Array, deliver: (record: BusRecord) => void): void {
    let at = 0;
    if (this.#length > 0) {
      at = Math.min(RECORD_BYTES - this.#length, chunk.length);
      this.#held.set(chunk.subarray(0, at), this.#length);
      this.#length += at;
      if (this.#length < RECORD_BYTES) return;
      this.#length = 0;
      deliver(decodeRecord(this.#held));
    }
    for (; at + RECORD_BYTES <= chunk.length; at += RECORD_BYTES) {
      deliver(decodeRecord(chunk.subarray(at, at + RECORD_BYTES)));
    }
    this.#held.set(chunk.subarray(at));
    this.#length = chunk.length - at;
  }
}
