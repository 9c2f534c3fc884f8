/**
 * Embedded store: one SQLite file, through WebAssembly, so that no compiler is needed. Whoever can write the file
 * can take leaves away or replace them, and is found out when a pack is next loaded: its leaves have to give the
 * root that the pack and the witness signed. Synchronous: a commit blocks the process for its fsync.
 */
import { concatBytes, sha256 } from "@wattseal/base";
import { encodeBundle } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import type { EnergySum, FoldGrowth } from "../../folds/growth.js";
import type { EnergyQuery, MarkedBlock, MarksQuery, StoredFold } from "../../folds/port.js";
import { recordsOf } from "../../receipts/growth.js";
import type { SignHead, StoredReceiptLog } from "../../receipts/port.js";
import { FORK_COLUMNS, forkedPacksIn, forksIn, POISON_COLUMNS, poisonOf } from "../kept-row.js";
import {
  type FederationStore,
  type ForkEvidence,
  MAX_KEPT_PER_PACK,
  type ModuleTwice,
  type PackCommit,
  type Poison,
  type StoredPack,
} from "../port.js";
import { unbundled } from "../receipt-row.js";
import { blob, integer, type Row, split, text as textOf, textOrNone, type Value } from "../row.js";
import { requireWhole } from "../whole.js";
import { Database } from "./database.js";
import { behindIn, energyIn, foldIn, foldsIn, growFold, marksIn, subtreesIn } from "./folds.js";
import {
  beginReceiptLog,
  growReceiptLog,
  receiptLogIn,
  receiptRecordsIn,
  receiptSubtreesIn,
} from "./receipts.js";
import { STORE_SCHEMA } from "./schema.js";
import { storeStay, tellTwice, twiceIn } from "./stays.js";

const PACK = "SELECT name, size, nodes, receipt_size, receipt FROM pack";

export class SqliteStore implements FederationStore {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Makes the directory and the database where there are none. Throws FederationError. */
  static async open(directory: string): Promise<SqliteStore> {
    return new SqliteStore(await Database.open(directory, STORE_SCHEMA));
  }

  async packs(): Promise<readonly StoredPack[]> {
    return this.#db.all(`${PACK} ORDER BY name`).map(storedPack);
  }

  async packsAfter(after: string, limit: number): Promise<readonly StoredPack[]> {
    return this.#db
      .all(`${PACK} WHERE name > ? ORDER BY name LIMIT ?`, [after, limit])
      .map(storedPack);
  }

  async pack(pack: PackName): Promise<StoredPack | undefined> {
    const row = this.#db.get(`${PACK} WHERE name = ?`, [pack]);
    return row === undefined ? undefined : storedPack(row);
  }

  async leaves(pack: PackName, from: number, limit: number): Promise<readonly Uint8Array[]> {
    const id = this.#idOf(pack);
    if (id === undefined) return [];
    const begin = this.#db.get(
      "SELECT max(first) AS first FROM bundle WHERE pack = ? AND first <= ?",
      [id, from],
    );
    const rows = this.#db.all(
      "SELECT first, count, data FROM bundle WHERE pack = ? AND first >= ? AND first < ? ORDER BY first",
      [id, begin === undefined ? 0 : integer(begin, "first", 0), from + limit],
    );
    return unbundled(rows, from, limit, pack);
  }

  async head(pack: PackName, size: number): Promise<Uint8Array | undefined> {
    const row = this.#db.get(
      "SELECT root FROM head JOIN pack ON pack.id = head.pack WHERE name = ? AND head.size = ?",
      [pack, size],
    );
    return row === undefined ? undefined : blob(row, "root");
  }

  async commit(
    group: readonly PackCommit[],
    sign?: SignHead,
  ): Promise<readonly ("stored" | "conflict")[]> {
    requireWhole(group);
    return this.#db.transaction(() => {
      const outcomes = group.map((commit) => this.#commitPack(commit));
      const stored = group.filter((_, i) => outcomes[i] === "stored");
      growReceiptLog(this.#db, recordsOf(stored), sign);
      return outcomes;
    });
  }

  async beginReceiptLog(
    records: readonly Uint8Array[],
    sign: SignHead,
    behind?: string,
  ): Promise<string> {
    return this.#db.transaction(() => beginReceiptLog(this.#db, records, sign, behind));
  }

  async receiptLog(): Promise<StoredReceiptLog> {
    return receiptLogIn(this.#db);
  }

  async receiptRecords(from: number, limit: number): Promise<readonly Uint8Array[]> {
    return receiptRecordsIn(this.#db, from, limit);
  }

  async receiptSubtrees(
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]> {
    return receiptSubtreesIn(this.#db, tile, { index, count });
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
    return twiceIn(this.#db, which);
  }

  async told(found: readonly ModuleTwice[]): Promise<void> {
    this.#db.transaction(() => tellTwice(this.#db, found));
  }

  async forkedPacks(): Promise<readonly PackName[]> {
    const rows = this.#db.all("SELECT DISTINCT pack FROM fork ORDER BY pack");
    return forkedPacksIn(rows);
  }

  async forks(pack?: PackName): Promise<readonly ForkEvidence[]> {
    const which = pack === undefined ? "" : "WHERE pack = ?";
    const sql = `SELECT ${FORK_COLUMNS} FROM fork ${which} ORDER BY pack, size`;
    return forksIn(this.#db.all(sql, pack === undefined ? [] : [pack]));
  }

  async parked(): Promise<readonly Poison[]> {
    const rows = this.#db.all(`SELECT ${POISON_COLUMNS} FROM poison ORDER BY pack, rowid`);
    return rows.map(poisonOf);
  }

  async fold(pack: PackName): Promise<StoredFold | undefined> {
    return foldIn(this.#db, pack);
  }

  async foldsAfter(after: string, limit: number): Promise<readonly StoredFold[]> {
    return foldsIn(this.#db, after, limit);
  }

  async foldsBehind(version: number, after: string, limit: number): Promise<readonly PackName[]> {
    return behindIn(this.#db, version, after, limit);
  }

  async energy(query: EnergyQuery): Promise<readonly EnergySum[]> {
    return energyIn(this.#db, query);
  }

  async marks(query: MarksQuery): Promise<readonly MarkedBlock[]> {
    return marksIn(this.#db, query);
  }

  async subtrees(
    pack: PackName,
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]> {
    return subtreesIn(this.#db, pack, tile, { index, count });
  }

  async advanceFold(
    pack: PackName,
    from: number,
    to: number,
    growth: FoldGrowth,
  ): Promise<boolean> {
    return this.#db.transaction(() => {
      const id = this.#idOf(pack);
      return id !== undefined && growFold(this.#db, id, { from, to, growth });
    });
  }

  async bytes(): Promise<number> {
    return this.#db.bytes();
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #commitPack(commit: PackCommit): "stored" | "conflict" {
    const { pack, previous, next, receipt } = commit;
    const nodes = concatBytes(...next.nodes);
    const moved =
      previous.size === 0
        ? this.#db.run("INSERT OR IGNORE INTO pack (name, size, nodes) VALUES (?, ?, ?)", [
            pack,
            next.size,
            nodes,
          ])
        : this.#db.run(
            "UPDATE pack SET size = ?, nodes = ? WHERE name = ? AND size = ? AND nodes = ?",
            [next.size, nodes, pack, previous.size, concatBytes(...previous.nodes)],
          );
    if (moved === 0) return "conflict";
    const id = this.#idOf(pack) ?? 0;
    for (const { first, leaves } of commit.leaves) {
      this.#db.run("INSERT INTO bundle (pack, first, count, data) VALUES (?, ?, ?, ?)", [
        id,
        first,
        leaves.length,
        encodeBundle(leaves),
      ]);
    }
    for (const { size, root } of commit.heads) {
      this.#db.run("INSERT INTO head (pack, size, root) VALUES (?, ?, ?)", [id, size, root]);
    }
    if (receipt !== undefined) {
      this.#db.run("UPDATE pack SET receipt_size = ?, receipt = ? WHERE id = ?", [
        receipt.size,
        receipt.text,
        id,
      ]);
    }
    growFold(this.#db, id, { from: previous.size, to: next.size, growth: commit.fold });
    for (const stay of commit.stays) storeStay(this.#db, { id, pack }, stay);
    return "stored";
  }

  #keep(
    table: "fork" | "poison",
    pack: PackName,
    digest: Uint8Array,
    fields: Readonly<Record<string, Value>>,
  ): boolean {
    const count = this.#db.get(`SELECT count(*) AS n FROM ${table} WHERE pack = ?`, [pack]);
    if (count === undefined || integer(count, "n") >= MAX_KEPT_PER_PACK) return false;
    const names = Object.keys(fields);
    const marks = names.map(() => ", ?").join("");
    const sql = `INSERT OR IGNORE INTO ${table} (pack, digest, ${names.join(", ")}) VALUES (?, ?${marks})`;
    return this.#db.run(sql, [pack, digest, ...Object.values(fields)]) === 1;
  }

  #idOf(pack: PackName): number | undefined {
    const row = this.#db.get("SELECT id FROM pack WHERE name = ?", [pack]);
    return row === undefined ? undefined : integer(row, "id");
  }
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
