/** Where a number comes from: a table of docs/benchmarks.md (or what a gateway is built to do), or nothing but a guess. */
/** @typedef {{ readonly value: number, readonly unit: string, readonly from: string }} Input */

/** @param {number} value @param {string} unit @param {string} from @returns {Input} */
const input = (value, unit, from) => ({ value, unit, from });
const ASSUMED = "assumed";

/** Of the fleet, and of the network to it. */
export const FLEET = {
  packs: input(1_000_000, "packs", "the question"),
  batches: input(1, "batch a minute", "the question"),
  entries: input(
    10,
    "entries a batch",
    "eight modules, a window, now and then a charge: `bench/lib/recorded.mjs`, rounded up",
  ),
  batchBytes: input(1_730, "B of a batch", "`bench/lib/recorded.mjs`"),
  noteBytes: input(229, "B of a head", "`bench/lib/recorded.mjs`"),
  receiptBytes: input(
    345,
    "B of a receipt",
    "a head and one cosignature, `bench/lib/recorded.mjs`",
  ),
  wireBytes: input(450, "B of headers and acknowledgements a batch", ASSUMED),
  oneWayMs: input(40, "ms one way, at least", ASSUMED),
  jitterMs: input(30, "ms on top, on average (exponential)", ASSUMED),
  clockMs: input(1_000, "ms that packs' clocks are apart", ASSUMED),
};

/** What a worker reads again. */
export const LOGS = {
  inMemory: input(
    1_024,
    "packs in a worker's memory",
    "`MAX_PACKS` in `packages/federation/src/worker/pack-cache.ts`",
  ),
};

/** USD, and how full machines may be. */
export const PRICES = {
  busy: input(0.3, "of a core may be busy on average", ASSUMED),
  core: input(25, "USD a month for a core with 4 GiB", ASSUMED),
  disk: input(0.08, "USD a month for 1 GB on SSD", ASSUMED),
  copy: input(0.02, "USD a month for 1 GB of its backup", ASSUMED),
  out: input(0.05, "USD for 1 GB sent to packs", ASSUMED),
};

/**
 * What a shard is made of, and what that takes; CPU ms of all its processes together where nothing else is said.
 *
 * @typedef {object} Kind
 * @property {string} name as docs/deploy.md has it
 * @property {Input} nodes brokers that share the broker's work
 * @property {Input} broker
 * @property {Input} connects
 * @property {Input} alone
 * @property {Input} batch
 * @property {Input} sync
 * @property {Input} replay
 * @property {Input} idle
 * @property {Input} silent
 * @property {Input} bytes
 */

const LOAD = "measured, `load`";
const STORE = "measured, `store`, batches of 10";

/** @type {readonly Kind[]} */
export const KINDS = [
  {
    name: "site",
    nodes: input(1, "broker", "deploy/site"),
    broker: input(0.17, "CPU ms of the broker, a batch with its head and receipt", LOAD),
    connects: input(1.5, "CPU ms of the broker, a pack that connects", LOAD),
    alone: input(1.34, "CPU ms of the worker, a batch that comes alone", LOAD),
    batch: input(0.467, "CPU ms of the worker, a batch among many", STORE),
    sync: input(0.182, "ms of the disk, a group of batches", "measured, docs/benchmarks.md"),
    replay: input(178_000, "entries read again in a CPU-second", LOAD),
    idle: input(4.67, "CPU ms a second, without packs", LOAD),
    silent: input(0.02, "CPU ms a second, a silent pack", LOAD),
    bytes: input(258, "B an entry on disk", STORE),
  },
  {
    name: "cluster",
    nodes: input(3, "brokers that share the work evenly", "deploy/cluster; evenly: assumed"),
    broker: input(4.14, "CPU ms of the brokers, a batch with its head and receipt", LOAD),
    connects: input(75.8, "CPU ms of the brokers, a pack that connects", LOAD),
    alone: input(4.6, "CPU ms of worker and database, a batch that comes alone", LOAD),
    batch: input(0.585, "CPU ms of worker and database, a batch among many", STORE),
    sync: input(0.182, "ms of the disk, a group of batches", "measured, docs/benchmarks.md"),
    replay: input(104_000, "entries read again in a CPU-second", LOAD),
    idle: input(8.66, "CPU ms a second, without packs", LOAD),
    silent: input(0.81, "CPU ms a second, a silent pack", LOAD),
    bytes: input(383, "B an entry on disk", STORE),
  },
];

/**
 * Of a shard's stations, ms: what a batch that comes alone takes beside one among many is its group's.
 *
 * @param {Kind} kind
 * @returns {import("./shard.mjs").Costs}
 */
export function costsOf({ nodes, broker, connects, alone, batch, sync }) {
  return {
    broker: broker.value / nodes.value,
    connect: connects.value / nodes.value,
    batch: batch.value,
    group: alone.value - batch.value + sync.value,
  };
}
