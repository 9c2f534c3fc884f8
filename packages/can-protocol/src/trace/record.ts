import type { Micros } from "@wattseal/base";
import type { CanFrame } from "../bus.js";

/** Flags of a CAN FD frame, as in linux/can.h. */
export const FD_FLAG = { brs: 0x01, esi: 0x02, fdf: 0x04 } as const;

export const LARGEST_STANDARD_ID = 0x7_ff;
export const LARGEST_EXTENDED_ID = 0x1f_ff_ff_ff;

/** Data lengths of a CAN FD frame, by data length code (ISO 11898-1 §10.4.2.3). */
export const FD_LENGTHS: readonly number[] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64,
];
export const CLASSIC_LENGTH = 8;

/** The data length code of an FD frame; undefined when no FD frame has this length. */
export function fdDlcOf(length: number): number | undefined {
  const dlc = FD_LENGTHS.indexOf(length);
  return dlc === -1 ? undefined : dlc;
}

interface Recorded {
  /** UTC. Not in order, where whoever recorded did not care. Below the year 2106, so that every format can hold it. */
  readonly time: Micros;
  /** Name of the network interface: printable ASCII without spaces. */
  readonly channel: string;
  /** As seen by whoever recorded, where that is known. */
  readonly direction: "rx" | "tx" | undefined;
}

interface Identified {
  readonly id: number;
  /** 29-bit identifier; otherwise 11-bit. */
  readonly extended: boolean;
}

export interface ClassicRecord extends Recorded, Identified {
  readonly kind: "classic";
  /** As transmitted, 0 to 15: from 8 on there are eight bytes (ISO 11898-1 §10.4.2.3). */
  readonly dlc: number;
  readonly data: Uint8Array;
}

export interface FdRecord extends Recorded, Identified {
  readonly kind: "fd";
  /** FD_FLAG bits as they were found: FDF says nothing that `kind` does not. */
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Remote transmission request. */
export interface RemoteRecord extends Recorded, Identified {
  readonly kind: "remote";
  readonly dlc: number;
}

/** Not a frame of the wire, but what a controller said about it: classes and data as in linux/can/error.h. */
export interface ErrorRecord extends Recorded {
  readonly kind: "error";
  /** 29 bits. */
  readonly classes: number;
  /** 0 to 8 bytes. */
  readonly data: Uint8Array;
}

/**
 * One event of a bus as trace files hold it. Wider than CanFrame, which is what our own bus carries: traces of
 * other buses have 11-bit identifiers, remote frames and error frames.
 */
export type TraceRecord = ClassicRecord | FdRecord | RemoteRecord | ErrorRecord;

/** Why a record cannot be put on a CanBus. */
export type Uncarried =
  | "standard identifier"
  | "remote frame"
  | "error frame"
  | "no bit-rate switch";

/** The record as a frame of our bus, sharing its data, or why it cannot be one. */
export function frameOf(record: TraceRecord): CanFrame | Uncarried {
  if (record.kind === "error") return "error frame";
  if (record.kind === "remote") return "remote frame";
  if (!record.extended) return "standard identifier";
  const { id, data } = record;
  if (record.kind === "classic") return { id, data, fd: false };
  return (record.flags & FD_FLAG.brs) === 0 ? "no bit-rate switch" : { id, data, fd: true };
}

/** A frame of our bus as a record, sharing its data. */
export function recordOf(
  frame: CanFrame,
  time: Micros,
  channel: string,
  direction?: "rx" | "tx",
): TraceRecord {
  const { id, data, fd } = frame;
  const common = { time, channel, direction, id, extended: true, data };
  return fd
    ? { ...common, kind: "fd", flags: FD_FLAG.brs }
    : { ...common, kind: "classic", dlc: data.length };
}
