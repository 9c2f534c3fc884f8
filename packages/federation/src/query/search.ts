/**
 * Entries by type, module and time, without reading the others: marks say which of a block's 256 entries have a type or
 * name a module, and times never go back in a log, so that the two ends of a time range are found by halving.
 */
import { decodeEntry } from "@wattseal/energy-ledger";
import type { PackName } from "@wattseal/uplink";
import { BLOCK } from "../folds/growth.js";
import type { MarkedBlock, MarksQuery, Place } from "../folds/port.js";
import type { FederationStore } from "../store/port.js";
import { indicesIn } from "./bits.js";

export interface SearchQuery {
  readonly keys: MarksQuery["keys"];
  /** Undefined: in every pack. */
  readonly pack: PackName | undefined;
  /** UTC ms: entries from `from` on and before `to`. */
  readonly from: number;
  readonly to: number;
  readonly start: Place | undefined;
  readonly limit: number;
}

export interface Found extends Place {
  readonly leaf: Uint8Array;
}

export interface SearchResult {
  readonly found: readonly Found[];
  /** Where to look on; undefined: there is nothing more. */
  readonly next: Place | undefined;
}

const BLOCKS = 8;
/** Blocks looked into, and questions asked, for one answer: whoever wants more asks again from `next`. */
const MOST_BLOCKS = 64;
const MOST_ROUNDS = 32;

/** Of two keys, both are wanted; a page may be short, even empty, where there is more. */
export async function search(store: FederationStore, query: SearchQuery): Promise<SearchResult> {
  const looking = new Search(store, query);
  let place = query.start;
  for (let round = 0; round < MOST_ROUNDS && !looking.isDone; round += 1) {
    const { keys, pack } = query;
    const marked = await store.marks({ keys, pack, from: place, limit: BLOCKS });
    if (marked.length === 0) return { found: looking.found, next: undefined };
    for (const one of marked) {
      const { next, isJump } = await looking.lookInto(one, place);
      place = next;
      if (isJump || looking.isDone) break;
    }
  }
  return { found: looking.found, next: place };
}

class Search {
  readonly found: Found[] = [];
  readonly #store: FederationStore;
  readonly #query: SearchQuery;
  readonly #ranges = new Map<PackName, Range>();
  #blocks = 0;

  constructor(store: FederationStore, query: SearchQuery) {
    this.#store = store;
    this.#query = query;
  }

  get isDone(): boolean {
    return this.#blocks === MOST_BLOCKS || this.found.length === this.#query.limit;
  }

  /** Where to look on; `isJump`: blocks that follow this one are passed over. */
  async lookInto(
    marked: MarkedBlock,
    place: Place | undefined,
  ): Promise<{ readonly next: Place; readonly isJump: boolean }> {
    const { pack, block } = marked;
    const { first, end } = await this.#range(pack);
    const last = (block + 1) * BLOCK;
    if (block * BLOCK >= end) return { next: beyond(pack), isJump: true };
    if (last <= first) return { next: { pack, index: first }, isJump: true };
    this.#blocks += 1;
    const least = place?.pack === pack ? Math.max(first, place.index) : first;
    for (const index of indicesIn(marked)) {
      if (index < least || index >= end) continue;
      if (this.found.length === this.#query.limit) return { next: { pack, index }, isJump: true };
      const [leaf] = await this.#store.leaves(pack, index, 1);
      if (leaf !== undefined) this.found.push({ pack, index, leaf });
    }
    return { next: { pack, index: last }, isJump: false };
  }

  async #range(pack: PackName): Promise<Range> {
    const range = this.#ranges.get(pack) ?? (await rangeOf(this.#store, pack, this.#query));
    this.#ranges.set(pack, range);
    return range;
  }
}

interface Range {
  readonly first: number;
  readonly end: number;
}

/** A place that no entry of the pack comes after. */
function beyond(pack: PackName): Place {
  return { pack, index: Number.MAX_SAFE_INTEGER };
}

async function rangeOf(
  store: FederationStore,
  pack: PackName,
  { from, to }: Pick<SearchQuery, "from" | "to">,
): Promise<Range> {
  const size = (await store.pack(pack))?.size ?? 0;
  const firstFrom = async (time: number) => {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [leaf] = await store.leaves(pack, middle, 1);
      if (leaf === undefined || decodeEntry(leaf).timeMs >= time) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const first = from <= 0 ? 0 : await firstFrom(from);
  const end = to >= Number.MAX_SAFE_INTEGER ? size : await firstFrom(to);
  return { first, end };
}

/** The newest `limit` entries with a key, the newest first. */
export async function newest(
  store: FederationStore,
  { pack, key, limit }: { readonly pack: PackName; readonly key: string; readonly limit: number },
): Promise<readonly Found[]> {
  const query = { keys: [key], pack, from: undefined, limit, backwards: true } as const;
  const indices = (await store.marks(query)).flatMap((marked) => indicesIn(marked).toReversed());
  const found: Found[] = [];
  for (const index of indices.slice(0, limit)) {
    const [leaf] = await store.leaves(pack, index, 1);
    if (leaf !== undefined) found.push({ pack, index, leaf });
  }
  return found;
}
