// A federation's worker at work on recorded batches, on a store of one's choice; and stores without a worker.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { millis, silentLogger } from "@wattseal/base";
import { FederationWorker, PostgresStore, SqliteStore } from "@wattseal/federation";
import { EMPTY_ROOT } from "@wattseal/tlog";
import { PostgresServer } from "../../scripts/lib/postgres.mjs";
import { authority, receiptLog, witness } from "./recorded.mjs";

/** @typedef {import("@wattseal/federation").FederationStore} Store */
/** @typedef {import("@wattseal/federation").PackCommit} PackCommit */
/** @typedef {import("./recorded.mjs").Recorded} Recorded */

/** @type {import("@wattseal/base").Clock} */
const systemClock = {
  now: () => millis(Date.now()),
  at: (time, task) => {
    const timer = setTimeout(task, Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  },
};

/**
 * Delivers every batch, one of each pack after the other, and resolves when all are acknowledged.
 *
 * @param {Store} store
 * @param {readonly Recorded[]} packs
 */
export async function workThrough(store, packs) {
  const worker = await workerOn(store);
  const batches = Math.max(...packs.map((pack) => pack.batches.length));
  let open = 0;
  await new Promise((resolve) => {
    const settle = () => {
      open -= 1;
      if (open === 0) resolve(undefined);
    };
    for (let i = 0; i < batches; i += 1) {
      for (const { name, batches: mine } of packs) {
        const batch = mine[i];
        if (batch === undefined) continue;
        open += 1;
        worker.deliver({ pack: name, channel: "batch", payload: batch.payload, settle });
      }
    }
  });
  await worker.stop();
  const { entries, refused } = worker.stats;
  const wanted = packs.reduce((sum, { leaves }) => sum + leaves.length, 0);
  if (entries !== wanted) throw new Error(`${entries} of ${wanted}: ${JSON.stringify(refused)}`);
}

/**
 * Delivers each pack's last batch again to a worker that was just started, and resolves when all are answered.
 *
 * @param {Store} store
 * @param {readonly Recorded[]} packs
 */
export async function meetAgain(store, packs) {
  const worker = await workerOn(store);
  await Promise.all(
    packs.map(({ name, batches }) => {
      const payload = batches.at(-1)?.payload ?? new Uint8Array(0);
      return new Promise((resolve) => {
        worker.deliver({ pack: name, channel: "batch", payload, settle: resolve });
      });
    }),
  );
  await worker.stop();
  const { receipts, refused } = worker.stats;
  if (receipts !== packs.length) throw new Error(`${receipts}: ${JSON.stringify(refused)}`);
}

/** @param {Store} store */
function workerOn(store) {
  return FederationWorker.start({
    store,
    witness,
    receiptLog,
    authorityKeys: [authority.publicKey],
    clock: systemClock,
    logger: silentLogger,
    publish: () => {},
  });
}

/** Keeps where logs end, and what it was asked to commit. @implements {Store} */
export class NoStore {
  /** @type {Map<string, import("@wattseal/federation").StoredPack>} */
  #packs = new Map();
  /** @type {(readonly PackCommit[])[]} */
  groups = [];

  async packs() {
    return [];
  }
  async packsAfter() {
    return [];
  }
  async bytes() {
    return 0;
  }
  async fold() {
    return undefined;
  }
  async foldsAfter() {
    return [];
  }
  async foldsBehind() {
    return [];
  }
  async advanceFold() {
    return false;
  }
  async energy() {
    return [];
  }
  async marks() {
    return [];
  }
  async subtrees() {
    return [];
  }
  /** @param {readonly Uint8Array[]} _records @param {import("@wattseal/federation").SignHead} sign */
  async beginReceiptLog(_records, sign) {
    return sign({ size: 0, root: EMPTY_ROOT });
  }
  async receiptLog() {
    return { size: 0, nodes: [], note: undefined };
  }
  async receiptRecords() {
    return [];
  }
  async receiptSubtrees() {
    return [];
  }
  /** @param {import("@wattseal/uplink").PackName} pack */
  async pack(pack) {
    return this.#packs.get(pack);
  }
  async leaves() {
    return [];
  }
  async head() {
    return undefined;
  }
  /** @param {readonly PackCommit[]} group @returns {Promise<"stored"[]>} */
  async commit(group) {
    this.groups.push(group);
    for (const { pack, next, receipt } of group) this.#packs.set(pack, { pack, ...next, receipt });
    return group.map(() => "stored");
  }
  async keepFork() {
    return false;
  }
  async park() {
    return false;
  }
  async modulesTwice() {
    return [];
  }
  async told() {}
  async forkedPacks() {
    return [];
  }
  async forks() {
    return [];
  }
  async parked() {
    return [];
  }
  async close() {}
}

/**
 * A kind of store, empty ones of it on the disk to be measured, and what they cost beside this process.
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {() => Promise<Store>} open an empty one; the last one is closed and gone
 * @property {() => number} cpuSeconds of other processes
 * @property {() => Promise<number>} bytes on disk, of the one that is open, beside its write-ahead log: that is bounded
 * @property {() => Promise<void>} close
 */

/** @param {string} scratch @returns {Kind} */
export function sqliteKind(scratch) {
  const directory = join(scratch, "store");
  /** @type {Store | undefined} */
  let store;
  const empty = async () => {
    await store?.close();
    store = undefined;
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    name: "embedded SQLite",
    open: async () => {
      await empty();
      mkdirSync(directory, { recursive: true });
      store = await SqliteStore.open(directory);
      return store;
    },
    cpuSeconds: () => 0,
    bytes: async () => (await store?.bytes()) ?? 0,
    close: empty,
  };
}

/** @param {string} scratch @returns {Promise<Kind>} */
export async function postgresKind(scratch) {
  mkdirSync(scratch, { recursive: true });
  const server = await PostgresServer.start({ parent: scratch });
  let url = "";
  /** @type {Store | undefined} */
  let store;
  return {
    name: "PostgreSQL",
    open: async () => {
      await store?.close();
      if (url !== "") await server.query("postgres", `DROP DATABASE ${databaseOf(url)}`);
      url = await server.createDatabase();
      store = await PostgresStore.open({ url });
      return store;
    },
    cpuSeconds: () => server.cpuSeconds(),
    bytes: async () => {
      const sum = "sum(pg_total_relation_size(oid))::float8 AS bytes";
      const tables = "relnamespace = 'wattseal'::regnamespace AND relkind = 'r'";
      const [row] = await server.query(url, `SELECT ${sum} FROM pg_class WHERE ${tables}`);
      return Number(row?.["bytes"]);
    },
    close: async () => {
      await store?.close();
      await server.close();
    },
  };
}

/** @param {string} url */
const databaseOf = (url) => url.replace(/^.*@\/([^?]+).*$/, "$1");
