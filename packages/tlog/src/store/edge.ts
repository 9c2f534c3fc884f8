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
    const leaves = this.#level(0);
    leaves.hashes.push(leafHash);
    this.#bundle.append(leafHash);
    if (leaves.hashes.length < TILE_WIDTH) return undefined;
    const { complete, hashes } = leaves;
    leaves.hashes = [];
    const root = this.#bundle.root();
    this.#bundle = new Frontier();
    return [{ level: 0, index: complete, hashes }, ...this.appendTile(root)];
  }

  /** Appends a complete tile of leaves by its root, where no bundle is in progress; returns the tiles above that it completed. */
  appendTile(root: Uint8Array): readonly CompletedTile[] {
    this.#sealed.appendSubtree(TILE_HEIGHT, root);
    this.#level(0).complete += 1;
    const completed: CompletedTile[] = [];
    this.#push(1, root, completed);
    return completed;
  }

  #level(level: number): Level {
    const at = this.#levels[level] ?? { complete: 0, hashes: [] };
    this.#levels[level] = at;
    return at;
  }

  #push(level: number, hash: Uint8Array, completed: CompletedTile[]): void {
    const at = this.#level(level);
    at.hashes.push(hash);
    if (at.hashes.length < TILE_WIDTH) return;
    completed.push({ level, index: at.complete, hashes: at.hashes });
    this.#push(level + 1, rootOf(at.hashes), completed);
    at.complete += 1;
    at.hashes = [];
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
