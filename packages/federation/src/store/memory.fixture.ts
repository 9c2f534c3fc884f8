/** The store's contract, without a disk. */
import { bytesEqual } from "@wattseal/base";
import { claimedTwice, type Stay } from "@wattseal/energy-ledger";
import type { PackName } from "@wattseal/uplink";
import {
  BLOCK,
  type EnergySum,
  type FoldGrowth,
  type FoldSummary,
  latestMarks,
  type Marks,
  mergedEnergy,
  type Subtree,
} from "../folds/growth.js";
import type { EnergyQuery, MarksQuery } from "../folds/port.js";
import { grownBy, NO_RECEIPTS, recordsOf } from "../receipts/growth.js";
import type { SignHead, StoredReceiptLog } from "../receipts/port.js";
import { samePosition } from "../worker/pack-log.js";
import { sharedBits } from "./fold-row.js";
import {
  type FederationStore,
  type ForkEvidence,
  MAX_KEPT_PER_PACK,
  MAX_STAYS,
  type ModuleTwice,
  type PackCommit,
  type Poison,
  type StoredPack,
} from "./port.js";
import { twiceOf } from "./stay-row.js";
import { requireWhole } from "./whole.js";

interface MemoryPack {
  readonly row: StoredPack;
  readonly leaves: readonly Uint8Array[];
  readonly heads: ReadonlyMap<number, Uint8Array>;
}

interface MemoryFold {
  version: number;
  size: number;
  summary: FoldSummary | undefined;
  energy: readonly EnergySum[];
  marks: readonly Marks[];
  subtrees: readonly Subtree[];
}

export class MemoryStore implements FederationStore {
  readonly #folds = new Map<PackName, MemoryFold>();
  #packs = new Map<PackName, MemoryPack>();
  readonly #forks: ForkEvidence[] = [];
  readonly #parked: Poison[] = [];
  readonly #stays = new Map<PackName, readonly Stay[]>();
  readonly #twice = new Map<string, { readonly found: ModuleTwice; told: boolean }>();
  #receiptLog: StoredReceiptLog = NO_RECEIPTS;
  readonly #records: Uint8Array[] = [];
  readonly #receiptSubtrees: Subtree[] = [];
  commits = 0;
  /** Thrown by the next commit, before or after it takes effect. */
  failure: { readonly when: "before" | "after" } | undefined;

  async packs() {
    const rows = [...this.#packs.values()].map(({ row }) => row);
    return rows.sort((a, b) => (a.pack < b.pack ? -1 : 1));
  }

  async packsAfter(after: string, limit: number) {
    return (await this.packs()).filter(({ pack }) => pack > after).slice(0, limit);
  }

  async bytes() {
    const all = [...this.#packs.values()].flatMap(({ leaves }) => leaves);
    return all.reduce((sum, { length }) => sum + length, 0);
  }

  async pack(pack: PackName) {
    return this.#packs.get(pack)?.row;
  }

  async leaves(pack: PackName, from: number, limit: number) {
    return this.#packs.get(pack)?.leaves.slice(from, from + limit) ?? [];
  }

  async head(pack: PackName, size: number) {
    return this.#packs.get(pack)?.heads.get(size);
  }

  async commit(group: readonly PackCommit[], sign?: SignHead) {
    requireWhole(group);
    const { failure } = this;
    this.failure = undefined;
    if (failure?.when === "before") throw new Error("disk full");
    this.commits += 1;
    const before = [...this.#packs];
    const outcomes = group.map((commit) => this.#commit(commit));
    try {
      this.#growReceiptLog(recordsOf(group.filter((_, i) => outcomes[i] === "stored")), sign);
    } catch (error) {
      this.#packs = new Map(before);
      throw error;
    }
    if (failure?.when === "after") throw new Error("disk failed late");
    return outcomes;
  }

  #commit({ pack, previous, next, leaves, heads, receipt, stays, fold }: PackCommit) {
    const stored = this.#packs.get(pack);
    if (!samePosition(stored?.row ?? { size: 0, nodes: [] }, previous)) return "conflict" as const;
    const kept = receipt && { size: receipt.size, text: receipt.text };
    this.#packs.set(pack, {
      row: { pack, ...next, receipt: kept ?? stored?.row.receipt },
      leaves: [...(stored?.leaves ?? []), ...leaves.flatMap((part) => part.leaves)],
      heads: new Map([
        ...(stored?.heads ?? []),
        ...heads.map(({ size, root }) => [size, root] as const),
      ]),
    });
    this.#growFold(pack, previous.size, next.size, fold);
    for (const stay of stays) this.#stay(pack, stay);
    return "stored" as const;
  }

  #growReceiptLog(records: readonly Uint8Array[], sign: SignHead | undefined): void {
    if (records.length > 0) this.#enterRecords(records, sign);
  }

  #enterRecords(records: readonly Uint8Array[], sign: SignHead | undefined) {
    const { next, subtrees } = grownBy(records, this.#receiptLog, sign);
    this.#receiptLog = next;
    this.#records.push(...records);
    this.#receiptSubtrees.push(...subtrees);
    return next.note;
  }

  async beginReceiptLog(records: readonly Uint8Array[], sign: SignHead, behind?: string) {
    const { note } = this.#receiptLog;
    if (note !== undefined && note !== behind) return note;
    return this.#enterRecords(note === undefined ? records : [], sign) ?? "";
  }

  async receiptLog() {
    return this.#receiptLog;
  }

  async receiptRecords(from: number, limit: number) {
    return this.#records.slice(from, from + limit);
  }

  async receiptSubtrees(tile: number, index: number, count: number) {
    return this.#receiptSubtrees
      .filter((it) => it.tile === tile && it.index >= index && it.index < index + count)
      .map(({ root }) => root);
  }

  #growFold(pack: PackName, from: number, to: number, growth: FoldGrowth): boolean {
    const known = this.#folds.get(pack) ?? NO_FOLD;
    const isThere = known.version === growth.version && known.size === from;
    if (!isThere && !(from === 0 && known.version < growth.version)) return false;
    if ((this.#packs.get(pack)?.row.size ?? 0) < to) return false;
    this.#folds.set(pack, {
      version: growth.version,
      size: to,
      summary: growth.summary,
      energy: mergedEnergy([...(from === 0 ? [] : known.energy), ...growth.energy]),
      marks: latestMarks([...known.marks, ...growth.marks]),
      subtrees: [...known.subtrees, ...growth.subtrees],
    });
    return true;
  }

  /** As if an older program had made them. */
  forgetFolds(): void {
    this.#folds.clear();
  }

  async fold(pack: PackName) {
    if (!this.#packs.has(pack)) return undefined;
    const { version, size, summary } = this.#folds.get(pack) ?? NO_FOLD;
    return { pack, version, size, summary };
  }

  async foldsAfter(after: string, limit: number) {
    const packs = await this.packsAfter(after, limit);
    return packs
      .map(({ pack }) => ({ ...NO_FOLD, ...this.#folds.get(pack), pack }))
      .map(({ pack, version, size, summary }) => ({ pack, version, size, summary }));
  }

  async foldsBehind(version: number, after: string, limit: number) {
    const behind = (await this.packsAfter(after, this.#packs.size)).filter(({ pack, size }) => {
      const fold = this.#folds.get(pack) ?? NO_FOLD;
      return fold.version < version || (fold.version === version && fold.size < size);
    });
    return behind.map(({ pack }) => pack).slice(0, limit);
  }

  async advanceFold(pack: PackName, from: number, to: number, growth: FoldGrowth) {
    return this.#growFold(pack, from, to, growth);
  }

  async energy({ pack, span, from, to }: EnergyQuery) {
    const sums = [...this.#folds]
      .filter(([name]) => pack === undefined || pack === name)
      .flatMap(([, { energy }]) => energy)
      .filter((sum) => sum.span === span && sum.start >= from && sum.start < to);
    return mergedEnergy(sums).sort((a, b) => a.start - b.start);
  }

  async marks({ keys, pack, from, limit, backwards }: MarksQuery) {
    const names = [...this.#packs.keys()];
    const place = (name: PackName, block: number) =>
      names.indexOf(name) * 2 ** 40 + Math.min(block, 2 ** 39);
    const least = from === undefined ? 0 : place(from.pack, Math.floor(from.index / BLOCK));
    const found = names.flatMap((name) => {
      const all = this.#folds.get(name)?.marks ?? [];
      return all
        .filter(({ key }) => key === keys[0])
        .flatMap(({ block }) => {
          const of = keys.map((key) => all.find((it) => it.key === key && it.block === block));
          const bits = of.flatMap((it) => (it === undefined ? [] : [it.bits]));
          return bits.length < keys.length ? [] : [{ pack: name, block, bits: sharedBits(bits) }];
        })
        .sort((a, b) => a.block - b.block);
    });
    const ordered = backwards === true ? found.toReversed() : found;
    return ordered
      .filter((it) => pack === undefined || it.pack === pack)
      .filter((it) => place(it.pack, it.block) >= least)
      .slice(0, limit);
  }

  async subtrees(pack: PackName, tile: number, index: number, count: number) {
    return (this.#folds.get(pack)?.subtrees ?? [])
      .filter((it) => it.tile === tile && it.index >= index && it.index < index + count)
      .sort((a, b) => a.index - b.index)
      .filter((it, i) => it.index === index + i)
      .map(({ root }) => root);
  }

  #stay(pack: PackName, stay: Stay): void {
    const known = (this.#stays.get(pack) ?? []).filter(
      ({ module, first }) => module !== stay.module || first !== stay.first,
    );
    const own = [...known, stay].filter(({ module }) => module === stay.module);
    const kept = own.sort((a, b) => a.first - b.first).slice(-MAX_STAYS);
    const others = known.filter(({ module }) => module !== stay.module);
    this.#stays.set(pack, [...others, ...kept]);
    for (const [other, stays] of this.#stays) {
      for (const theirs of stays) {
        if (other === pack || theirs.module !== stay.module) continue;
        const claimed = claimedTwice(stay, theirs);
        if (claimed.in <= 0 && claimed.out <= 0) continue;
        const found = twiceOf({ pack, stay }, { pack: other, stay: theirs });
        const name = nameOf(found);
        if (!this.#twice.has(name)) this.#twice.set(name, { found, told: false });
      }
    }
  }

  async modulesTwice(which: "all" | "untold") {
    const names = [...this.#twice.keys()].sort();
    const found = names.flatMap((name) => this.#twice.get(name) ?? []);
    return found.filter(({ told }) => which === "all" || !told).map((one) => one.found);
  }

  async told(found: readonly ModuleTwice[]) {
    for (const one of found) {
      const known = this.#twice.get(nameOf(one));
      if (known !== undefined) known.told = true;
    }
  }

  async keepFork(fork: ForkEvidence) {
    return keep(this.#forks, fork);
  }

  async park(poison: Poison) {
    return keep(this.#parked, poison);
  }

  async forkedPacks() {
    return [...new Set(this.#forks.map(({ pack }) => pack))].sort();
  }

  async forks(pack?: PackName) {
    return this.#forks.filter((fork) => pack === undefined || fork.pack === pack);
  }

  async parked() {
    return this.#parked;
  }

  async close() {}
}

const NO_FOLD: MemoryFold = {
  version: 0,
  size: 0,
  summary: undefined,
  energy: [],
  marks: [],
  subtrees: [],
};

function nameOf({ module, stays: [a, b] }: ModuleTwice): string {
  return `${module} ${a.pack} ${b.pack}`;
}

function keep<T extends { readonly pack: PackName; readonly payload: Uint8Array }>(
  kept: T[],
  added: T,
): boolean {
  const others = kept.filter(({ pack }) => pack === added.pack);
  const known = others.some(({ payload }) => bytesEqual(payload, added.payload));
  if (known || others.length >= MAX_KEPT_PER_PACK) return false;
  kept.push(added);
  return true;
}
