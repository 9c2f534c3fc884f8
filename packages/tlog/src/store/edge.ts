import { InvariantViolation } from "@wattseal/base";
import { TILE_WIDTH } from "../tiles.js";
import { Frontier } from "../tree/frontier.js";
import { TileTree } from "../tree/tile-tree.js";
import type { Floor } from "./floor.js";

export interface CompletedTile {
  readonly level: number;
  readonly index: number;
  readonly tree: TileTree;
}

interface Level {
  /** Complete tiles left of the edge. */
  complete: number;
  tree: TileTree;
}

/** The partial tiles at the right edge of the tree: all that grows with an append; at most 255 hashes a level. */
export class TileEdge {
  readonly #levels: Level[];

  /** As it was where the log had `floor.entry` entries. */
  constructor({ entry, tiles }: Floor) {
    const complete = (level: number) => Math.floor(entry / TILE_WIDTH ** (level + 1));
    this.#levels = tiles.map((hashes, level) => ({
      complete: complete(level),
      tree: TileTree.of(hashes),
    }));
  }

  get size(): number {
    const leaves = this.#levels[0];
    return leaves === undefined ? 0 : leaves.complete * TILE_WIDTH + leaves.tree.width;
  }

  /** Returns the tiles that this leaf completed, lowest first; mostly none. */
  append(leafHash: Uint8Array): readonly CompletedTile[] {
    const completed: CompletedTile[] = [];
    this.#push(0, leafHash, completed);
    return completed;
  }

  /** Appends a complete tile of leaves by its root, where none is in progress; returns the tiles above that it completed. */
  appendTile(root: Uint8Array): readonly CompletedTile[] {
    const leaves = this.#level(0);
    if (leaves.tree.width > 0) throw new InvariantViolation("a tile cannot follow a partial one");
    leaves.complete += 1;
    const completed: CompletedTile[] = [];
    this.#push(1, root, completed);
    return completed;
  }

  #level(level: number): Level {
    const at = this.#levels[level] ?? { complete: 0, tree: new TileTree() };
    this.#levels[level] = at;
    return at;
  }

  #push(level: number, hash: Uint8Array, completed: CompletedTile[]): void {
    const at = this.#level(level);
    at.tree.push(hash);
    const { root } = at.tree;
    if (root === undefined) return;
    completed.push({ level, index: at.complete, tree: at.tree });
    at.complete += 1;
    at.tree = new TileTree();
    this.#push(level + 1, root, completed);
  }

  /** Tile `index` of a level, if it is not complete. */
  tile(level: number, index: number): TileTree | undefined {
    const at = this.#levels[level];
    return at?.complete === index ? at.tree : undefined;
  }

  frontier(): Frontier {
    const largestFirst = [...this.#levels].reverse();
    return Frontier.from(
      this.size,
      largestFirst.flatMap(({ tree }) => tree.frontier()),
    );
  }
}
