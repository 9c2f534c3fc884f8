/** What sealed PDUs say, decoded. Values are physical (volts, amperes, degrees, percent) unless said otherwise. */
import type { MilliwattHours, ModuleUid } from "@wattseal/base";
import type { ClearValues } from "../catalogue/frames.js";

/** u32 milliseconds since the module's start, modulo 2^32. */
export type Tick = number;

export interface Telemetry {
  readonly kind: "telemetry";
  readonly status1: ClearValues<"status1">;
  readonly status2: ClearValues<"status2">;
  readonly status3: ClearValues<"status3">;
  /** Energy that went into the module since it was made, modulo 2^48 mWh. */
  readonly inMwh: MilliwattHours;
  /** Energy that came out of the module since it was made, modulo 2^48 mWh. */
  readonly outMwh: MilliwattHours;
  readonly tick: Tick;
  /** u16, one more at each start of the module. */
  readonly boot: number;
}

export interface CellDetail extends ClearValues<"cellDetail"> {
  readonly kind: "cell-detail";
}

export interface Hardware extends ClearValues<"hardware"> {
  readonly kind: "hardware";
  /** Firmware version, as the clear announce carries it. */
  readonly fw: number;
}

/** A change of state, status or fault byte, told at once. */
export interface StateReport {
  readonly kind: "state-report";
  readonly tick: Tick;
  /** MODULE_STATE and MODULE_STATUS. */
  readonly state: number;
  readonly status: number;
  /** Bits of FAULT. */
  readonly faults: number;
  readonly voltage: number;
}

/** What became of a command. */
export const OUTCOME = {
  done: 0,
  /** More than 2 s behind the module's tick, or ahead of it. */
  stale: 1,
  /** Not in the module's present state. */
  refused: 2,
  /** A type, or a value, that this module does not implement. */
  unsupported: 3,
  malformed: 4,
  /** Tried, and the hardware did not follow. */
  failed: 5,
} as const;

export interface Outcome {
  readonly kind: "outcome";
  readonly tick: Tick;
  /** Inner type of the command. */
  readonly command: number;
  /** One of OUTCOME. */
  readonly code: number;
  /** Class (0 urgent, 1 normal, 2 bulk) and low 32 bits of the counter of the command's PDU. */
  readonly class: number;
  readonly counter: number;
}

export interface TimeRequest {
  readonly kind: "time-request";
  readonly tick: Tick;
}

/** Bytes of a log frame. */
export const LOG_FRAME_LENGTH = 1024;

export interface LogFrame {
  readonly kind: "log-frame";
  readonly counter: number;
  /** 1024 bytes. */
  readonly data: Uint8Array;
}

export interface Capability {
  readonly kind: "capability";
  /** Of this link protocol. */
  readonly version: number;
  /** Bits of CAPABILITY. */
  readonly capabilities: number;
  /** Highest telemetry rate, readings per second. */
  readonly maxRate: number;
  /** Longest PDU that the module takes, bytes. */
  readonly maxPdu: number;
}

/** Bits of a module's capabilities, in message 2 and in Capability. */
export const CAPABILITY = {
  cellDetail: 1,
  logFrames: 2,
  images: 4,
  counterStatement: 8,
  keyRoll: 16,
} as const;

/** The module's word to the federation; see the counter statement in this package's README. */
export interface CounterStatement {
  readonly kind: "counter-statement";
  readonly uid: ModuleUid;
  readonly boot: number;
  readonly tick: Tick;
  readonly inMwh: MilliwattHours;
  readonly outMwh: MilliwattHours;
  /** HMAC-SHA-256, 32 bytes, over all before it; only the federation can check it. */
  readonly mac: Uint8Array;
}

/** A ping carries a tick of its sender and comes back as it is. */
export interface Ping {
  readonly kind: "ping";
  readonly tick: Tick;
}

export type ModuleMessage =
  | Telemetry
  | CellDetail
  | Hardware
  | StateReport
  | Outcome
  | TimeRequest
  | LogFrame
  | Capability
  | CounterStatement
  | Ping;

/** Every command starts with the freshness tick: the module's own, from the last telemetry that the pack accepted. */
interface Command {
  readonly tick: Tick;
}

/** Period 0 asks for one reading now; any other sets the push period, milliseconds. */
export interface TelemetryRequest extends Command {
  readonly kind: "telemetry-request";
  readonly periodMs: number;
}
export interface CellDetailRequest extends Command {
  readonly kind: "cell-detail-request";
  readonly cell: number;
}
export interface HardwareRequest extends Command {
  readonly kind: "hardware-request";
}
export interface StateChange extends Command {
  readonly kind: "state-change";
  /** One of MODULE_STATE. */
  readonly state: number;
  readonly hvBusVoltage: number;
}
/** Opens the module's relay. `cause`: 0 none given, 1 operator, 2 fault in the pack, 3 shutdown. */
export interface Isolate extends Command {
  readonly kind: "isolate";
  readonly cause: number;
}
/** The highest state that the module may be in. */
export interface Heartbeat extends Command {
  readonly kind: "heartbeat";
  /** One of MODULE_STATE. */
  readonly maxState: number;
}
export interface Time extends Command {
  readonly kind: "time";
  /** UTC, milliseconds, u48. */
  readonly utcMs: number;
  /** 1 when the pack's clock is set. */
  readonly valid: number;
}
/** Counter 0xFFFFFFFF asks for the last frame. */
export interface LogFrameRequest extends Command {
  readonly kind: "log-frame-request";
  readonly counter: number;
}
export interface CapabilityRequest extends Command {
  readonly kind: "capability-request";
}
export interface KeyRoll extends Command {
  readonly kind: "key-roll";
  /** The pack's next public half, 32 bytes. */
  readonly packHalf: Uint8Array;
}
export interface Erase extends Command {
  readonly kind: "erase";
}
export interface CounterStatementRequest extends Command {
  readonly kind: "counter-statement-request";
}

export type PackCommand =
  | TelemetryRequest
  | CellDetailRequest
  | HardwareRequest
  | StateChange
  | Isolate
  | Heartbeat
  | Time
  | LogFrameRequest
  | CapabilityRequest
  | KeyRoll
  | Erase
  | CounterStatementRequest;

export type PackMessage = PackCommand | Ping;

type WithoutTick<M> = M extends unknown ? Omit<M, "tick"> : never;
/** A command as the pack's application gives it: the link adds the freshness tick. Heartbeats are the link's own. */
export type PackOrder = WithoutTick<Exclude<PackCommand, Heartbeat>>;
