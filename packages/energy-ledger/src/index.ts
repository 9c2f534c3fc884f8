export { MAX_ENERGY, TEXT } from "./codec/scalars.js";
export { decodeAs, encodeAs, type Schema, type Value } from "./codec/schema.js";
export {
  decodeOrder,
  encodeOrder,
  MAX_ORDER_BYTES,
  MAX_ORDER_LIFE,
  type OpsCommand,
  type OpsOutcome,
  ORDER_ACTIONS,
  type Order,
  type OrderAction,
  OrderError,
  type OrderedAction,
  orderKeyId,
  type SignedOrder,
} from "./entries/command.js";
export type {
  Counters,
  EnergyCheck,
  EnergyGap,
  EnergyInterval,
  EnergyReconcile,
  EnergyReset,
  EnergyResolve,
  EnergyWindow,
  Verdict,
} from "./entries/energy.js";
export {
  decodeEntry,
  ENTRY_TYPES,
  ENTRY_VERSION,
  type Entry,
  type EntryBody,
  type EntryType,
  encodeEntry,
} from "./entries/entry.js";
export {
  type LctState,
  type LinkAlarm,
  type LinkPaired,
  type OpsClock,
  type OpsLoss,
  type StatusPayload,
  statusPayload,
} from "./entries/lifecycle.js";
export {
  decodePolicy,
  type MintPayload,
  mintPayload,
  type Policy,
  type PolicyPayload,
  type PolicyPayload2,
  type PolicyWitness,
  policyPayload,
  policyPayload2,
  type SocietyCertify,
  type SocietyCharge,
  type SocietyCommit,
  type SocietyExpire,
  type SocietyReserve,
  type SocietyRollback,
  type SourceKind,
  type SourcePayload,
  sourcePayload,
  type Tier,
} from "./entries/society.js";
export type {
  SocietyDecide,
  SocietyOffer,
  SocietyRecord,
  SocietyReport,
  SocietyTrade,
  TradeTerms,
} from "./entries/trade.js";
export { LedgerError, type LedgerErrorCode } from "./errors.js";
export type { EpochStanding, LedgerChecks } from "./ledger/checks.js";
export { LedgerFold, type SavedLedger, SNAPSHOT_SPACING } from "./ledger/fold.js";
export type { ShuntReading } from "./ledger/shunt.js";
export { claimedTwice, type Stay, StayBook } from "./ledger/stays.js";
export type { EnergyTotals } from "./ledger/totals.js";
export type { OpenSuspect } from "./ledger/windows.js";
export { ReadingDigest } from "./metering/digest.js";
export {
  CURRENT_ZERO,
  ExactIntegral,
  LARGEST_REMAINDER,
  MAX_STEP,
  rawPower,
} from "./metering/integral.js";
export type { Carried } from "./metering/interval.js";
export {
  type MeterEntry,
  type MeterOptions,
  type ModuleEnd,
  ModuleMeter,
  type Reading,
  type Taken,
} from "./metering/meter.js";
export {
  type Derivation,
  type FieldFinding,
  type RetainedInterval,
  type RetainedReading,
  rederive,
  type Standing,
  underivable,
  usedBy,
} from "./metering/rederive.js";
export {
  type ShuntExactness,
  ShuntMeter,
  type ShuntPoint,
  type ShuntSpan,
  type ShuntTaken,
} from "./metering/shunt-meter.js";
export {
  rawStateOf,
  TELEMETRY_LENGTH,
  TELEMETRY_TYPE,
  telemetrySaid,
} from "./metering/telemetry.js";
export type { ToleranceUse } from "./metering/verdict.js";
export { closesAt, FULL_RESOLUTION, WINDOW, windowEnd, windowOf } from "./metering/window.js";
export { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot/snapshot.js";
export type { LedgerState, PairingState } from "./snapshot/state.js";
export type { AuthorityEntry, ForeignEntry, SocietyContext } from "./society/charter.js";
export type { DueEntry } from "./society/dues.js";
export { type SocietyEntry, SocietyFold } from "./society/fold.js";
export type { EpochState } from "./society/policy.js";
export { PROOF_AGE } from "./society/sources.js";
export type { SocietySummary } from "./society/summary.js";
export { type OpenTicket, TICKET_LIFE } from "./society/tickets.js";
export type { TradeState } from "./trade/decisions.js";
export { TradeFold } from "./trade/fold.js";
export { arrivingOf, tradeId } from "./trade/terms.js";
export type { WitnessAnswer, WitnessFold } from "./trade/witness.js";
