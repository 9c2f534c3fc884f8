import { WattsealError } from "@wattseal/base";

export type CanProtocolErrorCode =
  /** A value that its field cannot hold. */
  | "field-range"
  /** A frame, identifier part or PDU that the wire format has no room for. */
  | "bad-frame"
  /** A session that was used beyond its counters or after its end. */
  | "session-over";

/** Every error this package throws, but for base's DecodeError. */
export class CanProtocolError extends WattsealError<CanProtocolErrorCode> {}
