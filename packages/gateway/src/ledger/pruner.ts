import { type Logger, type Millis, messageOf, millis } from "@wattseal/base";
import { SNAPSHOT_SPACING } from "@wattseal/energy-ledger";
import { GatewayError } from "../errors.js";
import type { EnergyLog } from "./energy-log.js";
import type { LogWriter } from "./log-writer.js";
import { chainOf, type PruneRules, prune } from "./prune.js";
import { SnapshotFiles } from "./snapshots.js";

export interface PrunerOptions extends Omit<PruneRules, "before"> {
  readonly log: EnergyLog;
  readonly writer: Pick<LogWriter, "snapshot">;
  /** How long entries are kept, ms; undefined: for good. */
  readonly keepMs: number | undefined;
  readonly logger: Logger;
}

const DAY = 86_400_000;

/** Prunes the log of a running gateway once a UTC day, as far as everything that speaks for it allows. */
export class Pruner {
  readonly #options: PrunerOptions;
  #day: number | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  /** A window has closed, at `now`. */
  window(now: Millis): void {
    const { keepMs } = this.#options;
    const day = Math.floor(now / DAY);
    if (keepMs === undefined || day === this.#day) return;
    this.#day = day;
    const time = millis(Math.max(0, now - keepMs));
    this.#working = this.#working.then(() => this.#prune({ time }));
  }

  /**
   * Removes all that every required witness has, whatever is to be kept: the disk has no room. False where that is nothing,
   * or nobody is to witness this log. What is pruned next time goes up to the snapshot that this enters.
   */
  async makeRoom(): Promise<boolean> {
    const { log, writer, destinations } = this.#options;
    if (destinations.length === 0) return false;
    await writer.snapshot(SNAPSHOT_SPACING);
    const before = log.store.firstEntry;
    const entry = log.store.durableSize;
    this.#working = this.#working.then(() => this.#prune({ entry }));
    await this.#working;
    return log.store.firstEntry > before;
  }

  /** Resolves when what was begun is done. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #prune(before: PruneRules["before"]): Promise<void> {
    const { log, logger, ...rules } = this.#options;
    const { store } = log;
    const snapshots = new SnapshotFiles(store, logger);
    try {
      await prune({ store, snapshots, chain: chainOf(log) }, { ...rules, logger, before });
    } catch (error) {
      const early = error instanceof GatewayError && error.code === "not-prunable";
      logger[early ? "info" : "warn"]("ledger.not-pruned", { reason: messageOf(error) });
    }
  }
}
