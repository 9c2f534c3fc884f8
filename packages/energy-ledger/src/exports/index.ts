export { csvField, csvHeader, csvLine } from "./csv.js";
export { DayMeter, type LedgerDay, type LogMoment, type RegisterReading } from "./days.js";
export { DEFAULT_LIMITS, type PassportLimits } from "./events.js";
export { Passport } from "./passport.js";
export {
  type ExportHead,
  endOf,
  type Period,
  type ProofReference,
  WHOLE_LOG,
  within,
} from "./proof.js";
export { type LedgerRow, rowOf } from "./rows.js";
export { StorageRecords } from "./storage.js";
export type { StorageRecord } from "./storage-record.js";
export { jsonLine } from "./text.js";
