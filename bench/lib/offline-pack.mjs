// A pack's log on the disk and what its gateway keeps beside it, from a recording.
import { LogStore } from "@wattseal/tlog/store";
import { decodeBatch, leafBytes, PendingCheckpoints, UplinkCursors } from "@wattseal/uplink";
import { LogReplay } from "@wattseal/verifier";
import { authority, witness } from "./recorded.mjs";

/** Checkpoints that are kept with one write. */
const AT_ONCE = 500;

export class OfflinePack {
  store;
  pending;
  cursors;
  #recorded;
  #batch = 0;

  /**
   * @param {import("./recorded.mjs").Recorded} recorded with a checkpoint a minute
   * @param {string} directory
   */
  static async open(recorded, directory) {
    return new OfflinePack(recorded, await LogStore.open({ directory }));
  }

  /**
   * @param {import("./recorded.mjs").Recorded} recorded
   * @param {LogStore} store
   */
  constructor(recorded, store) {
    this.#recorded = recorded;
    this.store = store;
    const replay = new LogReplay({ authorities: [{ publicKey: authority.publicKey }] });
    for (const leaf of recorded.leaves.slice(0, 2)) replay.append(leaf);
    const publicKey = replay.chain?.current?.publicKey;
    this.origin = replay.chain?.document.origin ?? "";
    const log = {
      get size() {
        return store.durableSize;
      },
      root: (/** @type {number} */ size) => store.root(size),
      keyAt: () => publicKey,
    };
    this.pending = PendingCheckpoints.load({
      origin: this.origin,
      stored: undefined,
      witnessed: 0,
      log,
      save: async () => {},
    }).pending;
    this.cursors = UplinkCursors.load({
      origin: this.origin,
      log,
      destinations: [{ name: witness.name, publicKeys: [witness.publicKey] }],
      quorum: 1,
      stored: () => undefined,
      save: async () => {},
    });
  }

  get name() {
    return this.#recorded.name;
  }

  get size() {
    return this.store.durableSize;
  }

  /** The next checkpoints with their entries, so many of them. @param {number} count */
  async record(count) {
    for (let left = count; left > 0; left -= AT_ONCE) await this.#record(Math.min(left, AT_ONCE));
  }

  /** @param {number} count */
  async #record(count) {
    const batches = this.#recorded.batches.slice(this.#batch, this.#batch + count);
    if (batches.length < count) throw new Error("the recording is too short");
    this.#batch += count;
    const read = batches.map(({ size, payload }) => ({ size, ...decodeBatch(payload) }));
    await this.store.append(read.flatMap(({ leaves }) => leaves));
    const checkpoints = read.map(({ size, leaves, checkpoint: note }) => ({
      size,
      note,
      bytes: leafBytes(leaves),
    }));
    await this.pending.add(...checkpoints);
  }
}
