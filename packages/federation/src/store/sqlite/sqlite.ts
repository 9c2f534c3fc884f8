/**
 * Embedded store: one SQLite file, through WebAssembly, so that no compiler is needed. Whoever can write the file
 * can take leaves away or replace them, and is found out when a pack is next loaded: its leaves have to give the
 * root that the pack and the witness signed. Synchronous: a commit blocks the process for its fsync.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { concatBytes, messageOf, sha256 } from "@wattseal/base";
import { decodeBundle, encodeBundle } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import sqlite from "node-sqlite3-wasm";
import { FederationError } from "../../errors.js";
import type { EnergySum, FoldGrowth } from "../../folds/growth.js";
import type { EnergyQuery, MarkedBlock, MarksQuery, StoredFold } from "../../folds/port.js";
import {
  type FederationStore,
  type ForkEvidence,
  MAX_KEPT_PER_PACK,
  type ModuleTwice,
  type PackCommit,
  type Poison,
  type StoredPack,
} from "../port.js";
import {
  type Access,
  blob,
  integer,
  type Row,
  rowOf,
  split,
  text as textOf,
  textOrNone,
  type Value,
} from "../row.js";
import { requireWhole } from "../whole.js";
import { DURABLE } from "./durable.js";
import { behindIn, energyIn, foldIn, foldsIn, growFold, marksIn, subtreesIn } from "./folds.js";
import { lockStore } from "./lock.js";
import { APPLICATION_ID, FOLDS, SCHEMA, SCHEMA_VERSION, STAYS } from "./schema.js";
import { storeStay, tellTwice, twiceIn } from "./stays.js";

type Database = InstanceType<typeof sqlite.Database>;
type Statement = InstanceType<typeof sqlite.Statement>;

const FILE = "federation.db";
const PACK = "SELECT name, size, nodes, receipt_size, receipt FROM pack";

export class SqliteStore implements FederationStore {
  readonly #db: Database;
  readonly #unlock: () => Promise<void>;
  readonly #statements = new Map<string, Statement>();
  #closed = false;
  readonly #access: Access = {
    run: (sql, values) => this.#run(sql, values),
    all: (sql, values) => this.#all(sql, values),
  };

  private constructor(db: Database, unlock: () => Promise<void>) {
    this.#db = db;
    this.#unlock = unlock;
  }

  /** Makes the directory and the database where there are none. Throws FederationError. */
  static async open(directory: string): Promise<SqliteStore> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = await lockStore(directory);
    try {
      const path = join(directory, FILE);
      // The adapter's own lock is a directory that a killed process leaves behind; with ours held it is stale.
      rmSync(`${path}.lock`, { recursive: true, force: true });
      return new SqliteStore(openDatabase(path), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  async packs(): Promise<readonly StoredPack[]> {
    return this.#all(`${PACK} ORDER BY name`).map(storedPack);
  }

  async packsAfter(after: string, limit: number): Promise<readonly StoredPack[]> {
    return this.#all(`${PACK} WHERE name > ? ORDER BY name LIMIT ?`, [after, limit]).map(
      storedPack,
    );
  }

  async pack(pack: PackName): Promise<StoredPack | undefined> {
    const row = this.#get(`${PACK} WHERE name = ?`, [pack]);
    return row === undefined ? undefined : storedPack(row);
  }

  async leaves(pack: PackName, from: number, limit: number): Promise<readonly Uint8Array[]> {
    const id = this.#idOf(pack);
    if (id === undefined) return [];
    const begin = this.#get(
      "SELECT max(first) AS first FROM bundle WHERE pack = ? AND first <= ?",
      [id, from],
    );
    const rows = this.#all(
      "SELECT first, count, data FROM bundle WHERE pack = ? AND first >= ? AND first < ? ORDER BY first",
      [id, begin === undefined ? 0 : integer(begin, "first", 0), from + limit],
    );
    const leaves: Uint8Array[] = [];
    for (const row of rows) {
      const first = integer(row, "first");
      if (first > from + leaves.length) break; // a hole: the caller finds the log short
      const bundle = unbundle(row, pack, first);
      leaves.push(...bundle.slice(from + leaves.length - first));
    }
    return leaves.slice(0, limit);
  }

  async head(pack: PackName, size: number): Promise<Uint8Array | undefined> {
    const row = this.#get(
      "SELECT root FROM head JOIN pack ON pack.id = head.pack WHERE name = ? AND head.size = ?",
      [pack, size],
    );
    return row === undefined ? undefined : blob(row, "root");
  }

  async commit(group: readonly PackCommit[]): Promise<readonly ("stored" | "conflict")[]> {
    requireWhole(group);
    return this.#transaction(() => group.map((commit) => this.#commitPack(commit)));
  }

  async keepFork(fork: ForkEvidence): Promise<boolean> {
    const { pack, kind, size, payload, receipt } = fork;
    return this.#keep("fork", pack, sha256(payload), { kind, size, payload, receipt });
  }

  async park(poison: Poison): Promise<boolean> {
    const { pack, reason, message, payload } = poison;
    return this.#keep("poison", pack, sha256(payload), { reason, message, payload });
  }

  async modulesTwice(which: "all" | "untold"): Promise<readonly ModuleTwice[]> {
    return twiceIn(this.#access, which);
  }

  async told(found: readonly ModuleTwice[]): Promise<void> {
    this.#transaction(() => tellTwice(this.#access, found));
  }

  async forks(): Promise<readonly ForkEvidence[]> {
    return this.#all("SELECT pack, kind, size, payload, receipt FROM fork ORDER BY pack, size").map(
      (row) => ({
        pack: packName(textOf(row, "pack")),
        kind: textOf(row, "kind") === "epoch" ? "epoch" : "checkpoint",
        size: integer(row, "size"),
        payload: blob(row, "payload"),
        receipt: textOf(row, "receipt"),
      }),
    );
  }

  async parked(): Promise<readonly Poison[]> {
    return this.#all("SELECT pack, reason, message, payload FROM poison ORDER BY pack, rowid").map(
      (row) => ({
        pack: packName(textOf(row, "pack")),
        reason: textOf(row, "reason"),
        message: textOf(row, "message"),
        payload: blob(row, "payload"),
      }),
    );
  }

  async fold(pack: PackName): Promise<StoredFold | undefined> {
    return foldIn(this.#access, pack);
  }

  async foldsAfter(after: string, limit: number): Promise<readonly StoredFold[]> {
    return foldsIn(this.#access, after, limit);
  }

  async foldsBehind(version: number, after: string, limit: number): Promise<readonly PackName[]> {
    return behindIn(this.#access, version, after, limit);
  }

  async energy(query: EnergyQuery): Promise<readonly EnergySum[]> {
    return energyIn(this.#access, query);
  }

  async marks(query: MarksQuery): Promise<readonly MarkedBlock[]> {
    return marksIn(this.#access, query);
  }

  async subtrees(
    pack: PackName,
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]> {
    return subtreesIn(this.#access, pack, tile, { index, count });
  }

  async advanceFold(
    pack: PackName,
    from: number,
    to: number,
    growth: FoldGrowth,
  ): Promise<boolean> {
    return this.#transaction(() => {
      const id = this.#idOf(pack);
      return id !== undefined && growFold(this.#access, id, { from, to, growth });
    });
  }

  async bytes(): Promise<number> {
    this.#open();
    return pragma(this.#db, "page_count") * pragma(this.#db, "page_size");
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const statement of this.#statements.values()) statement.finalize();
    this.#db.close();
    await this.#unlock();
  }

  #commitPack(commit: PackCommit): "stored" | "conflict" {
    const { pack, previous, next, receipt } = commit;
    const nodes = concatBytes(...next.nodes);
    const moved =
      previous.size === 0
        ? this.#run("INSERT OR IGNORE INTO pack (name, size, nodes) VALUES (?, ?, ?)", [
            pack,
            next.size,
            nodes,
          ])
        : this.#run(
            "UPDATE pack SET size = ?, nodes = ? WHERE name = ? AND size = ? AND nodes = ?",
            [next.size, nodes, pack, previous.size, concatBytes(...previous.nodes)],
          );
    if (moved === 0) return "conflict";
    const id = this.#idOf(pack) ?? 0;
    for (const { first, leaves } of commit.leaves) {
      this.#run("INSERT INTO bundle (pack, first, count, data) VALUES (?, ?, ?, ?)", [
        id,
        first,
        leaves.length,
        encodeBundle(leaves),
      ]);
    }
    for (const { size, root } of commit.heads) {
      this.#run("INSERT INTO head (pack, size, root) VALUES (?, ?, ?)", [id, size, root]);
    }
    if (receipt !== undefined) {
      this.#run("UPDATE pack SET receipt_size = ?, receipt = ? WHERE id = ?", [
        receipt.size,
        receipt.text,
        id,
      ]);
    }
    growFold(this.#access, id, { from: previous.size, to: next.size, growth: commit.fold });
    for (const stay of commit.stays) storeStay(this.#access, { id, pack }, stay);
    return "stored";
  }

  #keep(
    table: "fork" | "poison",
    pack: PackName,
    digest: Uint8Array,
    fields: Readonly<Record<string, Value>>,
  ): boolean {
    const count = this.#get(`SELECT count(*) AS n FROM ${table} WHERE pack = ?`, [pack]);
    if (count === undefined || integer(count, "n") >= MAX_KEPT_PER_PACK) return false;
    const names = Object.keys(fields);
    const marks = names.map(() => ", ?").join("");
    const sql = `INSERT OR IGNORE INTO ${table} (pack, digest, ${names.join(", ")}) VALUES (?, ?${marks})`;
    return this.#run(sql, [pack, digest, ...Object.values(fields)]) === 1;
  }

  #idOf(pack: PackName): number | undefined {
    const row = this.#get("SELECT id FROM pack WHERE name = ?", [pack]);
    return row === undefined ? undefined : integer(row, "id");
  }

  #transaction<T>(work: () => T): T {
    this.#open();
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** A statement that failed cannot be used again here (its reset reports the same failure): it is dropped. */
  #with<T>(sql: string, use: (statement: Statement) => T): T {
    this.#open();
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
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

  #open(): void {
    if (this.#closed) throw new FederationError("store-closed", "the store is closed");
  }

  #run(sql: string, values: Value[]): number {
    return this.#with(sql, (statement) => statement.run(values).changes);
  }

  #get(sql: string, values: Value[]): Row | undefined {
    const row = this.#with(sql, (statement) => statement.get(values));
    return row === null ? undefined : rowOf(row);
  }

  #all(sql: string, values: Value[] = []): Row[] {
    return this.#with(sql, (statement) => statement.all(values)).map(rowOf);
  }
}

function openDatabase(path: string): Database {
  try {
    const db = new sqlite.Database(path);
    db.exec(DURABLE);
    const version = pragma(db, "user_version");
    const application = pragma(db, "application_id");
    if (version === 0 && application === 0) {
      db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    } else if (application === APPLICATION_ID && version > 0 && version < SCHEMA_VERSION) {
      db.exec(`BEGIN IMMEDIATE; ${version === 1 ? STAYS : ""} ${FOLDS} COMMIT;`);
    } else if (version !== SCHEMA_VERSION || application !== APPLICATION_ID) {
      db.close();
      throw new FederationError(
        "store-corrupt",
        `${path} is no federation store of version ${SCHEMA_VERSION} (application ${application}, version ${version})`,
      );
    }
    return db;
  } catch (cause) {
    if (cause instanceof FederationError) throw cause;
    throw new FederationError("store-corrupt", `${path} cannot be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function pragma(db: Database, name: string): number {
  return integer(rowOf(db.get(`PRAGMA ${name}`) ?? {}), name);
}

function storedPack(row: Row): StoredPack {
  const receipt = textOrNone(row, "receipt");
  const size = integer(row, "size");
  return {
    pack: packName(textOf(row, "name")),
    size,
    nodes: split(blob(row, "nodes")),
    receipt:
      receipt === undefined ? undefined : { size: integer(row, "receipt_size"), text: receipt },
  };
}

function unbundle(row: Row, pack: PackName, first: number): Uint8Array[] {
  const what = `leaves of ${pack} from ${first}`;
  try {
    return decodeBundle(blob(row, "data"), integer(row, "count"), what);
  } catch (cause) {
    throw new FederationError("store-corrupt", messageOf(cause), { cause });
  }
}
