// One shard of a fleet: packs, a broker, a worker with its store.
import { Simulation } from "./simulation.mjs";
import { Station } from "./station.mjs";

const MINUTE = 60_000;
/** As `packages/federation` has them: a worker's group, and how long it waits for company. */
const GROUP = { groupSize: 64, groupMs: 20 };
/** As a gateway tries again. */
const RECONNECT = { least: 500, spread: 1_500 };
const WANTED_MS = 10_000;

/** Packs whose books a worker has in memory: the most recently used, as `PackCache` keeps them. */
class Memory {
  /** @type {Set<number>} */
  #packs = new Set();
  #most;

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /** True where the pack was not there. @param {number} pack */
  misses(pack) {
    const missed = !this.#packs.delete(pack);
    this.#packs.add(pack);
    const [oldest] = this.#packs;
    if (this.#packs.size > this.#most && oldest !== undefined) this.#packs.delete(oldest);
    return missed;
  }

  clear() {
    this.#packs.clear();
  }
}

/**
 * CPU ms, as wall time on a core of their own.
 *
 * @typedef {object} Costs
 * @property {number} broker of a batch with its head and receipt
 * @property {number} connect of the broker, for a pack that connects
 * @property {number} group of the worker, the database and the disk: each group of batches
 * @property {number} batch of the worker and the database: each batch beside
 */
/**
 * What a worker reads again before it judges a pack's batch, where it does not have the pack in memory.
 *
 * @typedef {{ readonly inMemory: number, readonly replayMs: number }} Logs
 */
/**
 * @typedef {object} Shape
 * @property {number} packs
 * @property {number} minutes
 * @property {number} spreadMs checkpoints of a minute are so far apart
 * @property {{ readonly least: number, readonly mean: number }} network ms one way, and on top
 * @property {Costs} costs
 * @property {number} [seed]
 * @property {Logs} [logs] default: all in memory
 * @property {{ readonly at: number, readonly ms: number }} [worker] away; then it has nothing in memory
 * @property {{ readonly at: number, readonly ms: number }} [broker] away; then everyone connects
 */

/**
 * Each pack sends a batch a minute. Times from a checkpoint's signing to its receipt at the pack, ms.
 *
 * @param {Shape} shape
 */
export function simulateShard({
  packs,
  minutes,
  spreadMs,
  network,
  costs,
  logs,
  seed = 1,
  ...away
}) {
  const simulation = new Simulation(seed);
  const broker = new Station(simulation, {
    serviceMs: ([ms = 0]) => ms,
  });
  const memory = new Memory(logs?.inMemory ?? packs);
  for (let pack = 0; pack < packs; pack += 1) memory.misses(pack);
  const worker = new Station(simulation, {
    ...GROUP,
    serviceMs: (/** @type {readonly number[]} */ group) => {
      const missed = group.filter((pack) => memory.misses(pack)).length;
      return costs.group + costs.batch * group.length + (logs?.replayMs ?? 0) * missed;
    },
  });
  const onItsWay = () => network.least + simulation.exponential(network.mean);
  /** @type {{ readonly signedAt: number, readonly ms: number }[]} */
  const receipts = [];
  for (let pack = 0; pack < packs; pack += 1) {
    const phase = spreadMs * simulation.uniform();
    for (let minute = 0; minute < minutes; minute += 1) {
      const signedAt = minute * MINUTE + phase;
      const receipted = () => {
        receipts.push({ signedAt, ms: simulation.now - signedAt });
      };
      const stored = () => simulation.after(onItsWay(), receipted);
      const delivered = () => worker.submit(pack, stored);
      simulation.after(signedAt + onItsWay(), () => broker.submit(costs.broker, delivered));
    }
  }
  if (away.worker !== undefined) {
    const { at, ms } = away.worker;
    worker.pause(at, ms);
    simulation.after(at, () => memory.clear());
  }
  if (away.broker !== undefined) {
    const { at, ms } = away.broker;
    broker.pause(at, ms);
    for (let pack = 0; pack < packs; pack += 1) {
      const again = RECONNECT.least + RECONNECT.spread * simulation.uniform();
      simulation.after(at + ms + again, () => broker.submit(costs.connect, () => {}));
    }
  }
  simulation.run();
  return summaryOf(receipts, worker.busyMs / (minutes * MINUTE));
}

/**
 * @param {readonly { readonly signedAt: number, readonly ms: number }[]} receipts
 * @param {number} busy
 */
function summaryOf(receipts, busy) {
  const sorted = receipts.map(({ ms }) => ms).sort((a, b) => a - b);
  const quantile = (/** @type {number} */ q) =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  const late = receipts.filter(({ ms }) => ms > WANTED_MS);
  return {
    receipts: receipts.length,
    p50: quantile(0.5),
    p99: quantile(0.99),
    longest: quantile(1),
    late: late.length,
    /** When the last of these came. */
    lateUntil: late.reduce((last, { signedAt, ms }) => Math.max(last, signedAt + ms), 0),
    busy,
  };
}
