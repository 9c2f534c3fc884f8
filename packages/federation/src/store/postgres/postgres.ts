/**
 * PostgreSQL for any number of workers. Whoever can write to the database can take leaves away or replace them, and is
 * found out when a pack is next loaded: its leaves have to give the root that the pack and the witness signed.
 */
import { sha256 } from "@wattseal/base";
import { type PackName, packName } from "@wattseal/uplink";
import type { EnergySum, FoldGrowth } from "../../folds/growth.js";
import type { EnergyQuery, MarkedBlock, MarksQuery, StoredFold } from "../../folds/port.js";
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
import { blob, integer, type Row, split, text, textOrNone } from "../row.js";
import { requireWhole } from "../whole.js";
import { commitGroup } from "./commit.js";
import { Database, type Parameter } from "./database.js";
import { advance, behindIn, energyIn, foldIn, foldsIn, marksIn, subtreesIn } from "./folds.js";
import { migrate } from "./migrate.js";
import { beginReceiptLog, receiptLogIn, receiptRecordsIn, receiptSubtreesIn } from "./receipts.js";
import { TWICE, tellTwice, twiceFrom } from "./stays.js";
import { postgresTarget } from "./target.js";

export interface PostgresOptions {
  /** postgres://USER@HOST:PORT/DATABASE, as `postgresTarget` says. */
  readonly url: string;
  /** Without it: PGPASSWORD, or the file that PGPASSFILE names, where the server asks for one. */
  readonly password?: string;
}

const PACK = "SELECT name, size, nodes, receipt_size, receipt FROM wattseal.pack";

export class PostgresStore implements FederationStore {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Makes or updates the tables. Throws FederationError. */
  static async open({ url, password }: PostgresOptions): Promise<PostgresStore> {
    const database = new Database(postgresTarget(url), password);
    try {
      await migrate(database);
      return new PostgresStore(database);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async packs(): Promise<readonly StoredPack[]> {
    return (await this.#database.all(`${PACK} ORDER BY name`)).map(storedPack);
  }

  async packsAfter(after: string, limit: number): Promise<readonly StoredPack[]> {
    const rows = await this.#database.all(`${PACK} WHERE name > $1 ORDER BY name LIMIT $2`, [
      after,
      limit,
    ]);
    return rows.map(storedPack);
  }

  async pack(pack: PackName): Promise<StoredPack | undefined> {
    const [row] = await this.#database.all(`${PACK} WHERE name = $1`, [pack]);
    return row === undefined ? undefined : storedPack(row);
  }

  async leaves(pack: PackName, from: number, limit: number): Promise<readonly Uint8Array[]> {
    const rows = await this.#database.all(
      `WITH log AS (SELECT id FROM wattseal.pack WHERE name = $1)
        SELECT first, count, data FROM wattseal.bundle WHERE pack = (SELECT id FROM log) AND first < $3
          AND first >= (SELECT coalesce(max(first), 0) FROM wattseal.bundle WHERE pack = (SELECT id FROM log) AND first <= $2)
        ORDER BY first`,
      [pack, from, from + limit],
    );
    return unbundled(rows, from, limit, pack);
  }

  async head(pack: PackName, size: number): Promise<Uint8Array | undefined> {
    const [row] = await this.#database.all(
      "SELECT root FROM wattseal.head WHERE pack = (SELECT id FROM wattseal.pack WHERE name = $1) AND size = $2",
      [pack, size],
    );
    return row === undefined ? undefined : blob(row, "root");
  }

  async commit(
    group: readonly PackCommit[],
    sign?: SignHead,
  ): Promise<readonly ("stored" | "conflict")[]> {
    requireWhole(group);
    return this.#database.transaction((session) => commitGroup(session, group, sign));
  }

  async beginReceiptLog(
    records: readonly Uint8Array[],
    sign: SignHead,
    behind?: string,
  ): Promise<string> {
    return this.#database.transaction((session) => beginReceiptLog(session, records, sign, behind));
  }

  async receiptLog(): Promise<StoredReceiptLog> {
    return receiptLogIn(this.#database);
  }

  async receiptRecords(from: number, limit: number): Promise<readonly Uint8Array[]> {
    return receiptRecordsIn(this.#database, from, limit);
  }

  async receiptSubtrees(
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]> {
    return receiptSubtreesIn(this.#database, tile, { index, count });
  }

  async keepFork({ pack, kind, size, payload, receipt }: ForkEvidence): Promise<boolean> {
    return this.#keep("fork", pack, payload, { kind, size, payload, receipt });
  }

  async park({ pack, reason, message, payload }: Poison): Promise<boolean> {
    return this.#keep("poison", pack, payload, {
      reason: storable(reason),
      message: storable(message),
      payload,
    });
  }

  async modulesTwice(which: "all" | "untold"): Promise<readonly ModuleTwice[]> {
    const untold = which === "untold" ? "WHERE NOT told" : "";
    return (await this.#database.all(`${TWICE} ${untold} ORDER BY module, a, b`)).map(twiceFrom);
  }

  async told(found: readonly ModuleTwice[]): Promise<void> {
    await this.#database.transaction((session) => tellTwice(session, found));
  }

  async forkedPacks(): Promise<readonly PackName[]> {
    const sql = "SELECT DISTINCT pack FROM wattseal.fork ORDER BY pack";
    return forkedPacksIn(await this.#database.all(sql));
  }

  async forks(pack?: PackName): Promise<readonly ForkEvidence[]> {
    const which = pack === undefined ? "" : "WHERE pack = $1";
    const sql = `SELECT ${FORK_COLUMNS} FROM wattseal.fork ${which} ORDER BY pack, size, kept`;
    return forksIn(await this.#database.all(sql, pack === undefined ? [] : [pack]));
  }

  async parked(): Promise<readonly Poison[]> {
    const rows = await this.#database.all(
      `SELECT ${POISON_COLUMNS} FROM wattseal.poison ORDER BY pack, kept`,
    );
    return rows.map(poisonOf);
  }

  async fold(pack: PackName): Promise<StoredFold | undefined> {
    return foldIn(this.#database, pack);
  }

  async foldsAfter(after: string, limit: number): Promise<readonly StoredFold[]> {
    return foldsIn(this.#database, after, limit);
  }

  async foldsBehind(version: number, after: string, limit: number): Promise<readonly PackName[]> {
    return behindIn(this.#database, version, after, limit);
  }

  async energy(query: EnergyQuery): Promise<readonly EnergySum[]> {
    return energyIn(this.#database, query);
  }

  async marks(query: MarksQuery): Promise<readonly MarkedBlock[]> {
    return marksIn(this.#database, query);
  }

  async subtrees(
    pack: PackName,
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]> {
    return subtreesIn(this.#database, pack, tile, { index, count });
  }

  async advanceFold(
    pack: PackName,
    from: number,
    to: number,
    growth: FoldGrowth,
  ): Promise<boolean> {
    return this.#database.transaction((session) => advance(session, pack, { from, to, growth }));
  }

  async bytes(): Promise<number> {
    const [row = new Map()] = await this.#database.all(
      `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS bytes FROM pg_class
        WHERE relnamespace = 'wattseal'::regnamespace AND relkind = 'r'`,
    );
    return integer(row, "bytes");
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** One at a time for a pack: two workers must not both find room for the last one. */
  #keep(
    table: "fork" | "poison",
    pack: PackName,
    payload: Uint8Array,
    fields: Readonly<Record<string, Parameter>>,
  ): Promise<boolean> {
    const names = Object.keys(fields);
    const values = [pack, sha256(payload), ...Object.values(fields)];
    return this.#database.transaction(async (session) => {
      await session.run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [pack]);
      const [row] = await session.all(
        `SELECT count(*) AS n FROM wattseal.${table} WHERE pack = $1`,
        [pack],
      );
      if (row === undefined || integer(row, "n") >= MAX_KEPT_PER_PACK) return false;
      const marks = values.map((_, i) => `$${i + 1}`).join(", ");
      const sql = `INSERT INTO wattseal.${table} (pack, digest, ${names.join(", ")}) VALUES (${marks}) ON CONFLICT DO NOTHING`;
      return (await session.run(sql, values)) === 1;
    });
  }
}

/** PostgreSQL's text has no zero; who makes a message refused must not be able to make it unstorable as well. */
function storable(said: string): string {
  return said.replaceAll("\0", "\uFFFD");
}

function storedPack(row: Row): StoredPack {
  const receipt = textOrNone(row, "receipt");
  return {
    pack: packName(text(row, "name")),
    size: integer(row, "size"),
    nodes: split(blob(row, "nodes")),
    receipt:
      receipt === undefined ? undefined : { size: integer(row, "receipt_size"), text: receipt },
  };
}
