import { type Logger, messageOf } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import type { LogStore } from "@wattseal/tlog/store";
import {
  type LogReplay,
  resumeReplay,
  snapshotIndex,
  snapshotName,
  type Trust,
} from "@wattseal/verifier";

/**
 * Entries after which the state is written down again. A start replays fewer than these, some tenths of a second,
 * where a full pack's day has 48,000; and a snapshot of a week's lots (some 400 KB) stays below a tenth of the entries
 * that it follows.
 */
export const SNAPSHOT_AFTER = 16_384;
/** At shutdown sooner: the next start follows. */
export const SNAPSHOT_AFTER_AT_STOP = 4_096;
/** The newest, and one more for when it does not hold. */
const KEPT = 2;

/** The files that hold the state before an ops.snapshot entry: caches, each believed only as the log vouches for it. */
export class SnapshotFiles {
  readonly #store: LogStore;
  readonly #logger: Logger;

  constructor(store: LogStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Indices of their entries, newest first. */
  indices(): readonly number[] {
    const found = this.#store.documents().map(snapshotIndex);
    return found.filter((index) => index !== undefined).sort((a, b) => b - a);
  }

  /** The state in the newest file that holds and from which `goOn` succeeds; undefined where none does. */
  newest(trust: Trust, goOn: (replay: LogReplay) => void): LogReplay | undefined {
    for (const index of this.indices()) {
      try {
        const bytes = this.#store.readDocumentBytes(snapshotName(index)) ?? new Uint8Array();
        const replay = resumeReplay(bytes, index, this.#store, trust);
        goOn(replay);
        return replay;
      } catch (error) {
        const problem = messageOf(error);
        this.#logger.warn("ledger.snapshot-passed-over", { entry: index, problem });
      }
    }
    return undefined;
  }

  /** Keeps the state before entry `index`, and drops what it makes superfluous. */
  async keep(index: number, bytes: Uint8Array): Promise<void> {
    await this.#store.writeDocument(snapshotName(index), bytes);
    await this.tidy();
  }

  /** Drops what is superfluous. */
  async tidy(): Promise<void> {
    for (const old of this.#superfluous()) await this.#store.removeDocument(snapshotName(old));
  }

  /**
   * All but the newest and, of a pruned log, but the one that its entries begin at, for good: nothing else says what
   * was before them. Those that no entry here vouches for are no reason to drop one that an entry does.
   */
  #superfluous(): readonly number[] {
    const all = this.indices();
    const { firstEntry } = this.#store;
    const here = all.filter((index) => this.#isVouchedFor(index));
    const kept = new Set(here.slice(0, KEPT));
    const first = here.at(-1);
    if (firstEntry > 0 && first !== undefined) kept.add(first);
    return all.filter((index) => !kept.has(index));
  }

  #isVouchedFor(index: number): boolean {
    const { firstEntry, durableSize } = this.#store;
    if (index < firstEntry || index >= durableSize) return false;
    return decodeEntry(this.#store.entry(index)).type === "ops.snapshot";
  }
}
