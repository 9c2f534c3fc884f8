/** One SQLite file of this process's own: statements kept, transactions, and the lock around it. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@wattseal/base";
import sqlite from "node-sqlite3-wasm";
import { FederationError } from "../errors.js";
import { integer, type Row, rowOf, type Value } from "../store/row.js";
import { DURABLE } from "../store/sqlite/durable.js";
import { lockStore } from "../store/sqlite/lock.js";

type Handle = InstanceType<typeof sqlite.Database>;
type Statement = InstanceType<typeof sqlite.Statement>;

export interface Schema {
  readonly file: string;
  /** SQLite's application_id. */
  readonly application: number;
  readonly version: number;
  /** Sets both. */
  readonly sql: string;
}

export class Database {
  readonly #handle: Handle;
  readonly #unlock: () => Promise<void>;
  readonly #statements = new Map<string, Statement>();
  #closed = false;

  private constructor(handle: Handle, unlock: () => Promise<void>) {
    this.#handle = handle;
    this.#unlock = unlock;
  }

  /** Makes the directory and the file where there are none. Throws FederationError. */
  static async open(directory: string, schema: Schema): Promise<Database> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = await lockStore(directory);
    try {
      const path = join(directory, schema.file);
      // The adapter's own lock is a directory that a killed process leaves behind; with ours held it is stale.
      rmSync(`${path}.lock`, { recursive: true, force: true });
      return new Database(openHandle(path, schema), unlock);
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

  get(sql: string, values: Value[]): Row | undefined {
    const row = this.#with(sql, (statement) => statement.get(values));
    return row === null ? undefined : rowOf(row);
  }

  all(sql: string, values: Value[] = []): Row[] {
    return this.#with(sql, (statement) => statement.all(values)).map(rowOf);
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
    if (this.#closed) throw new FederationError("store-closed", "the registry's store is closed");
  }
}

function openHandle(path: string, { application, version, sql }: Schema): Handle {
  try {
    const handle = new sqlite.Database(path);
    handle.exec(DURABLE);
    const found = {
      application: pragma(handle, "application_id"),
      version: pragma(handle, "user_version"),
    };
    if (found.version === 0 && found.application === 0) {
      handle.exec(`BEGIN IMMEDIATE; ${sql} COMMIT;`);
    } else if (found.version !== version || found.application !== application) {
      handle.close();
      throw new FederationError(
        "store-corrupt",
        `${path} is no registry of version ${version} (application ${found.application}, version ${found.version})`,
      );
    }
    return handle;
  } catch (cause) {
    if (cause instanceof FederationError) throw cause;
    throw new FederationError("store-corrupt", `${path} cannot be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function pragma(handle: Handle, name: string): number {
  return integer(rowOf(handle.get(`PRAGMA ${name}`) ?? {}), name);
}
