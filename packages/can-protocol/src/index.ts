export type {
  BusError,
  BusErrorKind,
  BusInfo,
  BusListener,
  BusState,
  CanBus,
  CanFrame,
} from "./bus.js";
export {
  type ClearMessage,
  type ClearOptions,
  decodeClear,
  encodeClear,
  uidOf,
} from "./catalogue/clear-codec.js";
export {
  BROADCAST_ADDRESS,
  type ClearId,
  clearId,
  parseClearId,
  UNREGISTERED_ADDRESS,
} from "./catalogue/clear-id.js";
export { type DbcOptions, exportDbc } from "./catalogue/dbc.js";
export {
  type AddressKind,
  CLEAR_FRAMES,
  type ClearFrameName,
  type ClearFrameSpec,
  type ClearValues,
  type Direction,
} from "./catalogue/frames.js";
export { FAULT, MODULE_STATE, MODULE_STATUS, SCALE, VCU_SCALE } from "./catalogue/scales.js";
export { CanProtocolError, type CanProtocolErrorCode } from "./errors.js";
export { INNER_TYPE } from "./inner/bodies.js";
export {
  decodeModuleMessage,
  decodePackMessage,
  encodeModuleMessage,
  encodePackMessage,
  type InnerPdu,
} from "./inner/codec.js";
export { counterStatementOf } from "./inner/counter-statement.js";
export {
  CAPABILITY,
  type Capability,
  type CellDetail,
  type CounterStatement,
  type Hardware,
  LOG_FRAME_LENGTH,
  type LogFrame,
  type ModuleMessage,
  OUTCOME,
  type Outcome,
  type PackCommand,
  type PackMessage,
  type PackOrder,
  type Ping,
  type StateReport,
  type Telemetry,
  type Tick,
  type TimeRequest,
} from "./inner/messages.js";
export { ClearGuard, isClear } from "./legacy/clear-guard.js";
export { crc32 } from "./legacy/crc32.js";
export { LegacyPack } from "./legacy/legacy-pack.js";
export { LEGACY_LIMITS } from "./legacy/limits.js";
export {
  type ClearAlarm,
  LAST_LOG_FRAME,
  type LegacyEvent,
  type LegacyLimits,
  type LegacyModule,
  type LegacyModuleStatus,
  type LegacyPackEffect,
  type LegacyPackEvent,
  type LegacyPackOptions,
  type LegacyQuirks,
  type LegacyReading,
  type NotTold,
  type SecuredModule,
  type TransferFailure,
} from "./legacy/types.js";
export type { BadHandshake, BrokenReason, LinkAlarm } from "./link/alarm.js";
export { DEFAULT_LIMITS } from "./link/limits.js";
export { ModuleLink } from "./link/module-link.js";
export type { LinkLimits, ModuleLinkOptions, PackLinkOptions } from "./link/options.js";
export { PackLink } from "./link/pack-link.js";
export { PackRoll, type StorePackPairing } from "./link/pack-roll.js";
export {
  DEFAULT_RATE_HZ,
  HIGHEST_RATE_HZ,
  TELEMETRY_SHARE,
  type TelemetryDemand,
  type TelemetryPlan,
  telemetryPeriod,
} from "./link/telemetry-period.js";
export type {
  DhRequest,
  DownReason,
  FrameClass,
  Link,
  LinkCounts,
  LinkStatus,
  ModuleLinkEffect,
  ModuleLinkEvent,
  OrderResult,
  PackLinkEffect,
  PackLinkEvent,
  PduClass,
  Queueing,
  RefusalReason,
  UnsentReason,
  Withdrawn,
} from "./link/types.js";
export { type LocalPackLink, withHalves } from "./link/with-halves.js";
export { FrameScheduler, type SchedulerListener } from "./scheduler.js";
export { LINK_VERSION } from "./secured/handshake.js";
export {
  baseOf,
  classOf,
  isSecured,
  isToModule,
  type LinkDirection,
  securedId,
  slotOf,
} from "./secured/identifier.js";
export { RecordedPdus, type SoughtPdu } from "./secured/recorded-pdus.js";
export { type KeptPdu, SealedAgain } from "./secured/sealed-again.js";
export {
  encodeShunt,
  isShunt,
  type ShuntAlarm,
  type ShuntHeard,
  ShuntReceiver,
  type ShuntSample,
  type ShuntValues,
} from "./shunt/receiver.js";
export { busFrameOf, decodeSlcanFrame, encodeSlcanFrame, type SlcanFrame } from "./slcan/frame.js";
export { SLCAN_BIT_RATES, slcanBitRate, slcanDataBitRate } from "./slcan/rates.js";
export { SLCAN_STATUS, SlcanReader, type SlcanReply } from "./slcan/reader.js";
export type { TraceProblem, TraceProblems, TraceReader, TraceWriter } from "./trace/codec.js";
export { type ErrorMeaning, errorContent, meaningOf, stateContent } from "./trace/error-frame.js";
export { type TraceFormat, traceFormatOf, traceReader, traceWriter } from "./trace/formats.js";
export { lossesOf, type TraceLoss } from "./trace/losses.js";
export {
  type ClassicRecord,
  type ErrorRecord,
  type FdRecord,
  frameOf,
  type RemoteRecord,
  recordOf,
  type TraceRecord,
  type Uncarried,
} from "./trace/record.js";
export { type FrameBits, frameBits, frameNanos } from "./wire/frame-bits.js";
