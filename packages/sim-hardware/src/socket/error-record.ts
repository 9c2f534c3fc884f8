/**
 * Error frames and changes of state as SocketCAN reports them (linux/can/error.h): CAN_ERR_FLAG with class bits
 * in the identifier, eight bytes of data, details by position. Beyond what traces hold, a state comes with the
 * controller's counters, and says which of the two put it there.
 */
import { bytesEqual, DecodeError, type Micros } from "@wattseal/base";
import {
  type BusError,
  type BusState,
  errorContent,
  meaningOf,
  stateContent,
} from "@wattseal/can-protocol";

export const CAN_ERR_FLAG = 0x20_00_00_00;
const CAN_ERR_CNT = 0x200;
const CAN_ERR_DLC = 8;

const CONTROLLER_AT = 1;
const TRANSMIT_COUNTER_AT = 6;
const RECEIVE_COUNTER_AT = 7;
/** CAN_ERR_CRTL_TX_WARNING and _TX_PASSIVE; CAN_ERR_CRTL_RX_WARNING and _RX_PASSIVE. */
const BY_TRANSMITTING = 0x28;
const BY_RECEIVING = 0x14;

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
  if (record.kind === "state") return stateChange(record);
  const { classes, data } = errorContent(record.error);
  return { id: CAN_ERR_FLAG | classes, data };
}

function stateChange({ state, transmitErrors, receiveErrors }: StateRecord): ErrorFrame {
  const { classes, data } = stateContent(state);
  const transmit = Math.min(LARGEST_COUNTER, transmitErrors);
  const receive = Math.min(LARGEST_COUNTER, receiveErrors);
  if (state === "warning" || state === "passive") {
    const limit = state === "passive" ? PASSIVE_AT : WARNING_AT;
    const causes =
      (transmit >= limit ? BY_TRANSMITTING : 0) | (receive >= limit ? BY_RECEIVING : 0);
    data[CONTROLLER_AT] = (data[CONTROLLER_AT] ?? 0) & causes;
  }
  data[TRANSMIT_COUNTER_AT] = transmit;
  data[RECEIVE_COUNTER_AT] = receive;
  return { id: CAN_ERR_FLAG | classes | CAN_ERR_CNT, data };
}

/** Takes exactly what `encodeError` makes. Throws DecodeError, `offset` counted from the record's begin. */
export function decodeError(
  { id, data }: ErrorFrame,
  time: Micros,
  dataAt: number,
): ErrorRecord | StateRecord {
  if (data.length !== CAN_ERR_DLC) throw refuse(dataAt, "an error record has 8 bytes");
  const record = recordOf({ id, data }, time);
  const made = record === undefined ? undefined : encodeError(record);
  if (record === undefined || made?.id !== id || !bytesEqual(made.data, data)) {
    throw refuse(0, "is no error record that is made here");
  }
  return record;
}

function recordOf({ id, data }: ErrorFrame, time: Micros): ErrorRecord | StateRecord | undefined {
  const { error, state } = meaningOf({ classes: id & ~CAN_ERR_FLAG, data });
  if (error !== undefined) return { kind: "error", error, time };
  if (state === undefined) return undefined;
  const transmitErrors = data[TRANSMIT_COUNTER_AT] ?? 0;
  const receiveErrors = data[RECEIVE_COUNTER_AT] ?? 0;
  if (state !== "bus-off" && state !== stateAt(Math.max(transmitErrors, receiveErrors))) {
    return undefined;
  }
  return { kind: "state", state, transmitErrors, receiveErrors, time };
}

function stateAt(largerCounter: number): BusState {
  if (largerCounter >= PASSIVE_AT) return "passive";
  return largerCounter >= WARNING_AT ? "warning" : "active";
}

function refuse(offset: number, problem: string): DecodeError {
  return new DecodeError("bus record", offset, problem);
}
