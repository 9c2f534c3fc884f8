/**
 * One SQLite file of this process's own, such that a kill at any write leaves whole transactions. node-sqlite3-wasm
 * takes its own lock folder for somebody's reserved lock, so that SQLite never rolls a rollback journal back (pager.c,
 * hasHotJournal), in whatever mode; a write-ahead log is recovered by its checksums, and in exclusive mode without
 * shared memory (sqlite.org/wal.html §6 and §8).
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf } from "@wattseal/base";
import sqlite from "node-sqlite3-wasm";
import { FederationError } from "../../errors.js";
import { type Access, integer, type Row, rowOf, type Value } from "../row.js";
import { lockStore } from "./lock.js";

type Handle = InstanceType<typeof sqlite.Database>;
type Statement = InstanceType<typeof sqlite.Statement>;

export interface Schema {
  /** What the file is, for people: "federation store". */
  readonly name: string;
  readonly file: string;
  /** SQLite's application_id. */
  readonly application: number;
  /** SQLite's user_version. */
  readonly version: number;
  /** Statements that take an empty file (version 0) or one of an older version to this one, and set both. */
  readonly from: (version: number) => string;
}

/** Pages that a commit of a busy worker touches are some thousands: SQLite's own 2 MB make it read them again each time. */
const CACHE_KIBIBYTES = 16_384;
/** Above what some commits in a row take; more of the write-ahead log is given back once it is in the file. */
const MAX_LOG_BYTES = 33_554_432;
const SETTINGS = `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON; PRAGMA cache_size = -${CACHE_KIBIBYTES}; PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`;

export class Database implements Access {
  readonly #handle: Handle;
  readonly #name: string;
  readonly #unlock: () => Promise<void>;
  readonly #statements = new Map<string, Statement>();
  #closed = false;

  private constructor(handle: Handle, name: string, unlock: () => Promise<void>) {
    this.#handle = handle;
    this.#name = name;
    this.#unlock = unlock;
  }

  /** Makes the directory and the file where there are none. Throws FederationError. */
  static async open(directory: string, schema: Schema): Promise<Database> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = await lockStore(directory);
    try {
      const handle = openHandle(join(directory, schema.file), schema);
      // What is committed to a write-ahead log is there after a power cut if the directory knows the log.
      sync(directory, "r");
      return new Database(handle, schema.name, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  transaction<T>(work: () => T): T {
    this.#requireOpen();
    this.#handle.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#handle.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#handle.inTransaction) this.#handle.exec("ROLLBACK");
      throw error;
    }
  }

  /** Rows changed. */
  run(sql: string, values: Value[]): number {
    return this.#with(sql, (statement) => statement.run(values).changes);
  }

  /**
   * The first row. The others are read too: a statement that is left at a row keeps its read transaction, and with that
   * nothing ever goes from the write-ahead log to the file (sqlite.org/wal.html §2.2, checkpoint starvation).
   */
  get(sql: string, values: Value[]): Row | undefined {
    return this.all(sql, values)[0];
  }

  all(sql: string, values: Value[] = []): Row[] {
    return this.#with(sql, (statement) => statement.all(values)).map(rowOf);
  }

  /** Of the file, without what the write-ahead log holds beyond it. */
  bytes(): number {
    this.#requireOpen();
    return pragma(this.#handle, "page_count") * pragma(this.#handle, "page_size");
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const statement of this.#statements.values()) statement.finalize();
    this.#handle.close();
    await this.#unlock();
  }

  /** A statement that failed cannot be used again here (its reset reports the same failure): it is dropped. */
  #with<T>(sql: string, use: (statement: Statement) => T): T {
    this.#requireOpen();
    const statement = this.#statements.get(sql) ?? this.#handle.prepare(sql);
    this.#statements.set(sql, statement);
    try {
      return use(statement);
    } catch (error) {
      this.#statements.delete(sql);
      try {
        statement.finalize();
      } catch {} // it repeats the error that is thrown here
      throw error;
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new FederationError("store-closed", `the ${this.#name} is closed`);
  }
}

function openHandle(path: string, schema: Schema): Handle {
  // The adapter's own lock is a directory that a killed process leaves behind; with ours held it is stale.
  rmSync(`${path}.lock`, { recursive: true, force: true });
  rollBackFirst(path);
  let handle: Handle | undefined;
  try {
    handle = new sqlite.Database(path);
    handle.exec(SETTINGS);
    migrate(handle, path, schema);
    return handle;
  } catch (cause) {
    handle?.close();
    if (cause instanceof FederationError) throw cause;
    const message = `${path} cannot be opened: ${messageOf(cause)}`;
    throw new FederationError("store-corrupt", message, { cause });
  }
}

function migrate(handle: Handle, path: string, { name, application, version, from }: Schema): void {
  const found = {
    application: pragma(handle, "application_id"),
    version: pragma(handle, "user_version"),
  };
  const isNew = found.version === 0 && found.application === 0;
  const isOurs = found.application === application && found.version > 0;
  if (isNew || (isOurs && found.version < version)) {
    handle.exec(`BEGIN IMMEDIATE; ${from(found.version)} COMMIT;`);
  } else if (!isOurs || found.version > version) {
    throw new FederationError(
      "store-corrupt",
      `${path} is no ${name} of version ${version} (application ${found.application}, version ${found.version})`,
    );
  }
}

/** A rollback journal's header (sqlite.org/fileformat2.html §3): what it begins with, and where it says how many pages the file had before. */
const JOURNAL_MAGIC = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const INITIAL_PAGES = 16;
/** user_version and application_id in a file's header (§1.3), 4 bytes each: 0 until it is somebody's. */
const MARKS = [60, 68];

/**
 * A transaction that was cut before there was a write-ahead log: the one that makes the file, or one of a file of before. The
 * first is rolled back here, to the empty file that it began with; the others this adapter cannot.
 */
function rollBackFirst(path: string): void {
  const journal = `${path}-journal`;
  if (!existsSync(journal)) return;
  const { header, read } = startOf(journal, INITIAL_PAGES + 4);
  if (header[0] === 0) return; // empty, or its header zeroed: finished with
  const isWhole = read === header.length && JOURNAL_MAGIC.every((byte, i) => header[i] === byte);
  if (isWhole && header.subarray(INITIAL_PAGES).every((byte) => byte === 0)) {
    requireNoStore(path, journal);
    // It is empty, or there, before its journal goes.
    sync(path, "w");
    rmSync(journal);
    return;
  }
  throw new FederationError(
    "store-corrupt",
    `${path} was left in the middle of a transaction: run \`sqlite3 ${path} 'PRAGMA integrity_check'\`, which rolls it back, and start again`,
  );
}

/** One that was put there since, as a copy is, would be lost. */
function requireNoStore(path: string, journal: string): void {
  const log = `${path}-wal`;
  const { header } = existsSync(path) ? startOf(path, 72) : { header: new Uint8Array(72) };
  const isMarked = MARKS.some((at) => header.subarray(at, at + 4).some((byte) => byte !== 0));
  if (!isMarked && !(existsSync(log) && statSync(log).size > 0)) return;
  throw new FederationError(
    "store-corrupt",
    `${journal} is left of a start that was cut off before there was a store, and ${path} is one: remove ${journal} if that was put there since (a copy), all of them if nothing was ever kept here, and start again`,
  );
}

/** Its first bytes, zeros where it has fewer, and how many it has. */
function startOf(path: string, length: number) {
  const header = new Uint8Array(length);
  const file = openSync(path, "r");
  try {
    return { header, read: readSync(file, header) };
  } finally {
    closeSync(file);
  }
}

/** Brings a file or a directory to the disk; `"w"` empties it, or makes it, first. */
function sync(path: string, flags: "r" | "w"): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function pragma(handle: Handle, name: string): number {
  return integer(rowOf(handle.get(`PRAGMA ${name}`) ?? {}), name);
}
