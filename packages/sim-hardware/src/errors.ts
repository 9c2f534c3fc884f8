import { type ErrorKind, WattsealError } from "@wattseal/base";

export type SimErrorCode =
  | "fd-on-classic-bus"
  | "frame-shape"
  | "bus-closed"
  | "already-running"
  | "bus-record"
  | "bus-socket"
  | "foreign-pack"
  | "slcan-adapter"
  | "recording"
  | "scenario"
  | "state-folder"
  | "trace-file"
  | "configuration";

/**
 * Everything the simulator refuses. `fd-on-classic-bus`, `frame-shape`, `bus-closed`, `already-running` and
 * `configuration` are the caller's mistakes; `foreign-pack` is a second pack where there must be one; `slcan-adapter` is the adapter on a serial line; `bus-record` is
 * the other end of the socket; `bus-socket`,
 * `recording`, `scenario`, `state-folder` and `trace-file` name the path to look at.
 */
export class SimError extends WattsealError<SimErrorCode> {
  constructor(code: SimErrorCode, kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(code, kind, message, options);
  }
}
