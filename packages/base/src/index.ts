export {
  bytesEqual,
  compareBytes,
  concatBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  toBase32,
  toBase64,
  toHex,
  utf8,
  viewOf,
} from "./bytes.js";
export {
  type CborDecodeOptions,
  type CborKey,
  type CborMap,
  type CborValue,
  decodeCbor,
  encodeCbor,
} from "./cbor.js";
export {
  type CoseAlgorithm,
  type CoseSign1,
  decodeSign1,
  encodeSign1,
  verifySign1,
} from "./cose.js";
export {
  DecodeError,
  type ErrorKind,
  InvariantViolation,
  messageOf,
  RangeViolation,
  WattsealError,
} from "./errors.js";
export { type Bounds, Fields } from "./fields.js";
export {
  type Cancel,
  type Clock,
  type Entropy,
  type LogFields,
  type Logger,
  type SyncState,
  silentLogger,
  type TimeSource,
} from "./ports.js";
export { sha256, verifyEd25519, verifyP256 } from "./primitives.js";
export { printable } from "./printable.js";
export { TokenBucket, type TokenBucketSize } from "./token-bucket.js";
export {
  type Branded,
  type LctId,
  labelOf,
  lctId,
  MAX_ENTRY_LENGTH,
  type Micros,
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  micros,
  millis,
  milliwattHours,
  moduleUid,
  originOf,
  type Slot,
  slot,
} from "./units.js";
