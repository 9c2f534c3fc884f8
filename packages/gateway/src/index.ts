export { GatewayError, type GatewayErrorCode } from "./errors.js";
export type { KeptReading } from "./evidence/block.js";
export { type EvidenceFiles, nodeEvidenceFiles } from "./evidence/files.js";
export { type KeptEvidence, readEvidence } from "./evidence/read.js";
export type { EvidenceLimits } from "./evidence/ring.js";
export { type KeptInterval, type PartlyKept, selectInterval } from "./evidence/select.js";
export { EvidenceStore } from "./evidence/store.js";
export { Gateway } from "./gateway.js";
export { EnergyLog } from "./ledger/energy-log.js";
export type { ContinuedLog, Draft, EnergyLogOptions } from "./ledger/energy-log-options.js";
export type { StatementDraft } from "./ledger/entered.js";
export { LogWriter, type LogWriterOptions } from "./ledger/log-writer.js";
export { type Pruned, type PruneOptions, pruneLog } from "./ledger/prune.js";
export { RECEIPT_PREFIX, receiptDocument } from "./ledger/receipts.js";
export {
  CopyBehind,
  type FetchOptions,
  fetchLog,
  type JudgedCopy,
  type JudgeOptions,
  judgeCopy,
  type KnownHead,
  type OfferedLog,
} from "./ledger/restore.js";
export { RESTORED_NOTE, restoredNote } from "./ledger/restored.js";
export type { LegacyStatus, LegacyUnit } from "./legacy/clear-bus.js";
export type { GatewayOptions } from "./options.js";
export { carriedOrders } from "./orders/memory.js";
export { ORDERS_DOCUMENT } from "./orders/open.js";
export type { PressureStatus } from "./pressure/keeper.js";
export { type DiskSpace, nodeDiskSpace, type Space } from "./pressure/space.js";
export {
  DailyRecords,
  type DailyRecordsOptions,
  dailyRecordDocument,
} from "./records/daily-records.js";
export { Books, type BooksOptions, type WasteStatus } from "./society/books.js";
export type {
  Committed,
  OpenedTicket,
  Ordered,
  RolledBack,
  SocietyAccounts,
  SocietyOrders,
} from "./society/orders.js";
export type { EscrowOrder, OpenTrade, Reported, Settled } from "./society/trades.js";
export type { GatewayStatus, ModuleStatus, ShuntStatus } from "./status.js";
export type { BrokerAccess } from "./uplink/client.js";
export { Delivery, type DeliveryOptions, type Uplink } from "./uplink/delivery.js";
