// A federation's worker on a real store, given what its pack never sent: junk, its own messages damaged, and whatever its key may sign.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis, silentLogger, utf8 } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { FederationWorker, readStoredLog, SqliteStore } from "@wattseal/federation";
import { Ed25519SecretKey } from "@wattseal/lct-keys";

/** @typedef {import("./random.mjs").Random} Random */
/** @typedef {import("./pack.mjs").FuzzPack} FuzzPack */
/** @typedef {import("@wattseal/federation").IngestChannel} IngestChannel */

/** As many messages as the worker takes into one transaction. */
export const GROUP = 64;
/** Entries that the worker has of the pack; the others are what it may send. */
const STORED = 40;
/** The end of an epoch that never began. */
const NEVER = encodeEntry({
  type: "epoch.end",
  timeMs: millis(2_000_000_000_000),
  body: { epoch: 99, reason: "fuzz" },
});

/** Time passes when it is told to. */
class SteppedClock {
  #now = 1_760_000_000_000;
  /** @type {{ readonly time: number, readonly task: () => void }[]} */
  #tasks = [];

  now() {
    return millis(this.#now);
  }

  /**
   * @param {number} time
   * @param {() => void} task
   */
  at(time, task) {
    const entry = { time, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** @param {number} ms */
  pass(ms) {
    this.#now += ms;
    for (const entry of this.#tasks.filter(({ time }) => time <= this.#now)) {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
      entry.task();
    }
  }
}

export class FuzzedWorker {
  #folder;
  #store;
  #worker;
  #pack;
  #stranger;
  #clock;
  #receipts;
  /** @type {Uint8Array} */
  #evidence;

  /**
   * @param {object} parts
   * @param {string} parts.folder
   * @param {SqliteStore} parts.store
   * @param {FederationWorker} parts.worker
   * @param {FuzzPack} parts.pack
   * @param {FuzzPack} parts.stranger
   * @param {SteppedClock} parts.clock
   * @param {{ sent: number }} parts.receipts
   */
  constructor({ folder, store, worker, pack, stranger, clock, receipts }) {
    this.#folder = folder;
    this.#store = store;
    this.#worker = worker;
    this.#pack = pack;
    this.#stranger = stranger;
    this.#clock = clock;
    this.#receipts = receipts;
    this.#evidence = pack.evidenceOf(2, pack.keyAt());
  }

  /**
   * @param {import("@wattseal/base").Entropy} entropy
   * @param {Ed25519SecretKey} authority
   * @param {{ readonly pack: FuzzPack, readonly stranger: FuzzPack }} packs
   */
  static async open(entropy, authority, packs) {
    const folder = mkdtempSync(join(tmpdir(), "wattseal-fuzz-"));
    const key = Ed25519SecretKey.generate(entropy);
    const store = await SqliteStore.open(join(folder, "store"));
    const clock = new SteppedClock();
    const receipts = { sent: 0 };
    const worker = await FederationWorker.start({
      store,
      witness: { name: "fuzz", publicKey: key.publicKey, sign: (bytes) => key.sign(bytes) },
      authorityKeys: [authority.publicKey],
      clock,
      logger: silentLogger,
      publish: (_pack, channel) => {
        if (channel === "receipt") receipts.sent += 1;
      },
    });
    const made = new FuzzedWorker({ folder, store, worker, clock, receipts, ...packs });
    await made.#give([{ channel: "batch", payload: packs.pack.batch(0, STORED) }]);
    return made;
  }

  /**
   * Up to GROUP messages, all settled; how many of them were refused.
   *
   * @param {Random} random
   * @param {number} count
   */
  async group(random, count) {
    const before = this.#refused();
    await this.#give(Array.from({ length: count }, () => this.#message(random)));
    this.#clock.pass(random.below(500));
    const { internal = 0, store = 0 } = this.#worker.stats.refused;
    if (internal + store > 0) throw new Error("the worker took a message for a fault of its own");
    return this.#refused() - before;
  }

  /** What is stored is the pack's own log, and it is still believed what is true. */
  async check() {
    const { sent } = this.#receipts;
    const pack = this.#pack;
    await this.#give([{ channel: "batch", payload: pack.batch(0, pack.size) }]);
    const stored = [];
    for await (const leaf of readStoredLog(this.#store, pack.name)) stored.push(leaf);
    if (stored.length !== pack.size || !pack.isWhole(stored)) {
      throw new Error("what is stored is not what the pack has");
    }
    if (this.#receipts.sent <= sent) throw new Error("an honest batch gets no receipt any more");
  }

  async close() {
    await this.#worker.stop();
    await this.#store.close();
    rmSync(this.#folder, { recursive: true });
  }

  #refused() {
    return Object.values(this.#worker.stats.refused).reduce((sum, count) => sum + count, 0);
  }

  /** @param {readonly { readonly channel: IngestChannel, readonly payload: Uint8Array, readonly pack?: FuzzPack }[]} messages */
  async #give(messages) {
    let open = messages.length;
    const settled = new Promise((resolve) => {
      for (const { channel, payload, pack = this.#pack } of messages) {
        const settle = () => {
          open -= 1;
          if (open === 0) resolve(undefined);
        };
        this.#worker.deliver({ pack: pack.name, channel, payload, settle: once(settle) });
      }
    });
    while (open > 0) {
      this.#clock.pass(20);
      await Promise.race([settled, turn()]);
    }
  }

  /** @param {Random} random @returns {{ channel: IngestChannel, payload: Uint8Array, pack?: FuzzPack }} */
  #message(random) {
    const pack = this.#pack;
    const from = random.below(pack.size);
    const to = from + 1 + random.below(Math.min(8, pack.size - from));
    const kind = random.below(1024);
    // Dear ones, for the worker and for who signs them: it loads the log anew, and reads what is stored.
    if (kind === 0) return { channel: "batch", payload: this.#lie(random) };
    if (kind < 8) return { channel: "head", payload: utf8(pack.note(to, random.bytes(32))) };
    switch (kind % 10) {
      case 0:
        return { channel: "head", payload: random.changed(utf8(pack.note(to))) };
      case 1:
        return { channel: "epoch", payload: random.changed(this.#evidence) };
      case 2:
        return { channel: "response", payload: random.changed(pack.response(from, to)) };
      case 3:
        return { channel: "state", payload: random.bytes(random.below(16)) };
      case 4:
        return { channel: "alarm", payload: random.bytes(random.below(64)) };
      case 5: {
        const payload = random.changed(this.#stranger.batch(from, to));
        return { channel: "batch", payload, pack: this.#stranger };
      }
      case 6:
        return { channel: "batch", payload: random.bytes(random.below(400)) };
      default:
        return { channel: "batch", payload: random.changed(pack.batch(from, to)) };
    }
  }

  /** Entries of its own damaged and out of their order, under its own signature; the last one is refused in any case. @param {Random} random */
  #lie(random) {
    const { leaves } = this.#pack;
    const told = Array.from({ length: random.below(3) }, () => {
      const leaf = leaves[random.below(leaves.length)] ?? NEVER;
      const damaged = random.below(2) === 0 ? leaf : random.changed(leaf);
      return damaged.length === 0 ? leaf : damaged;
    });
    return this.#pack.signed(STORED, [...told, NEVER]);
  }
}

/** @param {() => void} settle */
function once(settle) {
  let done = false;
  return () => {
    if (!done) settle();
    done = true;
  };
}

function turn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
