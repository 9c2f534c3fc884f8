// kill -9 of the database while two workers commit to it: what was receipted is there, once, byte for byte.
import { setTimeout as pause } from "node:timers/promises";
import { bytesEqual, millis, silentLogger, utf8 } from "@wattseal/base";
import { FederationWorker, PostgresStore } from "@wattseal/federation";
import { Frontier, leafHash, verifyCheckpoint } from "@wattseal/tlog";
import { auditReceiptLog } from "@wattseal/verifier";
import { authority, receiptLog, witness } from "../../../bench/lib/recorded.mjs";
import { requireGapless } from "../kill/gapless.mjs";
import { seeded } from "../kill/random.mjs";
import { PostgresServer } from "../postgres.mjs";
import { Gateways } from "./gateways.mjs";

const WORKERS = 2;
const PACKS = 8;
/** Waiting is shortened, for retries and held messages alike. */
const CLOCK_SPEED = 20;
const MOST_LOAD_MS = 300;
const REMINDER_MS = 500;

/**
 * @typedef {object} Tally
 * @property {number} kills
 * @property {number} failed groups whose commit failed, and were judged again
 * @property {number} delivered messages
 * @property {number} receipts
 * @property {number} packs
 * @property {number} entries stored and receipted
 * @property {number} records in the receipt log
 */

/**
 * Throws as soon as something that was receipted is not there, or anything is there twice or is something else.
 *
 * @param {number} kills
 * @param {number} seed
 * @returns {Promise<Tally>}
 */
export async function episode(kills, seed) {
  const random = seeded(seed);
  const server = await PostgresServer.start();
  /** @type {(() => Promise<void>)[]} */
  const closing = [() => server.close()];
  try {
    const url = await server.createDatabase();
    const gateways = new Gateways(PACKS, random);
    const log = new Alarms();
    const workers = [];
    for (let i = 0; i < WORKERS; i += 1) {
      const store = await PostgresStore.open({ url });
      const worker = await FederationWorker.start({
        store,
        witness,
        receiptLog,
        authorityKeys: [authority.publicKey],
        clock: fastClock(),
        logger: log.logger,
        publish: gateways.publish,
      });
      closing.push(
        () => store.close(),
        () => worker.stop(),
      );
      workers.push(worker);
    }
    gateways.begin(workers);
    const reminder = setInterval(() => gateways.remind(), REMINDER_MS);
    closing.push(async () => clearInterval(reminder));
    /** @type {(string | undefined)[]} of the receipt log, as each kill left it */
    const heads = [];
    for (let kill = 0; kill < kills; kill += 1) {
      await gateways.progress();
      await pause(random(MOST_LOAD_MS));
      log.check();
      const promised = witnessedOf(gateways);
      await server.kill();
      await server.up();
      heads.push(await requirePromised(server, url, promised));
    }
    await gateways.finish();
    log.check();
    const entries = await requireWhole(server, url, gateways);
    const records = await requireLogged(url, gateways, heads);
    const { receipts, delivered } = gateways;
    const packs = gateways.all.size;
    return { kills, failed: log.failed, delivered, receipts, packs, entries, records };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** @returns {import("@wattseal/base").Clock} */
function fastClock() {
  const start = Date.now();
  const now = () => millis(Math.floor(start + (Date.now() - start) * CLOCK_SPEED));
  return {
    now,
    at: (time, task) => {
      const timer = setTimeout(task, Math.max(0, time - now()) / CLOCK_SPEED);
      return () => clearTimeout(timer);
    },
  };
}

/** What workers log: failures of the store are what this is about, any other error is one. */
class Alarms {
  failed = 0;
  /** @type {string | undefined} */
  #alarm;
  /** @type {import("@wattseal/base").Logger} */
  logger = {
    ...silentLogger,
    error: (event, fields) => {
      if (event === "federation.store-failed") this.failed += 1;
      else this.#alarm ??= `${event} ${JSON.stringify(fields)}`;
    },
  };

  check() {
    if (this.#alarm !== undefined) throw new Error(this.#alarm);
  }
}

/** @param {Gateways} gateways */
function witnessedOf(gateways) {
  return new Map([...gateways.all].map(([name, { witnessed }]) => [name, witnessed]));
}

/**
 * As the killed server comes back, before anyone writes to it again or after: nothing that had a receipt is missing. The
 * receipt log's head then.
 *
 * @param {PostgresServer} server
 * @param {string} url
 * @param {ReadonlyMap<string, number>} promised
 */
async function requirePromised(server, url, promised) {
  const rows = await server.query(url, "SELECT name, size::float8 AS size FROM wattseal.pack");
  const sizes = new Map(rows.map(({ name, size }) => [String(name), Number(size)]));
  for (const [name, size] of promised) {
    const stored = sizes.get(name) ?? 0;
    if (stored < size) throw new Error(`${name}: ${size} were receipted, ${stored} are stored`);
  }
  const [log] = await server.query(url, "SELECT note FROM wattseal.receipt_log");
  return typeof log?.["note"] === "string" ? log["note"] : undefined;
}

/**
 * The receipt log has every receipt that was sent, once, and extends every head that was there after a kill.
 *
 * @param {string} url
 * @param {Gateways} gateways
 * @param {readonly (string | undefined)[]} heads
 */
async function requireLogged(url, gateways, heads) {
  const store = await PostgresStore.open({ url });
  try {
    const { note, size } = await store.receiptLog();
    const records = await store.receiptRecords(0, size + 1);
    const receipts = [...gateways.given].map((text, i) => ({ holder: `receipt ${i}`, note: text }));
    const witnesses = [{ name: witness.name, publicKeys: [witness.publicKey] }];
    const trust = { authorities: [], witnesses, quorum: 1 };
    const log = { name: receiptLog.name, publicKeys: [receiptLog.publicKey] };
    const options = { log, trust, receipts };
    const { findings, packs } = await auditReceiptLog({ note, records }, options);
    if (findings.length > 0) throw new Error(`receipt log: ${JSON.stringify(findings)}`);
    if (packs !== gateways.all.size) throw new Error(`the receipt log has ${packs} packs`);
    requireExtended(records, heads);
    return records.length;
  } finally {
    await store.close();
  }
}

/** @param {readonly Uint8Array[]} records @param {readonly (string | undefined)[]} heads */
function requireExtended(records, heads) {
  const frontier = new Frontier();
  const roots = [frontier.root()];
  for (const record of records) {
    frontier.append(leafHash(record));
    roots.push(frontier.root());
  }
  for (const head of heads) {
    if (head === undefined) throw new Error("a kill left a receipt log without a head");
    const { size, root } = verifyCheckpoint(head, receiptLog);
    if (!bytesEqual(roots[size] ?? new Uint8Array(0), root)) {
      throw new Error(`the receipt log does not extend its head of ${size}`);
    }
  }
}

/**
 * Every log is what was sent, every index in one bundle.
 *
 * @param {PostgresServer} server
 * @param {string} url
 * @param {Gateways} gateways
 */
async function requireWhole(server, url, gateways) {
  await requireGapless(server, url);
  const store = await PostgresStore.open({ url });
  let entries = 0;
  try {
    const packs = await store.packs();
    if (packs.length !== gateways.all.size) throw new Error(`${packs.length} packs are stored`);
    for (const { pack, size, receipt } of packs) {
      const gateway = gateways.all.get(pack);
      const sent = gateway?.pack.leaves ?? [];
      const stored = await store.leaves(pack, 0, size + 1);
      if (stored.length !== sent.length || size !== sent.length || receipt?.size !== size) {
        throw new Error(
          `${pack}: ${stored.length} of ${sent.length} leaves, receipt of ${receipt?.size}`,
        );
      }
      const other = stored.findIndex((leaf, i) => !bytesEqual(leaf, sent[i] ?? new Uint8Array(0)));
      if (other !== -1) throw new Error(`${pack}: leaf ${other} is another one`);
      gateway?.receipt(utf8(receipt.text));
      entries += size;
    }
  } finally {
    await store.close();
  }
  return entries;
}

/** @param {Tally} tally */
export function formatTally({ kills, failed, delivered, receipts, packs, entries, records }) {
  return `${kills} kills of the database under two workers: ${entries} entries of ${packs} packs receipted, 0 lost, 0 doubled, every byte as it was sent; ${delivered} messages, ${receipts} receipts, ${failed} groups that failed and were judged again; ${records} records in the receipt log, every receipt that was sent among them, every head an extension of those before`;
}
