// After the storm: what was acknowledged is stored, once, every receipt holds, and each log is its copy.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bytesEqual, toHex } from "@wattseal/base";
import { openStore, readStoredLog } from "@wattseal/federation";
import { unverifiedCheckpoint, witnessLines } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { decodeTrust } from "@wattseal/verifier";
import { wattseal } from "../deploy/state.mjs";
import { requireGapless } from "../kill/gapless.mjs";

/** pino's number for an error. */
const ERROR = 50;
/** What a role may complain of while things are killed and cut: it says so, and goes on. */
const EXPECTED = [
  "federation.store-failed", // the database was killed, or its connection cut: the group is judged again
  "uplink.subscribe-refused", // by NATS while its stream has no leader: the pack subscribes again
  "uplink.receipts-stopped", // a minute without a receipt, on a busy machine
];
/** Of whoever asks the database beside the worker: it asks again. */
const DATABASE_AWAY = /^PostgreSQL at \S+ does not answer/;

/** @typedef {{ readonly msg: string, readonly level: number, readonly error?: string, readonly pack?: string, readonly index?: number, readonly leaf?: string }} Line */
/** @typedef {import("@wattseal/tlog/store").StoredLog} Log */
/** @typedef {Pick<import("./tally.mjs").Tally, "acknowledged" | "entries" | "packs" | "receipts" | "repeated">} Verdict */

/**
 * Throws where anything is lost, doubled or cannot be verified.
 *
 * @param {import("./scene.mjs").Scene} scene
 * @param {import("./witnessed.mjs").Witnessed} witnessed
 * @returns {Promise<Verdict>}
 */
export async function verdictOn(
  { packs, gateways, workers, store: where, database },
  { receipts },
) {
  const said = new Map(gateways.map((role) => [role, linesOf(role.log)]));
  const worked = workers.flatMap((role) => linesOf(role.log));
  for (const line of [...said.values(), worked].flat()) requireExpected(line);
  if (database !== undefined) await requireGapless(database.server, database.url);
  const verdict = { acknowledged: 0, entries: 0, packs: packs.length, receipts: 0, repeated: 0 };
  verdict.repeated = worked.filter(({ msg }) => msg === "federation.repeated").length;
  const store = await openStore(where);
  try {
    const kept = await Promise.all([store.parked(), store.forks(), store.modulesTwice("all")]);
    if (kept.flat().length > 0) throw new Error(`the store accuses packs: ${JSON.stringify(kept)}`);
    const stored = await store.packs();
    if (stored.length !== packs.length) throw new Error(`${stored.length} packs are stored`);
    for (const { folder, name, gateway } of packs) {
      const log = await LogStore.openReadOnly({ directory: logIn(folder) });
      const own = (said.get(gateway) ?? []).filter(
        ({ pack }) => pack === undefined || pack === name,
      );
      const copy = stored.find(({ pack }) => pack === name);
      if (copy?.receipt?.size !== log.durableSize) {
        throw new Error(`${name}: ${log.durableSize} entries, a receipt of ${copy?.receipt?.size}`);
      }
      verdict.acknowledged += requireAcknowledged(log, own, name);
      await requireCopy(log, readStoredLog(store, copy.pack), name);
      const seen = receipts.get(folder)?.values() ?? [];
      verdict.receipts += requireReceipts(log, [...seen, copy.receipt.text], folder);
      requireAudited(folder, log.durableSize);
      verdict.entries += log.durableSize;
    }
  } finally {
    await store.close();
  }
  return verdict;
}

/** @param {string} text @returns {Line[]} */
function linesOf(text) {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg !== undefined); // not a summary
}

/** @param {Line} line */
function requireExpected(line) {
  if (line.level < ERROR || EXPECTED.includes(line.msg)) return;
  if (DATABASE_AWAY.test(line.error ?? "")) return;
  throw new Error(`a role complained: ${JSON.stringify(line)}`);
}

/**
 * Every entry that a gateway said was on its disk is there, in its place.
 *
 * @param {Log} log
 * @param {readonly Line[]} lines
 * @param {string} name
 */
function requireAcknowledged(log, lines, name) {
  /** @type {Map<number, string>} */
  const leaves = new Map();
  for (const { msg, index = -1, leaf = "" } of lines) {
    if (msg !== "ledger.durable") continue;
    if ((leaves.get(index) ?? leaf) !== leaf)
      throw new Error(`${name}: entry ${index} was given out twice`);
    leaves.set(index, leaf);
  }
  for (const [index, leaf] of leaves) {
    if (index >= log.durableSize)
      throw new Error(`${name}: entry ${index} was acknowledged and is lost`);
    if (toHex(log.leafHash(index)) !== leaf)
      throw new Error(`${name}: entry ${index} is another one now`);
  }
  return leaves.size;
}

/**
 * @param {Log} log
 * @param {AsyncIterable<Uint8Array>} stored
 * @param {string} name
 */
async function requireCopy(log, stored, name) {
  let index = 0;
  for await (const leaf of stored) {
    if (index >= log.durableSize)
      throw new Error(`${name}: entry ${index} is stored, and not in the log`);
    if (!bytesEqual(leaf, log.entry(index)))
      throw new Error(`${name}: entry ${index} is stored otherwise`);
    index += 1;
  }
  if (index < log.durableSize) throw new Error(`${name}: entry ${index} is not stored`);
}

/**
 * Each is of this log, and cosigned by the witness that the pack trusts.
 *
 * @param {Log} log
 * @param {readonly string[]} receipts
 * @param {string} folder
 */
function requireReceipts(log, receipts, folder) {
  const [witness] = decodeTrust(readFileSync(join(folder, "gateway", "trust.json"))).witnesses;
  if (witness === undefined) throw new Error(`${folder} trusts no witness`);
  for (const text of receipts) {
    const { origin, size, root } = unverifiedCheckpoint(text);
    if (witnessLines(text, witness, origin).length === 0) {
      throw new Error(`${folder}: the receipt of ${size} is not the witness's`);
    }
    if (!bytesEqual(root, log.root(size)))
      throw new Error(`${folder}: the receipt of ${size} is of another log`);
  }
  return receipts.length;
}

/**
 * @param {string} folder
 * @param {number} entries
 */
function requireAudited(folder, entries) {
  const trust = join(folder, "gateway", "trust.json");
  const said = wattseal(["ledger", "audit", logIn(folder), "--trust", trust, "--json"]);
  const { verified, witnessed } = JSON.parse(said);
  if (verified !== true || witnessed !== entries)
    throw new Error(`an audit of ${folder} says ${said}`);
}

/** @param {string} folder */
const logIn = (folder) => join(folder, "gateway", "log");
