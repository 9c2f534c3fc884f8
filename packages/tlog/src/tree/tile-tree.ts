import { concatBytes } from "@wattseal/base";
import { TILE_HEIGHT } from "../tiles.js";
import { nodeHash } from "./hash.js";

/** A tile's hashes, up to 256, and the roots of the complete subtrees over them: each is computed once. */
export class TileTree {
  /** By height above the tile's hashes. */
  readonly #rows: Uint8Array[][] = Array.from({ length: TILE_HEIGHT + 1 }, () => []);

  static of(hashes: Iterable<Uint8Array>): TileTree {
    const tree = new TileTree();
    for (const hash of hashes) tree.push(hash);
    return tree;
  }

  get width(): number {
    return this.hashes.length;
  }

  get hashes(): readonly Uint8Array[] {
    return this.#rows[0] ?? [];
  }

  /** Requires a width below 256. */
  push(hash: Uint8Array): void {
    let top = hash;
    for (const row of this.#rows) {
      const left = row.length % 2 === 1 ? row[row.length - 1] : undefined;
      row.push(top);
      if (left === undefined) return;
      top = nodeHash(left, top);
    }
  }

  /** Root of 2^height hashes from index · 2^height on; undefined where they are not all there. */
  node(height: number, index: number): Uint8Array | undefined {
    return this.#rows[height]?.[index];
  }

  /** Of all 256; undefined before. */
  get root(): Uint8Array | undefined {
    return this.node(TILE_HEIGHT, 0);
  }

  /** Roots of the subtrees that a tile in progress consists of, largest first. */
  frontier(): readonly Uint8Array[] {
    const nodes: Uint8Array[] = [];
    for (let height = TILE_HEIGHT; height >= 0; height -= 1) {
      const row = this.#rows[height] ?? [];
      const last = row.length % 2 === 1 ? row[row.length - 1] : undefined;
      if (last !== undefined) nodes.push(last);
    }
    return nodes;
  }

  /** 32 bytes a hash: a tile's file where it is full. */
  bytes(): Uint8Array {
    return concatBytes(...this.hashes);
  }
}
