/** The packs in memory, least recently used ones dropped: they come back by replaying what is stored. */
import type { Logger } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import type { FederationStore } from "../store/port.js";
import { PackLog } from "./pack-log.js";
import type { PackState } from "./round.js";

export interface PackCacheOptions {
  readonly store: FederationStore;
  readonly authorityKeys: TrustedKeys;
  readonly logger: Logger;
}

const MAX_PACKS = 1024;

export class PackCache {
  readonly #options: PackCacheOptions;
  readonly #states = new Map<PackName, PackState>();
  /** Packs whose stored log is damaged, and how: not replayed for each message. */
  readonly #damaged = new Map<PackName, string>();

  constructor(options: PackCacheOptions) {
    this.#options = options;
  }

  /** Throws FederationError `store-corrupt`, and whatever the store throws. */
  async open(pack: PackName): Promise<PackState> {
    const state = this.#states.get(pack) ?? (await this.#load(pack));
    this.#states.delete(pack);
    this.#states.set(pack, state);
    const [oldest] = this.#states.keys();
    if (this.#states.size > MAX_PACKS && oldest !== undefined) this.#states.delete(oldest);
    return state;
  }

  get(pack: PackName): PackState | undefined {
    return this.#states.get(pack);
  }

  drop(pack: PackName): void {
    this.#states.delete(pack);
  }

  isDamaged(pack: PackName): boolean {
    return this.#damaged.has(pack);
  }

  async #load(pack: PackName): Promise<PackState> {
    const damage = this.#damaged.get(pack);
    if (damage !== undefined) throw new FederationError("store-corrupt", damage);
    const { store, authorityKeys, logger } = this.#options;
    try {
      const log = await PackLog.load(store, pack, authorityKeys);
      const receipt = (await store.pack(pack))?.receipt;
      return { log, committed: log.size, receipt };
    } catch (error) {
      if (error instanceof FederationError && error.code === "store-corrupt") {
        this.#damaged.set(pack, error.message);
        logger.error("federation.store-corrupt", { pack, error: error.message });
      }
      throw error;
    }
  }
}
