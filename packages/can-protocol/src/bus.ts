import type { Micros } from "@wattseal/base";

/** One data frame with a 29-bit identifier. Classic frames carry 0-8 bytes, FD frames a DLC size up to 64, always with bit-rate switch. */
export interface CanFrame {
  /** 29-bit identifier, without flag bits. */
  readonly id: number;
  /** Owned by the frame: neither side changes it after handing it over. */
  readonly data: Uint8Array;
  readonly fd: boolean;
}

/** Fault confinement state of a controller (ISO 11898-1 §12.1.4). */
export type BusState = "active" | "warning" | "passive" | "bus-off";

/** Why an error frame was on the wire, as far as the controller can tell. */
export type BusErrorKind = "bit" | "stuff" | "form" | "crc" | "ack" | "other";

export interface BusError {
  readonly kind: BusErrorKind;
  /** True when the frame destroyed was ours; the controller sends it again by itself. */
  readonly transmitting: boolean;
}

export interface BusInfo {
  /** Bit/s of the arbitration phase. */
  readonly nominalBitRate: number;
  /** Bit/s of the FD data phase; undefined on a bus configured as having classic nodes. */
  readonly dataBitRate: number | undefined;
}

export interface BusListener {
  /** A frame of another node, complete at `time`. */
  frame(frame: CanFrame, time: Micros): void;
  /** A frame that we sent has left the controller, acknowledged, at `time`. In the order of the wire. */
  sent(frame: CanFrame, time: Micros): void;
  error(error: BusError, time: Micros): void;
  /** The controller entered this state; bus-off forgets what was queued, and says so by not reporting it sent. */
  state(state: BusState, time: Micros): void;
}

/**
 * One controller on a CAN bus. Adapters: the simulator's virtual bus, recordings, SocketCAN.
 *
 * Trust: everyone on the wire can send any frame under any identifier. Nothing read here is believed before
 * the link layer has opened it.
 */
export interface CanBus {
  readonly info: BusInfo;
  readonly state: BusState;
  /** Hands a frame to the controller. False when its mailboxes are full: nothing was taken, try again after `sent`. */
  send(frame: CanFrame): boolean;
  /** Calls back until the returned function is called. */
  listen(listener: BusListener): () => void;
  /** Leaves the bus; idempotent. */
  close(): void;
}
