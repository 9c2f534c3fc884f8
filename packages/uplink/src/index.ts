export { type Batch, decodeBatch, encodeBatch } from "./batch.js";
export { checkBatch, checkResponse, type Extension, soleCheckpoint } from "./check.js";
export { connectProblem } from "./connect-problem.js";
export { type CursorOptions, UplinkCursors } from "./cursors.js";
export { type UplinkCode, UplinkError } from "./errors.js";
export {
  MAX_BATCH_LEAF_BYTES,
  MAX_BATCH_LEAVES,
  MAX_MESSAGE_BYTES,
  TARGET_BATCH_BYTES,
  TARGET_BATCH_LEAVES,
} from "./limits.js";
export {
  leafBytes,
  type PendingCheckpoint,
  PendingCheckpoints,
  type PendingOptions,
} from "./pending.js";
export {
  type AcceptedReceipt,
  type Destination,
  decodeReceipt,
  type OwnLog,
  type ReceiptExpectation,
  verifyReceipt,
} from "./receipt.js";
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type LeafRequest,
  type LeafResponse,
} from "./request.js";
export { type ResponseSource, takeResponse } from "./respond.js";
export {
  type SenderEffect,
  type SenderEvent,
  type SenderOptions,
  type SenderStatus,
  UplinkSender,
} from "./sender.js";
export {
  CHANNELS,
  type Channel,
  type FleetName,
  fleetName,
  type PackName,
  packName,
  parseTopic,
  type Topic,
  topicFilter,
  topicOf,
} from "./topics.js";
