import type { EpochState, VerifiedEpoch } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { StoredPack } from "../store/port.js";
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
  /** Modules that two logs claim the same of: pairs of logs, over all time. */
  readonly modulesTwice: number;
  readonly latest: ReadonlyMap<PackName, PackSummary>;
  /** Epochs in a pack's log by what vouches for them: of packs that were heard since the start. */
  readonly epochs: ReadonlyMap<PackName, EpochCount>;
}

export type EpochCount = Readonly<Partial<Record<EpochState, number>>>;

export class StatsKeeper {
  readonly #latest = new Map<PackName, PackSummary>();
  readonly #refused: Partial<Record<RefusalReason | "store", number>> = {};
  readonly #epochs = new Map<PackName, EpochCount>();
  #entries = 0;
  #receipts = 0;
  #requests = 0;
  #modulesTwice = 0;

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

  request(): void {
    this.#requests += 1;
  }

  refused(reason: RefusalReason | "store"): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  snapshot(): FederationStats {
    return {
      packs: this.#latest.size,
      entries: this.#entries,
      receipts: this.#receipts,
      requests: this.#requests,
      modulesTwice: this.#modulesTwice,
      refused: { ...this.#refused },
      latest: new Map(this.#latest),
      epochs: new Map(this.#epochs),
    };
  }
}
