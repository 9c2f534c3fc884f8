/** Follows one log, entry by entry, and says what its folds gain. Bounded, whatever the log says. */
import type { Frontier } from "@wattseal/tlog";
import type { DecodedLeaf, LogReplay } from "@wattseal/verifier";
import { EnergyBook } from "./energy.js";
import {
  addedUp,
  BLOCK,
  FOLD_VERSION,
  type FoldGrowth,
  type FoldSummary,
  MARK_BYTES,
  type Marks,
  type Subtree,
} from "./growth.js";
import { completedSubtrees } from "./subtrees.js";

/** A log can name alarms as it likes. */
const MOST_ALARMS = 64;
const OTHER_ALARMS = "other-alarms";

export class FoldBook {
  readonly #energy = new EnergyBook();
  readonly #alarms = new Map<string, number>();
  #block = 0;
  /** Of the block that the last entry is in. */
  #marks = new Map<string, Marks>();
  #changed = new Map<string, Marks>();
  #subtrees: Subtree[] = [];

  /** `before`: the tree's edge without the entry; needed where the entry completes a block, else not looked at. */
  observe(index: number, { entry, leafHash }: DecodedLeaf, before: Frontier | undefined): void {
    this.#energy.observe(entry);
    this.#mark(index, entry.type);
    if ("module" in entry.body && entry.body.module !== undefined) {
      this.#mark(index, entry.body.module);
    }
    if (entry.type === "link.alarm") this.#alarm(entry.body.alarm, entry.body.count);
    if (before !== undefined) this.#subtrees.push(...completedSubtrees(index, leafHash, before));
  }

  /** What came since the last call, of a log whose entries were all observed. */
  take(replay: LogReplay): FoldGrowth {
    const marks = [...this.#changed.values()].map((one) => ({ ...one, bits: one.bits.slice() }));
    const subtrees = this.#subtrees;
    this.#changed = new Map();
    this.#subtrees = [];
    const summary = this.#summary(replay);
    return { version: FOLD_VERSION, summary, energy: this.#energy.take(), marks, subtrees };
  }

  /** Whoever only follows a log has no use for what it gained. */
  forget(): void {
    this.#changed = new Map();
    this.#subtrees = [];
    this.#energy.take();
  }

  #summary({ fold, chain }: LogReplay): FoldSummary {
    const epochs: FoldSummary["epochs"] = {};
    for (const { state } of chain?.epochs ?? []) epochs[state] = (epochs[state] ?? 0) + 1;
    const last = chain?.current;
    return {
      time: fold.time,
      society: fold.summary(),
      epochs,
      ...(last && { epoch: { epoch: last.epoch, state: last.state, entry: last.treeSize } }),
      modules: [...fold.pairedModules()],
      alarms: Object.fromEntries(this.#alarms),
    };
  }

  #mark(index: number, key: string): void {
    const block = Math.floor(index / BLOCK);
    if (block !== this.#block) this.#marks = new Map();
    this.#block = block;
    const marks = this.#marks.get(key) ?? { key, block, bits: new Uint8Array(MARK_BYTES) };
    const at = index % BLOCK;
    marks.bits[at >> 3] = (marks.bits[at >> 3] ?? 0) | (1 << (at & 7));
    this.#marks.set(key, marks);
    this.#changed.set(`${key} ${block}`, marks);
  }

  #alarm(alarm: string, count: number): void {
    const isRoom = this.#alarms.size < MOST_ALARMS || this.#alarms.has(alarm);
    const kind = isRoom ? alarm : OTHER_ALARMS;
    this.#alarms.set(kind, addedUp(this.#alarms.get(kind) ?? 0, count));
  }
}
