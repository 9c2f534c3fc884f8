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
  type AddressKind,
  CLEAR_FRAMES,
  type ClearFrameName,
  type ClearFrameSpec,
  type ClearValues,
  type Direction,
} from "./catalogue/frames.js";
export { FAULT, MODULE_STATE, MODULE_STATUS, SCALE, VCU_SCALE } from "./catalogue/scales.js";
export { CanProtocolError, type CanProtocolErrorCode } from "./errors.js";
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
export { ModuleLink } from "./link/module-link.js";
export { PackLink } from "./link/pack-link.js";
export type {
  BrokenReason,
  DownReason,
  FrameClass,
  Link,
  LinkAlarm,
  LinkCounts,
  LinkEffect,
  LinkLimits,
  LinkStatus,
  ModuleLinkEffect,
  ModuleLinkEvent,
  ModuleLinkOptions,
  PackLinkEffect,
  PackLinkEvent,
  PackLinkOptions,
  PduClass,
  UnsentReason,
} from "./link/types.js";
export { FrameScheduler, type SchedulerListener } from "./scheduler.js";
export {
  baseOf,
  classOf,
  isSecured,
  isToModule,
  type LinkDirection,
  securedId,
  slotOf,
} from "./secured/identifier.js";
export { type FrameBits, frameBits, frameNanos } from "./wire.js";
