// Packs that send their recorded batches to whichever worker, again and again, until the receipt covers them.
import { bytesEqual, fromUtf8 } from "@wattseal/base";
import { Frontier, leafHash, verifyCosignature } from "@wattseal/tlog";
import { decodeRequest } from "@wattseal/uplink";
import { recordPack, witness } from "../../../bench/lib/recorded.mjs";

/** Batches under way of one pack. */
const WINDOW = 4;
const SHAPE = { entries: 240, perBatch: 6 };

/** @typedef {import("@wattseal/federation").FederationWorker} Worker */
/** @typedef {import("../../../bench/lib/recorded.mjs").Recorded} Recorded */

/** One pack's sending end. */
class Gateway {
  pack;
  /** Entries that a receipt covers. */
  witnessed = 0;
  /** Roots of the recorded log by size. */
  #roots = new Map();

  /** @param {number} number */
  constructor(number) {
    this.pack = recordPack(number, SHAPE);
    const frontier = new Frontier();
    for (const leaf of this.pack.leaves) {
      frontier.append(leafHash(leaf));
      this.#roots.set(frontier.size, frontier.root());
    }
  }

  get isDone() {
    return this.witnessed === this.pack.leaves.length;
  }

  /** What comes next after `from` entries. @param {number} from */
  batchesFrom(from) {
    return this.pack.batches.filter(({ size }) => size > from).slice(0, WINDOW);
  }

  /** @param {Uint8Array} payload @returns {boolean} whether it covers more than the last one */
  receipt(payload) {
    const { checkpoint } = verifyCosignature(fromUtf8(payload), witness);
    const root = this.#roots.get(checkpoint.size);
    if (root === undefined || !bytesEqual(root, checkpoint.root)) {
      throw new Error(`a receipt of ${checkpoint.size} for a log that was never sent`);
    }
    const before = this.witnessed;
    this.witnessed = Math.max(before, checkpoint.size);
    return this.witnessed > before;
  }
}

/** A fleet in which a new pack comes for each one that has sent everything. */
export class Gateways {
  /** @type {Map<string, Gateway>} */
  all = new Map();
  receipts = 0;
  /** Every receipt that was sent. @type {Set<string>} */
  given = new Set();
  delivered = 0;
  /** @type {readonly Worker[]} */
  #workers = [];
  #random;
  #target;
  #isEnding = false;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {number} packs at work at a time
   * @param {(below: number) => number} random
   */
  constructor(packs, random) {
    this.#target = packs;
    this.#random = random;
  }

  /** Whatever a worker sends. @type {import("@wattseal/federation").Publish} */
  publish = (pack, channel, payload) => {
    const gateway = this.all.get(pack);
    if (gateway === undefined) throw new Error(`something for ${pack}, which has sent nothing`);
    if (channel === "request") return this.#send(gateway, decodeRequest(payload).from);
    this.receipts += 1;
    this.given.add(fromUtf8(payload));
    if (!gateway.receipt(payload)) return; // the stored one again
    for (const tell of this.#waiting.splice(0)) tell();
    if (gateway.isDone) this.#fill();
    else this.#send(gateway, gateway.witnessed);
  };

  /** @param {readonly Worker[]} workers */
  begin(workers) {
    this.#workers = workers;
    this.#fill();
  }

  /** When another receipt has come that covers something new. @returns {Promise<void>} */
  progress() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Sends again what has no receipt, as a gateway does whose message may be lost. */
  remind() {
    for (const gateway of this.all.values()) {
      if (!gateway.isDone) this.#send(gateway, gateway.witnessed);
    }
  }

  /** No new packs; resolves when everything that was begun has its receipt. */
  async finish() {
    this.#isEnding = true;
    while ([...this.all.values()].some(({ isDone }) => !isDone)) await this.progress();
  }

  #fill() {
    const open = [...this.all.values()].filter(({ isDone }) => !isDone).length;
    for (let i = open; i < this.#target && !this.#isEnding; i += 1) {
      const gateway = new Gateway(this.all.size);
      this.all.set(gateway.pack.name, gateway);
      this.#send(gateway, 0);
    }
  }

  /**
   * To one worker or the other, and some of it to both.
   *
   * @param {Gateway} gateway
   * @param {number} from
   */
  #send(gateway, from) {
    const chosen = this.#random(this.#workers.length);
    for (const { payload } of gateway.batchesFrom(from)) {
      const isTwice = this.#random(4) === 0;
      for (const [i, worker] of this.#workers.entries()) {
        if (i !== chosen && !isTwice) continue;
        this.delivered += 1;
        const pack = gateway.pack.name;
        worker.deliver({ pack, channel: "batch", payload, settle: () => {} });
      }
    }
  }
}
