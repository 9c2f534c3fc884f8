/** The packs in memory, least recently used ones dropped: they come back by replaying what is stored. */
import type { Logger } from "@wattseal/base";
import type { EpochChain, TrustedKeys } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import type { FederationStore } from "../store/port.js";
import type { KnownPack } from "./authenticity.js";
import { PackLog } from "./pack-log.js";
import type { PackState } from "./round.js";
import type { StatementKeys } from "./statements.js";

export interface PackCacheOptions {
  readonly store: FederationStore;
  readonly authorityKeys: TrustedKeys;
  readonly statements?: StatementKeys;
  readonly logger: Logger;
  /** Logs in memory, at most. Default 1024. */
  readonly maxPacks?: number;
}

/** What stays of a log that is not in memory any more: enough to tell whether a message is worth loading it. */
interface Remembered {
  readonly size: number;
  readonly chain: EpochChain;
}

const MAX_PACKS = 1024;
const MAX_REMEMBERED = 4096;

export class PackCache {
  readonly #options: PackCacheOptions;
  readonly #states = new Map<PackName, PackState>();
  readonly #remembered = new Map<PackName, Remembered>();
  /** Packs whose stored log is damaged, and how: not replayed for each message. */
  readonly #damaged = new Map<PackName, string>();

  constructor(options: PackCacheOptions) {
    this.#options = options;
  }

  /**
   * A pack that the store has; undefined for a stranger. Replays its log only at first contact. Throws FederationError
   * `store-corrupt`, and whatever the store throws.
   */
  async known(pack: PackName): Promise<KnownPack | undefined> {
    const state = this.#states.get(pack);
    if (state !== undefined) return knownFrom(state);
    const row = await this.#options.store.pack(pack);
    if (row === undefined) return undefined;
    const remembered = this.#remembered.get(pack);
    if (remembered?.size !== row.size) return knownFrom(await this.open(pack));
    const { size, receipt } = row;
    return { pack, size, committed: size, chain: remembered.chain, receipt: receipt?.text };
  }

  /** Replays the log where it is not in memory. A pack that the store does not have is not kept: see `keep`. */
  async open(pack: PackName): Promise<PackState> {
    const state = this.#states.get(pack) ?? (await this.#load(pack));
    if (state.committed > 0) this.keep(state);
    return state;
  }

  /** A stored log, the most recently used one from now on. */
  keep(state: PackState): void {
    const { pack } = state.log;
    this.#states.delete(pack);
    this.#states.set(pack, state);
    this.#remembered.delete(pack);
    const [oldest] = this.#states.keys();
    if (this.#states.size > (this.#options.maxPacks ?? MAX_PACKS) && oldest !== undefined) {
      this.#evict(oldest);
    }
  }

  /**
   * What another worker has stored of a log in memory is taken up, or the log dropped where it does not go on from there. True:
   * there was something. Throws what the store throws.
   */
  async follow(pack: PackName): Promise<boolean> {
    const state = this.#states.get(pack);
    const row = await this.#options.store.pack(pack);
    if (state === undefined || row === undefined || row.size <= state.committed) return false;
    try {
      await state.log.follow(this.#options.store, row);
      state.committed = row.size;
      state.receipt = row.receipt;
    } catch (error) {
      this.drop(pack);
      if (!(error instanceof FederationError && error.code === "store-corrupt")) throw error;
    }
    return true;
  }

  get(pack: PackName): PackState | undefined {
    return this.#states.get(pack);
  }

  drop(pack: PackName): void {
    this.#states.delete(pack);
    this.#remembered.delete(pack);
  }

  isDamaged(pack: PackName): boolean {
    return this.#damaged.has(pack);
  }

  #evict(pack: PackName): void {
    const state = this.#states.get(pack);
    this.#states.delete(pack);
    const chain = state?.log.chain;
    if (state === undefined || chain === undefined || state.log.size !== state.committed) return;
    this.#remembered.set(pack, { size: state.committed, chain });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
  }

  async #load(pack: PackName): Promise<PackState> {
    const damage = this.#damaged.get(pack);
    if (damage !== undefined) throw new FederationError("store-corrupt", damage);
    const { store, authorityKeys, statements, logger } = this.#options;
    try {
      const stored = await store.pack(pack);
      const log =
        stored === undefined
          ? new PackLog(pack, authorityKeys, statements)
          : await PackLog.load(store, stored, authorityKeys, statements);
      return { log, committed: log.size, receipt: stored?.receipt };
    } catch (error) {
      if (error instanceof FederationError && error.code === "store-corrupt") {
        this.#damaged.set(pack, error.message);
        logger.error("federation.store-corrupt", { pack, error: error.message });
      }
      throw error;
    }
  }
}

/** Undefined before entry 0. */
export function knownFrom({ log, committed, receipt }: PackState): KnownPack | undefined {
  const { pack, size, chain } = log;
  return chain === undefined ? undefined : { pack, size, committed, chain, receipt: receipt?.text };
}
