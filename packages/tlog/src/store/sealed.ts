import { bytesEqual } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { decodeBundle, entriesOf, entriesPath, TILE_WIDTH, tilePath } from "../tiles.js";
import { HASH_LENGTH, leafHash } from "../tree/hash.js";
import type { StoreFiles } from "./files.js";
import { readFloor } from "./floor.js";
import { prunedError, refuseFile } from "./layout.js";

/** Bundles and tiles on disk. One that is not there is refused as lost, unless its pruning is on record. */
export class SealedFiles {
  readonly #files: StoreFiles;
  #floor: number;

  constructor(files: StoreFiles, floor: number) {
    this.#files = files;
    this.#floor = floor;
  }

  /** The lowest entry that is still here. */
  get floor(): number {
    return this.#floor;
  }

  raiseFloor(floor: number): void {
    this.#floor = floor;
  }

  /** Throws TlogError "pruned" for a tile whose last entry lies below the floor (C2SP tlog-tiles, Pruning). */
  requireTile(level: number, index: number): void {
    if ((index + 1) * TILE_WIDTH ** (level + 1) > this.#floor) return;
    throw prunedError(this.#files, tilePath(level, index), this.#floor);
  }

  requireEntry(index: number): void {
    if (index < this.#floor) throw prunedError(this.#files, `entry ${index}`, this.#floor);
  }

  bundle(index: number): Uint8Array {
    const path = entriesPath(index);
    const first = index * TILE_WIDTH;
    return (
      this.#files.read(path) ??
      this.#gone(path, first + TILE_WIDTH, `is missing (entries from ${first})`)
    );
  }

  tile(level: number, index: number): Uint8Array {
    const path = tilePath(level, index);
    const bytes =
      this.#files.read(path) ??
      this.#gone(path, (index + 1) * TILE_WIDTH ** (level + 1), "is missing");
    if (bytes.length !== TILE_WIDTH * HASH_LENGTH) {
      refuseFile(this.#files, path, `has ${bytes.length} bytes, not ${TILE_WIDTH * HASH_LENGTH}`);
    }
    return bytes;
  }

  /** A writer may have pruned beside this reader: then that is on record by now. */
  #gone(path: string, end: number, problem: string): never {
    const floor = readFloor(this.#files).entry;
    if (end <= floor) throw prunedError(this.#files, path, floor);
    return refuseFile(this.#files, path, problem);
  }

  /** Takes a bundle's bytes apart; where they are no bundle, that is what its file is refused for. */
  decoding<T>(index: number, bytes: Uint8Array, use: (entries: Iterable<Uint8Array>) => T): T {
    try {
      return use(entriesOf(bytes, TILE_WIDTH, `entries from ${index * TILE_WIDTH}`));
    } catch (cause) {
      if (!(cause instanceof TlogError) || cause.code !== "tile") throw cause;
      return refuseFile(this.#files, entriesPath(index), cause.message, "corrupt", { cause });
    }
  }
}

/** True where a bundle's entries have the hashes of its tile: whatever else it is, it is not damaged. */
export function isIntact(bundle: Uint8Array, tile: Uint8Array | undefined): boolean {
  if (tile?.length !== TILE_WIDTH * HASH_LENGTH) return false;
  try {
    return decodeBundle(bundle).every((entry, i) =>
      bytesEqual(leafHash(entry), tile.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH)),
    );
  } catch (error) {
    if (error instanceof TlogError && error.code === "tile") return false;
    throw error;
  }
}
