import { WattsealError } from "@wattseal/base";

export type CanProtocolErrorCode =
  /** A value that its field cannot hold. */
  | "field-range"
  /** A frame, identifier part or PDU that the wire format has no room for. */
  | "bad-frame"
  /** A clear-text module that is paired, listed twice, not listed, or one too many. */
  | "legacy-modules"
  /** A session that was used beyond its counters or after its end. */
  | "session-over";

/** Every error this package throws, but for base's DecodeError. */
export class CanProtocolError extends WattsealError<CanProtocolErrorCode> {}
