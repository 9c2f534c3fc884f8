import type { BusError, BusErrorKind, BusState } from "../bus.js";
import type { ErrorRecord } from "./record.js";

// linux/can/error.h
const CLASS = {
  controller: 0x04,
  protocol: 0x08,
  acknowledge: 0x20,
  busOff: 0x40,
  busError: 0x80,
  restarted: 0x1_00,
} as const;
/** Byte 1: state of the controller, receiver's and transmitter's bit. */
const CONTROLLER = { warning: 0x0c, passive: 0x30, active: 0x40 } as const;
/** Byte 2: what was violated. */
const VIOLATION = { bit: 0x01, form: 0x02, stuff: 0x04, transmitting: 0x80 } as const;
/** Byte 3: where. */
const LOCATION = { crc: 0x08, ack: 0x19 } as const;

type ErrorContent = Pick<ErrorRecord, "classes" | "data">;

/** A bus error as SocketCAN reports it. */
export function errorContent({ kind, transmitting }: BusError): ErrorContent {
  const data = new Uint8Array(8);
  const violation = kind === "bit" || kind === "form" || kind === "stuff" ? VIOLATION[kind] : 0;
  data[2] = violation | (transmitting ? VIOLATION.transmitting : 0);
  data[3] = kind === "crc" || kind === "ack" ? LOCATION[kind] : 0;
  const acknowledge = kind === "ack" ? CLASS.acknowledge : 0;
  return { classes: CLASS.protocol | CLASS.busError | acknowledge, data };
}

/** A change of fault confinement as SocketCAN reports it. */
export function stateContent(state: BusState): ErrorContent {
  const data = new Uint8Array(8);
  if (state === "bus-off") return { classes: CLASS.busOff, data };
  data[1] = CONTROLLER[state];
  return { classes: CLASS.controller, data };
}

export interface ErrorMeaning {
  readonly error: BusError | undefined;
  readonly state: BusState | undefined;
}

/** What an error frame says in the terms of CanBus; classes beyond those are passed over. */
export function meaningOf({ classes, data }: ErrorContent): ErrorMeaning {
  const isError = (classes & (CLASS.protocol | CLASS.acknowledge | CLASS.busError)) !== 0;
  const details = (classes & CLASS.protocol) === 0 ? 0 : (data[2] ?? 0);
  // A missing acknowledgement is the sender's to see.
  const transmitting =
    (classes & CLASS.acknowledge) !== 0 || (details & VIOLATION.transmitting) !== 0;
  return {
    error: isError ? { kind: errorKind(classes, details, data[3] ?? 0), transmitting } : undefined,
    state: stateOf(classes, data[1] ?? 0),
  };
}

function errorKind(classes: number, details: number, location: number): BusErrorKind {
  if ((classes & CLASS.acknowledge) !== 0) return "ack";
  const kinds = ["bit", "form", "stuff"] as const;
  const kind = kinds.find((one) => (details & VIOLATION[one]) !== 0);
  if (kind !== undefined || (classes & CLASS.protocol) === 0) return kind ?? "other";
  return location === LOCATION.crc ? "crc" : "other";
}

function stateOf(classes: number, controller: number): BusState | undefined {
  if ((classes & CLASS.busOff) !== 0) return "bus-off";
  if ((classes & CLASS.restarted) !== 0) return "active";
  if ((classes & CLASS.controller) === 0) return undefined;
  const states = ["passive", "warning", "active"] as const;
  return states.find((state) => (controller & CONTROLLER[state]) !== 0);
}
