/**
 * What proofs in a pruned log need of what went: single entries, and hashes of complete subtrees beside their paths.
 * File (`kept`): deterministic CBOR [[[index, entry], …], [[level, index, hash], …]] ‖ SHA-256 of it.
 * Whoever can write it can spoil proofs, which are verified before they are handed out, and nothing else.
 */
import {
  bytesEqual,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  MAX_ENTRY_LENGTH,
  messageOf,
  sha256,
} from "@wattseal/base";
import { HASH_LENGTH } from "../tree/hash.js";
import { consistencyProof, type HashReader, inclusionProof } from "../tree/proofs.js";
import type { StoreFiles } from "./files.js";
import { KEPT, refuseFile } from "./layout.js";

const WHAT = "kept proof material";
const MOST_ENTRIES = 64;
/** Two paths an entry, in a tree of at most 2^53. */
const MOST_NODES = MOST_ENTRIES * 2 * 64;
const MOST_LEVEL = 52;
const INDEX = { least: 0, most: Number.MAX_SAFE_INTEGER };

interface KeptNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

const placeOf = (level: number, index: number) => `${level}/${index}`;

export class Kept {
  static readonly nothing: Kept = new Kept(new Map(), []);
  /** By index. */
  readonly entries: ReadonlyMap<number, Uint8Array>;
  readonly #nodes: ReadonlyMap<string, KeptNode>;

  private constructor(entries: ReadonlyMap<number, Uint8Array>, nodes: Iterable<KeptNode>) {
    this.entries = entries;
    this.#nodes = new Map([...nodes].map((node) => [placeOf(node.level, node.index), node]));
  }

  /**
   * What proves these entries, and that later trees extend those that end before them, once everything below `floor` has
   * gone. Reads what is still there.
   */
  static of(
    indexes: readonly number[],
    floor: number,
    log: { readonly entry: (index: number) => Uint8Array; readonly node: HashReader },
  ): Kept {
    const nodes: KeptNode[] = [];
    const read: HashReader = (level, index) => {
      const hash = log.node(level, index);
      nodes.push({ level, index, hash });
      return hash;
    };
    for (const index of indexes) {
      read(0, index);
      inclusionProof(index, floor, read);
      consistencyProof(index, floor, read);
    }
    return new Kept(new Map(indexes.map((index) => [index, log.entry(index)])), nodes);
  }

  with(other: Kept): Kept {
    const nodes = [...this.#nodes.values(), ...other.#nodes.values()];
    return new Kept(new Map([...this.entries, ...other.entries]), nodes);
  }

  node(level: number, index: number): Uint8Array | undefined {
    return this.#nodes.get(placeOf(level, index))?.hash;
  }

  encode(): Uint8Array {
    const entries: CborValue = [...this.entries].map(([index, entry]) => [index, entry]);
    const nodes = [...this.#nodes.values()].map(({ level, index, hash }) => [level, index, hash]);
    const bytes = encodeCbor([entries, nodes]);
    return concatBytes(bytes, sha256(bytes));
  }

  /** What is on record; nothing where a log was never pruned. Throws TlogError "corrupt". */
  static read(files: StoreFiles): Kept {
    const bytes = files.read(KEPT);
    if (bytes === undefined) return Kept.nothing;
    const first = "move it away: only proofs of entries need it, which the federation's copy gives";
    const end = Math.max(0, bytes.length - HASH_LENGTH);
    if (!bytesEqual(sha256(bytes.subarray(0, end)), bytes.subarray(end))) {
      refuseFile(files, KEPT, "is damaged: its bytes do not have their hash", "corrupt", { first });
    }
    try {
      return decode(bytes.subarray(0, end));
    } catch (cause) {
      return refuseFile(files, KEPT, messageOf(cause), "corrupt", { cause, first });
    }
  }

  /** For `read` alone. */
  static from(entries: ReadonlyMap<number, Uint8Array>, nodes: Iterable<KeptNode>): Kept {
    return new Kept(entries, nodes);
  }
}

function decode(bytes: Uint8Array): Kept {
  const fields = new Fields(decodeCbor(bytes, { what: WHAT }), WHAT, 2);
  const entries = new Fields(fields.value(0), `${WHAT}, entries`, { least: 0, most: MOST_ENTRIES });
  const nodes = new Fields(fields.value(1), `${WHAT}, hashes`, { least: 0, most: MOST_NODES });
  const found = entries.each((i): [number, Uint8Array] => {
    const entry = new Fields(entries.value(i), `${WHAT}, entry ${i}`, 2);
    return [
      entry.integer(0, "index", INDEX),
      entry.bytes(1, "bytes", { least: 1, most: MAX_ENTRY_LENGTH }),
    ];
  });
  const hashes = nodes.each((i): KeptNode => {
    const node = new Fields(nodes.value(i), `${WHAT}, hash ${i}`, 3);
    return {
      level: node.integer(0, "level", { least: 0, most: MOST_LEVEL }),
      index: node.integer(1, "index", INDEX),
      hash: node.bytes(2, "hash", HASH_LENGTH),
    };
  });
  return Kept.from(new Map(found), hashes);
}
