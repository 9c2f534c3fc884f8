export { type BackupOptions, backupLog } from "./backup.js";
export { type AppendFile, type NewFile, nodeFiles, type StoreFiles } from "./files.js";
export { lockDirectory } from "./lock.js";
export { type Head, type OpenResult, StoredLog } from "./log.js";
export type { VerifyHead } from "./open.js";
export { type Mended, type Repaired, type RepairOptions, repairLog } from "./repair.js";
export { type Appended, LogStore, type OpenOptions } from "./store.js";
