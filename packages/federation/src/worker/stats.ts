import type { EpochState, VerifiedEpoch } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { StoredPack } from "../store/port.js";
import type { SaidGap } from "./gaps.js";
import type { IngestChannel } from "./ports.js";
import type { RefusalReason } from "./refused.js";

export interface PackSummary {
  /** Leaves stored. */
  readonly size: number;
  /** Leaves covered by the latest receipt. */
  readonly witnessed: number;
}

export interface FederationStats {
  readonly packs: number;
  /** Leaves stored, of all packs. */
  readonly entries: number;
  /** Receipts sent since the start, repeated ones included. */
  readonly receipts: number;
  /** Messages not taken since the start. `store`: of packs whose stored log is damaged. */
  readonly refused: Readonly<Partial<Record<RefusalReason | "store", number>>>;
  readonly requests: number;
  /** Messages that the transport brought since the start, by channel; one that it brings again counts again. */
  readonly messages: Readonly<Partial<Record<IngestChannel, number>>>;
  /** Messages kept since the start because their pack signed what is refused, and because they contradict its log. */
  readonly parked: number;
  readonly forks: number;
  /** What waits for its predecessors. */
  readonly held: HeldCount;
  /** Modules that two logs claim the same of: pairs of logs, over all time. */
  readonly modulesTwice: number;
  readonly latest: ReadonlyMap<PackName, PackSummary>;
  /** Epochs in a pack's log by what vouches for them: of packs that were heard since the start. */
  readonly epochs: ReadonlyMap<PackName, EpochCount>;
  /** Entries that a pack, or whoever speaks for it, says that it has no more: only a copy can bring them. */
  readonly gaps: ReadonlyMap<PackName, SaidGap>;
  /** Packs that have signed more than is stored: the newest size that is known of each. */
  readonly behind: ReadonlyMap<PackName, number>;
}

export interface HeldCount {
  readonly messages: number;
  readonly bytes: number;
}
const NOTHING_HELD: HeldCount = { messages: 0, bytes: 0 };

export type EpochCount = Readonly<Partial<Record<EpochState, number>>>;

export class StatsKeeper {
  readonly #latest = new Map<PackName, PackSummary>();
  readonly #refused: Partial<Record<RefusalReason | "store", number>> = {};
  readonly #epochs = new Map<PackName, EpochCount>();
  #entries = 0;
  #receipts = 0;
  #requests = 0;
  #modulesTwice = 0;
  readonly #messages: Partial<Record<IngestChannel, number>> = {};
  #parked = 0;
  #forks = 0;

  constructor(packs: readonly StoredPack[]) {
    for (const { pack, size, receipt } of packs) this.grown(pack, size, receipt?.size ?? 0);
  }

  grown(pack: PackName, size: number, witnessed: number): void {
    this.#entries += size - (this.#latest.get(pack)?.size ?? 0);
    this.#latest.set(pack, { size, witnessed });
  }

  /** All of the log's. */
  began(pack: PackName, epochs: readonly VerifiedEpoch[]): void {
    const count: Partial<Record<EpochState, number>> = {};
    for (const { state } of epochs) count[state] = (count[state] ?? 0) + 1;
    this.#epochs.set(pack, count);
  }

  receipt(): void {
    this.#receipts += 1;
  }

  modulesTwice(found: number): void {
    this.#modulesTwice = found;
  }

  message(channel: IngestChannel): void {
    this.#messages[channel] = (this.#messages[channel] ?? 0) + 1;
  }

  parked(): void {
    this.#parked += 1;
  }

  fork(): void {
    this.#forks += 1;
  }

  request(): void {
    this.#requests += 1;
  }

  refused(reason: RefusalReason | "store"): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  snapshot(held: HeldCount = NOTHING_HELD): Omit<FederationStats, "gaps" | "behind"> {
    return {
      packs: this.#latest.size,
      entries: this.#entries,
      receipts: this.#receipts,
      requests: this.#requests,
      modulesTwice: this.#modulesTwice,
      messages: { ...this.#messages },
      parked: this.#parked,
      forks: this.#forks,
      held,
      refused: { ...this.#refused },
      latest: new Map(this.#latest),
      epochs: new Map(this.#epochs),
    };
  }
}
