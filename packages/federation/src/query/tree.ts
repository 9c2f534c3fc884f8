/**
 * Hashes of a stored log's tree, and proofs out of it. What asks for them asks at once and not later: it is asked again,
 * each time with what it lacked before, until it lacks nothing; a proof takes as many questions as its tree has levels.
 */
import {
  consistencyProof,
  Frontier,
  inclusionProof,
  leafHash,
  TILE_HEIGHT,
  TILE_WIDTH,
} from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { collectProof, type ProofFile } from "@wattseal/verifier";
import { FederationError } from "../errors.js";
import { BLOCK } from "../folds/growth.js";
import type { FederationStore } from "../store/port.js";
import { indicesIn } from "./bits.js";

class Missing extends Error {
  readonly load: () => Promise<void>;

  constructor(load: () => Promise<void>) {
    super("a hash or an entry that is not loaded yet");
    this.load = load;
  }
}

export class StoredTree {
  readonly #store: FederationStore;
  readonly #pack: PackName;
  readonly #leaves = new Map<number, Uint8Array>();
  readonly #hashes = new Map<string, Uint8Array>();

  constructor(store: FederationStore, pack: PackName) {
    this.#store = store;
    this.#pack = pack;
  }

  /**
   * Everything that proves an entry under a note over more entries than its index; `folded` of them are in the folds.
   * Throws VerifierError `proof`, FederationError `store-corrupt`.
   */
  async prove(index: number, note: string): Promise<ProofFile> {
    const begins = await this.#begins();
    const log = {
      firstEntry: 0,
      keptEntries: [],
      epochBegins: begins,
      entry: (at: number) => this.#leaf(at),
      inclusionProof: (at: number, size: number) => inclusionProof(at, size, this.#read),
      consistencyProof: (from: number, to: number) => consistencyProof(from, to, this.#read),
    };
    return this.#until(() => collectProof(log, index, note));
  }

  /** Hashes of a tile (C2SP tlog-tiles): `width` of them, from the left. Undefined where not all are there. */
  async tile(
    level: number,
    index: number,
    width: number,
  ): Promise<readonly Uint8Array[] | undefined> {
    const first = index * TILE_WIDTH;
    const hashes =
      level === 0
        ? (await this.#store.leaves(this.#pack, first, width)).map((leaf) => leafHash(leaf))
        : await this.#store.subtrees(this.#pack, level, first, width);
    return hashes.length === width ? hashes : undefined;
  }

  async #until<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        return work();
      } catch (thrown) {
        if (!(thrown instanceof Missing)) throw thrown;
        await thrown.load();
      }
    }
  }

  async #begins(): Promise<readonly number[]> {
    const begins: number[] = [];
    const pack = this.#pack;
    for (let from = 0; ; ) {
      const limit = 100;
      const blocks = await this.#store.marks({
        keys: ["epoch.begin"],
        pack,
        from: { pack, index: from },
        limit,
      });
      for (const marked of blocks) begins.push(...indicesIn(marked));
      const last = blocks.at(-1);
      if (last === undefined || blocks.length < limit) return begins;
      from = (last.block + 1) * BLOCK;
    }
  }

  #leaf(index: number): Uint8Array {
    const leaf = this.#leaves.get(index);
    if (leaf !== undefined) return leaf;
    throw new Missing(async () => {
      const [found] = await this.#store.leaves(this.#pack, index, 1);
      if (found === undefined) throw this.#damaged();
      this.#leaves.set(index, found);
    });
  }

  readonly #read = (level: number, index: number): Uint8Array => {
    const hash = this.#hashes.get(`${level} ${index}`);
    if (hash !== undefined) return hash;
    throw new Missing(() => this.#load(level, index));
  };

  /** Out of the tile whose hashes it is made of: at most 128 of them, or the leaves of one block. */
  async #load(level: number, index: number): Promise<void> {
    const tile = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level - tile * TILE_HEIGHT);
    const first = index * count;
    const at = first % TILE_WIDTH;
    const whole = await this.tile(tile, Math.floor(first / TILE_WIDTH), at + count);
    if (whole === undefined) throw this.#damaged();
    const frontier = new Frontier();
    for (const hash of whole.slice(at)) frontier.append(hash);
    this.#hashes.set(`${level} ${index}`, frontier.root());
  }

  #damaged(): FederationError {
    return new FederationError("store-corrupt", `${this.#pack}: entries or hashes are missing`);
  }
}
