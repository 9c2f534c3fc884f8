import type { LogFields, Logger } from "@wattseal/base";
import { claimedTwice } from "@wattseal/energy-ledger";
import type { FederationStore, ModuleTwice, PackCommit } from "../store/port.js";
import type { StatsKeeper } from "./stats.js";

export interface TwiceAlarmOptions {
  readonly store: FederationStore;
  readonly logger: Logger;
  readonly stats: StatsKeeper;
}

/** Tells of modules whose counters two logs claim. The store finds them with a commit, and knows which were told. */
export class TwiceAlarm {
  readonly #options: TwiceAlarmOptions;

  constructor(options: TwiceAlarmOptions) {
    this.#options = options;
  }

  /** After these commits. Whoever dies before it tells of them with the next one. */
  async committed(commits: readonly PackCommit[]): Promise<void> {
    if (commits.every(({ stays }) => stays.length === 0)) return;
    const { store, logger } = this.#options;
    const found = await store.modulesTwice("untold");
    if (found.length === 0) return;
    for (const twice of found) logger.error("federation.module-in-two-logs", fieldsOf(twice));
    await store.told(found);
    await this.count();
  }

  async count(): Promise<void> {
    const { store, stats } = this.#options;
    stats.modulesTwice((await store.modulesTwice("all")).length);
  }
}

/** Who claims what of which module: counters in mWh, and the interval at which each claim begins. */
function fieldsOf({ module, stays: [a, b] }: ModuleTwice): LogFields {
  const { in: inMwh, out: outMwh } = claimedTwice(a.stay, b.stay);
  return {
    module,
    pack: a.pack,
    entry: a.stay.first,
    otherPack: b.pack,
    otherEntry: b.stay.first,
    inMwh,
    outMwh,
  };
}
