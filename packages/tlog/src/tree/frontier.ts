import { InvariantViolation } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { EMPTY_ROOT, HASH_LENGTH, nodeHash } from "./hash.js";

/** Number of complete subtrees a tree of `size` leaves is made of: the one bits of `size`. */
function subtreeCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/**
 * The right edge of a growing tree: the roots of its complete subtrees, largest first (a compact range that
 * starts at leaf 0). All that is needed to append and to know the root; memory is logarithmic in the size.
 */
export class Frontier {
  #size = 0;
  #nodes: Uint8Array[] = [];

  /** Rebuilds what `nodes()` and `size` described. Throws TlogError "range" when they do not fit together. */
  static from(size: number, nodes: readonly Uint8Array[]): Frontier {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new TlogError("range", `${size} is not a tree size`);
    }
    if (nodes.length !== subtreeCount(size)) {
      const wanted = subtreeCount(size);
      throw new TlogError("range", `size ${size} has ${wanted} subtrees, not ${nodes.length}`);
    }
    if (nodes.some((node) => node.length !== HASH_LENGTH)) {
      throw new TlogError("range", `a subtree root has ${HASH_LENGTH} bytes`);
    }
    const frontier = new Frontier();
    frontier.#size = size;
    frontier.#nodes = [...nodes];
    return frontier;
  }

  get size(): number {
    return this.#size;
  }

  append(leafHash: Uint8Array): void {
    this.#push(leafHash, this.#size);
    this.#size += 1;
  }

  /** Appends a complete subtree of 2^level leaves by its root; the size has to be a multiple of 2^level. */
  appendSubtree(level: number, root: Uint8Array): void {
    const width = 2 ** level;
    if (this.#size % width !== 0) {
      throw new TlogError("range", `a subtree of ${width} cannot follow ${this.#size} leaves`);
    }
    this.#push(root, this.#size / width);
    this.#size += width;
  }

  #push(root: Uint8Array, index: number): void {
    let hash = root;
    for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#nodes.pop();
      if (left === undefined) throw new InvariantViolation("a frontier lost a subtree");
      hash = nodeHash(left, hash);
    }
    this.#nodes.push(hash);
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (let i = this.#nodes.length - 1; i >= 0; i -= 1) {
      const left = this.#nodes[i];
      if (left !== undefined) root = root === undefined ? left : nodeHash(left, root);
    }
    return root ?? EMPTY_ROOT;
  }

  /** Roots of the complete subtrees, largest first; the hashes are shared, the array is a copy. */
  nodes(): readonly Uint8Array[] {
    return [...this.#nodes];
  }

  clone(): Frontier {
    return Frontier.from(this.#size, this.#nodes);
  }
}

/** Root over leaf hashes, in order. */
export function rootOf(leafHashes: Iterable<Uint8Array>): Uint8Array {
  const frontier = new Frontier();
  for (const leaf of leafHashes) frontier.append(leaf);
  return frontier.root();
}
