/**
 * Error frames and changes of state as SocketCAN reports them (linux/can/error.h): CAN_ERR_FLAG with class bits
 * in the identifier, eight bytes of data, details by position.
 */
import { DecodeError, type Micros } from "@wattseal/base";
import type { BusError, BusErrorKind, BusState } from "@wattseal/can-protocol";

export const CAN_ERR_FLAG = 0x20_00_00_00;
const CAN_ERR_DLC = 8;

const CLASS = {
  controller: 0x04,
  protocol: 0x08,
  acknowledgement: 0x20,
  busOff: 0x40,
  busError: 0x80,
  counters: 0x200,
} as const;

const CONTROLLER_AT = 1;
const PROTOCOL_AT = 2;
const LOCATION_AT = 3;
const TRANSMIT_COUNTER_AT = 6;
const RECEIVE_COUNTER_AT = 7;

const CONTROLLER = {
  receiveWarning: 0x04,
  transmitWarning: 0x08,
  receivePassive: 0x10,
  transmitPassive: 0x20,
  active: 0x40,
} as const;
const TRANSMITTING = 0x80;
/** CAN_ERR_PROT_BIT, _FORM, _STUFF; the others are told by where they happened, or not at all. */
const PROTOCOL: Readonly<Record<BusErrorKind, number>> = {
  bit: 0x01,
  form: 0x02,
  stuff: 0x04,
  crc: 0,
  ack: 0,
  other: 0,
};
/** CAN_ERR_PROT_LOC_CRC_SEQ, _ACK. */
const LOCATION: Readonly<Record<BusErrorKind, number>> = {
  bit: 0,
  form: 0,
  stuff: 0,
  crc: 0x08,
  ack: 0x19,
  other: 0,
};
const KINDS: readonly BusErrorKind[] = ["bit", "form", "stuff", "crc", "ack", "other"];

const WARNING_AT = 96;
const PASSIVE_AT = 128;
const LARGEST_COUNTER = 255;

/** An error frame that the client's controller has seen. */
export interface ErrorRecord {
  readonly kind: "error";
  readonly error: BusError;
  readonly time: Micros;
}
/** A new state of the client's controller; bus-off forgets what was queued. Counters 0 to 255. */
export interface StateRecord {
  readonly kind: "state";
  readonly state: BusState;
  readonly transmitErrors: number;
  readonly receiveErrors: number;
  readonly time: Micros;
}

interface ErrorFrame {
  /** With CAN_ERR_FLAG. */
  readonly id: number;
  /** Eight bytes. */
  readonly data: Uint8Array;
}

export function encodeError(record: ErrorRecord | StateRecord): ErrorFrame {
  return record.kind === "error" ? busError(record.error) : stateChange(record);
}

function busError({ kind, transmitting }: BusError): ErrorFrame {
  const data = new Uint8Array(CAN_ERR_DLC);
  data[PROTOCOL_AT] = PROTOCOL[kind] | (transmitting ? TRANSMITTING : 0);
  data[LOCATION_AT] = LOCATION[kind];
  const acknowledgement = kind === "ack" ? CLASS.acknowledgement : 0;
  return { id: CAN_ERR_FLAG | CLASS.protocol | CLASS.busError | acknowledgement, data };
}

function stateChange(record: Omit<StateRecord, "kind" | "time">): ErrorFrame {
  const data = new Uint8Array(CAN_ERR_DLC);
  const transmit = Math.min(LARGEST_COUNTER, record.transmitErrors);
  const receive = Math.min(LARGEST_COUNTER, record.receiveErrors);
  data[TRANSMIT_COUNTER_AT] = transmit;
  data[RECEIVE_COUNTER_AT] = receive;
  if (record.state === "bus-off") {
    return { id: CAN_ERR_FLAG | CLASS.busOff | CLASS.counters, data };
  }
  data[CONTROLLER_AT] = controllerBits(record.state, transmit, receive);
  return { id: CAN_ERR_FLAG | CLASS.controller | CLASS.counters, data };
}

function controllerBits(state: BusState, transmit: number, receive: number): number {
  if (state === "active") return CONTROLLER.active;
  const [limit, ofTransmit, ofReceive] =
    state === "passive"
      ? [PASSIVE_AT, CONTROLLER.transmitPassive, CONTROLLER.receivePassive]
      : [WARNING_AT, CONTROLLER.transmitWarning, CONTROLLER.receiveWarning];
  return (transmit >= limit ? ofTransmit : 0) | (receive >= limit ? ofReceive : 0);
}

/** Takes exactly what `encodeError` makes. Throws DecodeError, `offset` counted from the record's begin. */
export function decodeError(
  { id, data }: ErrorFrame,
  time: Micros,
  dataAt: number,
): ErrorRecord | StateRecord {
  if (data.length !== CAN_ERR_DLC) throw refuse(dataAt, "an error record has 8 bytes");
  const transmitErrors = data[TRANSMIT_COUNTER_AT] ?? 0;
  const receiveErrors = data[RECEIVE_COUNTER_AT] ?? 0;
  const transmitting = ((data[PROTOCOL_AT] ?? 0) & TRANSMITTING) !== 0;
  const candidates: readonly (ErrorRecord | StateRecord)[] = [
    ...KINDS.map((kind) => ({ kind: "error", error: { kind, transmitting }, time }) as const),
    ...[stateOf(transmitErrors, receiveErrors), "bus-off" as const].map(
      (state) => ({ kind: "state", state, transmitErrors, receiveErrors, time }) as const,
    ),
  ];
  const record = candidates.find((candidate) => {
    const encoded = encodeError(candidate);
    return encoded.id === id && encoded.data.every((byte, i) => byte === data[i]);
  });
  if (record === undefined) throw refuse(0, "is no error record that is made here");
  return record;
}

function stateOf(transmit: number, receive: number): BusState {
  const larger = Math.max(transmit, receive);
  if (larger >= PASSIVE_AT) return "passive";
  return larger >= WARNING_AT ? "warning" : "active";
}

function refuse(offset: number, problem: string): DecodeError {
  return new DecodeError("bus record", offset, problem);
}
