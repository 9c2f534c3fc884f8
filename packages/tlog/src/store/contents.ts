import { bytesEqual, InvariantViolation } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { encodeBundle, entriesPath, TILE_HEIGHT, TILE_WIDTH, tilePath } from "../tiles.js";
import { rootOf } from "../tree/frontier.js";
import { HASH_LENGTH, leafHash } from "../tree/hash.js";
import { TileTree } from "../tree/tile-tree.js";
import { Cache } from "./cache.js";
import { type CompletedTile, TileEdge } from "./edge.js";
import type { NewFile, StoreFiles } from "./files.js";
import { type Floor, partialWidths } from "./floor.js";
import type { JournalRecord } from "./journal.js";
import type { Kept } from "./kept.js";
import { refuseFile } from "./layout.js";
import { SealedFiles } from "./sealed.js";

const CACHED_TILES = 64;
const CACHED_BUNDLES = 8;

const tileHash = (tile: Uint8Array, at: number) =>
  tile.subarray(at * HASH_LENGTH, (at + 1) * HASH_LENGTH);

function hashesOf(tile: Uint8Array): readonly Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let i = 0; i < TILE_WIDTH; i += 1) hashes.push(tileHash(tile, i));
  return hashes;
}

/**
 * Everything durable in a log: sealed bundles and tiles on disk, and in memory the unsealed tail and the
 * tree's right edge. What is read from disk is checked against the hashes above it, up to that edge.
 */
export class LogContents {
  readonly #files: StoreFiles;
  readonly #sealed: SealedFiles;
  readonly #edge: TileEdge;
  readonly #tiles = new Cache<string, TileTree>(CACHED_TILES);
  readonly #bundles = new Cache<number, readonly Uint8Array[]>(CACHED_BUNDLES);
  /** Entries from `#tailFirst` on. */
  #tail: JournalRecord[] = [];
  #tailFirst: number;
  /** Complete, not yet on disk. */
  #unsealed: CompletedTile[] = [];
  /** Of what lies below the floor. */
  #kept: Kept;

  /** Empty, or as far as the entries below the floor. */
  constructor(files: StoreFiles, floor: Floor, kept: Kept) {
    this.#kept = kept;
    this.#files = files;
    this.#sealed = new SealedFiles(files, floor.entry);
    this.#edge = new TileEdge(floor);
    this.#tailFirst = floor.entry;
  }

  /** The lowest entry that is here. */
  get first(): number {
    return this.#sealed.floor;
  }

  get size(): number {
    return this.#edge.size;
  }

  frontier() {
    return this.#edge.frontier();
  }

  /** Takes over a record that the journal holds durably. */
  append(record: JournalRecord): void {
    this.#unsealed.push(...this.#edge.append(record.leafHash));
    this.#tail.push(record);
  }

  /** Reads the next sealed bundle and its tiles from disk, checking every bit of them. */
  verifyNextBundle(): void {
    const index = this.#tailFirst / TILE_WIDTH;
    const bundle = this.#sealed.bundle(index);
    const hashes = hashesOf(this.#sealed.tile(0, index));
    this.#sealed.decoding(index, bundle, (entries) => {
      // hashed as they come apart: the entry where a length is wrong is named, not where the bundle then breaks
      let i = 0;
      for (const entry of entries) {
        const stored = hashes[i];
        if (stored === undefined || !bytesEqual(leafHash(entry), stored)) {
          this.#refuseEntry(index, i, tilePath(0, index));
        }
        i += 1;
      }
    });
    for (const completed of this.#edge.appendTile(rootOf(hashes))) this.#verifyUpper(completed);
    this.#tailFirst += TILE_WIDTH;
  }

  #verifyUpper({ level, index, tree }: CompletedTile): void {
    const path = tilePath(level, index);
    const tile = this.#sealed.tile(level, index);
    const bad = tree.hashes.findIndex((hash, i) => !bytesEqual(hash, tileHash(tile, i)));
    if (bad !== -1) {
      const below = tilePath(level - 1, index * TILE_WIDTH + bad);
      refuseFile(
        this.#files,
        path,
        `hash ${bad} (at byte ${bad * HASH_LENGTH}) is not the root of ${below}`,
      );
    }
  }

  #refuseEntry(bundle: number, at: number, path: string): never {
    const index = bundle * TILE_WIDTH + at;
    const place = `hash ${at} of ${path} (at byte ${at * HASH_LENGTH})`;
    return refuseFile(this.#files, entriesPath(bundle), `entry ${index} does not match ${place}`);
  }

  /** A sealed bundle's entries; they are those of the hash above, or refused by name. */
  #readEntries(index: number): readonly Uint8Array[] {
    const bytes = this.#sealed.bundle(index);
    const entries = this.#sealed.decoding(index, bytes, (all) => [...all]);
    const hashes = entries.map(leafHash);
    if (!bytesEqual(rootOf(hashes), this.#hash(1, index))) {
      const tile = this.#tile(0, index).hashes;
      const bad = hashes.findIndex((hash, i) => !bytesEqual(hash, tile[i] ?? hash.subarray(1)));
      this.#refuseEntry(index, bad, tilePath(0, index));
    }
    return entries;
  }

  /** A tile; from disk only if its root is what the level above says. */
  #tile(level: number, index: number): TileTree {
    const edge = this.#edge.tile(level, index);
    if (edge !== undefined) return edge;
    this.#sealed.requireTile(level, index);
    return this.#tiles.get(`${level}/${index}`, () => {
      const memory = this.#unsealed.find((tile) => tile.level === level && tile.index === index);
      if (memory !== undefined) return memory.tree;
      const tree = TileTree.of(hashesOf(this.#sealed.tile(level, index)));
      if (tree.root === undefined || !bytesEqual(tree.root, this.#hash(level + 1, index))) {
        const above = tilePath(level + 1, Math.floor(index / TILE_WIDTH));
        const problem = `does not match ${above}: it changed since the log was opened`;
        refuseFile(this.#files, tilePath(level, index), problem);
      }
      return tree;
    });
  }

  #hash(level: number, index: number): Uint8Array {
    return this.node(level * TILE_HEIGHT, index);
  }

  /** Root of a complete subtree: a HashReader. */
  readonly node = (level: number, index: number): Uint8Array => {
    const height = level % TILE_HEIGHT;
    const width = TILE_WIDTH / 2 ** height;
    const tile = Math.floor(index / width);
    // only where the whole tile went: what floor and head hold is not for the kept file to say
    if ((tile + 1) * width * 2 ** level <= this.first) {
      const kept = this.#kept.node(level, index);
      if (kept !== undefined) return kept;
    }
    if ((index + 1) * 2 ** level <= this.size) {
      const node = this.#tile((level - height) / TILE_HEIGHT, tile).node(height, index % width);
      if (node !== undefined) return node;
    }
    throw new InvariantViolation(`node ${level}/${index} lies beyond ${this.size} entries`);
  };

  leafHash(index: number): Uint8Array {
    this.#requireIndex(index);
    return this.node(0, index);
  }

  entry(index: number): Uint8Array {
    this.#requireIndex(index);
    const kept = index < this.first ? this.#kept.entries.get(index) : undefined;
    if (kept !== undefined) return kept;
    this.#sealed.requireEntry(index);
    const bundle = Math.floor(index / TILE_WIDTH);
    const entry =
      index < this.#tailFirst
        ? this.#bundles.get(bundle, () => this.#readEntries(bundle))[index % TILE_WIDTH]
        : this.#tail[index - this.#tailFirst]?.entry;
    if (entry === undefined) throw new InvariantViolation(`entry ${index} is nowhere`);
    return entry;
  }

  #requireIndex(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.size) {
      throw new TlogError(
        "range",
        `log ${this.#files.location}: no entry ${index} among ${this.size}`,
      );
    }
  }

  /** Entries below the floor that are still here, for proofs. */
  get kept(): Kept {
    return this.#kept;
  }

  set kept(kept: Kept) {
    this.#kept = kept;
  }

  /** The highest floor that leaves entry `below` and all after it here; it takes sealed bundles only. */
  floorBelow(below: number): Floor {
    const entry = Math.min(below - (below % TILE_WIDTH), this.#tailFirst);
    const tiles = partialWidths(entry).map((width, level) => {
      const first = Math.floor(entry / TILE_WIDTH ** level) - width;
      return Array.from({ length: width }, (_, i) => this.#hash(level, first + i));
    });
    return { entry, tiles };
  }

  /** What lies below is no longer served; its files may go. */
  raiseFloor(entry: number): void {
    this.#sealed.raiseFloor(entry);
  }

  /** Complete tiles that are not on disk. */
  get unsealedTiles(): number {
    return this.#unsealed.length;
  }

  /** Files that complete tiles of the tail belong in: bundles and tiles. */
  filesToSeal(): readonly NewFile[] {
    return this.#unsealed.flatMap(({ level, index, tree }) => {
      const tile = { path: tilePath(level, index), bytes: tree.bytes() };
      return level === 0 ? [this.#bundleFile(index), tile] : [tile];
    });
  }

  #bundleFile(index: number): NewFile {
    const from = index * TILE_WIDTH - this.#tailFirst;
    const entries = this.#tail.slice(from, from + TILE_WIDTH).map(({ entry }) => entry);
    return { path: entriesPath(index), bytes: encodeBundle(entries) };
  }

  /** Index from which entries have to stay in a journal once `filesToSeal` are on disk. */
  get unsealedFrom(): number {
    return this.size - (this.size % TILE_WIDTH);
  }

  unsealedEntries(): readonly Uint8Array[] {
    return this.#tail.slice(this.unsealedFrom - this.#tailFirst).map(({ entry }) => entry);
  }

  /** `filesToSeal` are on disk and the journal starts at `unsealedFrom`. */
  sealed(): void {
    this.#tail = this.#tail.slice(this.unsealedFrom - this.#tailFirst);
    this.#tailFirst = this.unsealedFrom;
    this.#unsealed = [];
  }
}
