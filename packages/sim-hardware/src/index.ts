export {
  type AttachOptions,
  type BusLoad,
  type BusTap,
  type Corruption,
  VirtualBus,
} from "./bus/virtual-bus.js";
export {
  CONFORMANCE_POINTS,
  type ConformanceOptions,
  type ConformanceReport,
  type PointReport,
  runConformance,
} from "./conformance/runner.js";
export type { Verdict } from "./conformance/script.js";
export type { BenchPairing } from "./conformance/types.js";
export { SimError, type SimErrorCode } from "./errors.js";
export { FAULT_NAMES, FAULTS, type Fault, type FaultName, isFaultName } from "./faults/fault.js";
export { lockFolder } from "./folder-lock.js";
export {
  provisionLegacyModules,
  readLegacyModules,
  writeLegacyModules,
} from "./legacy/legacy-file.js";
export type { LegacyModuleView } from "./legacy/legacy-module.js";
export type { SimLegacyModule, SimLegacyQuirks } from "./legacy/quirks.js";
export {
  type ModuleFlash,
  type ProvisionedModule,
  provisionModules,
  readModuleFlashes,
  writeModuleFlash,
} from "./module/flash.js";
export type { ModuleStateName, ModuleView } from "./module/sim-module.js";
export type { Column, Columns } from "./replay/columns.js";
export { notesOf } from "./replay/notes.js";
export {
  type RecordedSample,
  type Recording,
  type RecordingProblem,
  readRecording,
} from "./replay/recording.js";
export { seededEntropy } from "./scenario/entropy.js";
export { checkExpectations, unmetExpectations } from "./scenario/expect.js";
export { parseScenario } from "./scenario/parse.js";
export type { DriveSpec, Expectations, FaultEvent, Scenario } from "./scenario/scenario.js";
export {
  type Drive,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "./simulator.js";
export { SlcanAdapter, type SlcanAdapterOptions } from "./slcan/adapter.js";
export type { BytePort, BytePortListener } from "./slcan/port.js";
export { openSlcan, type SlcanBus, type SlcanOptions } from "./slcan/slcan-bus.js";
export { type BusConnection, connectBus } from "./socket/client.js";
export { BusServer, type BusServerOptions } from "./socket/server.js";
export { type RunOptions, SimKernel, type TimeReader } from "./time/kernel.js";
export type { WallClock } from "./time/wall-clock.js";
export type { LeftOut, ReplayCounts } from "./trace/carried.js";
export { convertTrace, type TraceConversion } from "./trace/convert.js";
export type { TraceFileCounts } from "./trace/file.js";
export type { PlayerOptions } from "./trace/player.js";
export { BusRecorder } from "./trace/recorder.js";
export { ReplayBus, type ReplayBusOptions } from "./trace/replay-bus.js";
export { sendTrace, type TraceSending } from "./trace/send-trace.js";
export { openTrace, type TraceSource } from "./trace/source.js";
