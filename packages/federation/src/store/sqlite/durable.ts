/**
 * How a SQLite file is written so that a kill at any write leaves whole transactions. node-sqlite3-wasm takes its own
 * lock folder for somebody's reserved lock, so that SQLite never rolls a rollback journal back (pager.c, hasHotJournal),
 * in whatever mode; a write-ahead log is recovered by its checksums, and in exclusive mode without shared memory.
 */
export const DURABLE =
  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
