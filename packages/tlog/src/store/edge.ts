import { TILE_HEIGHT, TILE_WIDTH } from "../tiles.js";
import { Frontier, rootOf } from "../tree/frontier.js";
import type { Floor } from "./floor.js";

export interface CompletedTile {
  readonly level: number;
  readonly index: number;
  /** 256 of them. */
  readonly hashes: readonly Uint8Array[];
}

interface Level {
  /** Complete tiles left of the edge. */
  complete: number;
  hashes: Uint8Array[];
}

/** The partial tiles at the right edge of the tree: all that grows with an append; at most 255 hashes a level. */
export class TileEdge {
  readonly #levels: Level[];
  /** Everything left of the bundle in progress, and that bundle: together the whole tree's frontier. */
  readonly #sealed = new Frontier();
  #bundle = new Frontier();

  /** As it was where the log had `floor.entry` entries. */
  constructor({ entry, tiles }: Floor) {
    const complete = (level: number) => Math.floor(entry / TILE_WIDTH ** (level + 1));
    this.#levels = tiles.map((hashes, i) => ({ complete: complete(i), hashes: [...hashes] }));
    for (let level = tiles.length - 1; level >= 0; level -= 1) {
      for (const hash of tiles[level] ?? []) this.#sealed.appendSubtree(level * TILE_HEIGHT, hash);
    }
  }

  get size(): number {
    return this.#sealed.size + this.#bundle.size;
  }

  /** Returns the tiles that this leaf completed, lowest first; mostly none. */
  append(leafHash: Uint8Array): readonly CompletedTile[] | undefined {
    const leaves = this.#push(0, leafHash);
    this.#bundle.append(leafHash);
    if (leaves.hashes.length < TILE_WIDTH) return undefined;
    const root = this.#bundle.root();
    this.#sealed.appendSubtree(TILE_HEIGHT, root);
    this.#bundle = new Frontier();
    const completed: CompletedTile[] = [];
    this.#complete(0, leaves, root, completed);
    return completed;
  }

  #push(level: number, hash: Uint8Array): Level {
    let at = this.#levels[level];
    if (at === undefined) {
      at = { complete: 0, hashes: [] };
      this.#levels[level] = at;
    }
    at.hashes.push(hash);
    return at;
  }

  #complete(level: number, at: Level, root: Uint8Array, completed: CompletedTile[]): void {
    completed.push({ level, index: at.complete, hashes: at.hashes });
    at.complete += 1;
    at.hashes = [];
    const above = this.#push(level + 1, root);
    if (above.hashes.length === TILE_WIDTH) {
      this.#complete(level + 1, above, rootOf(above.hashes), completed);
    }
  }

  /** Hash `index` of tile level `level`, if it is in a tile that is not complete. */
  hash(level: number, index: number): Uint8Array | undefined {
    const at = this.#levels[level];
    return at?.hashes[index - at.complete * TILE_WIDTH];
  }

  frontier(): Frontier {
    return Frontier.from(this.size, [...this.#sealed.nodes(), ...this.#bundle.nodes()]);
  }
}
