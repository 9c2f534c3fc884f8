import { WattsealError } from "@wattseal/base";

export type DeviceKeysErrorCode =
  /** A key, hash or nonce part has the wrong size or range. */
  | "bad-parameter"
  /** The peer's public half yields the all-zero secret (RFC 7748 §6.1). */
  | "weak-peer-half"
  /** The secret was disposed of before this call. */
  | "disposed"
  /** A handshake step out of turn. */
  | "out-of-turn"
  /** A handshake message that does not authenticate, or has an impossible length. */
  | "handshake-refused"
  /** A pairing record whose parts contradict each other. */
  | "bad-pairing";

/** Every error this package throws, but for base's DecodeError. */
export class DeviceKeysError extends WattsealError<DeviceKeysErrorCode> {}
