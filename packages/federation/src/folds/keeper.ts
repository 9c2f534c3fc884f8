/** Brings folds up from the stored leaves where no commit keeps them: made by an older program, or not made yet. */
import { type Cancel, type Clock, type Logger, messageOf, millis } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { FederationStore } from "../store/port.js";
import { readStoredLog } from "../store/port.js";
import { PackLog } from "../worker/pack-log.js";
import { FOLD_VERSION } from "./growth.js";

export interface KeeperOptions {
  readonly store: FederationStore;
  readonly authorityKeys: TrustedKeys;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Entries to a transaction. */
const STEP = 4_096;
const PACKS = 100;
const AGAIN_MS = 300_000;

export class FoldKeeper {
  readonly #options: KeeperOptions;
  #running: Promise<void> = Promise.resolve();
  #next: Cancel | undefined;
  #stopped = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** At once, and every five minutes: another worker, of an older program, may commit without folds. */
  start(): void {
    this.#running = this.run().catch((error: unknown) => {
      this.#options.logger.error("federation.folds-failed", { error: messageOf(error) });
    });
    void this.#running.then(() => {
      if (this.#stopped) return;
      const { clock } = this.#options;
      this.#next = clock.at(millis(clock.now() + AGAIN_MS), () => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#next?.();
    await this.#running;
  }

  /** All that are behind now. Throws what the store throws; a damaged log is said and left. */
  async run(): Promise<void> {
    const { store, logger } = this.#options;
    for (let after = ""; !this.#stopped; ) {
      const behind = await store.foldsBehind(FOLD_VERSION, after, PACKS);
      for (const pack of behind) await this.#bringUp(pack);
      const last = behind.at(-1);
      if (behind.length > 0) logger.info("federation.folds-made", { packs: behind.length });
      if (last === undefined || behind.length < PACKS) return;
      after = last;
    }
  }

  async #bringUp(pack: PackName): Promise<void> {
    const { store, authorityKeys, logger } = this.#options;
    try {
      const log = new PackLog(pack, authorityKeys);
      for (;;) {
        const [stored, fold] = [await store.pack(pack), await store.fold(pack)];
        if (stored === undefined || fold === undefined || fold.version > FOLD_VERSION) return;
        const from = fold.version === FOLD_VERSION ? fold.size : 0;
        if (from === stored.size || this.#stopped) return;
        if (!(await this.#extend(log, from, stored.size))) return;
      }
    } catch (error) {
      logger.error("federation.folds-failed", { pack, error: messageOf(error) });
    }
  }

  /** False: somebody else brings it up, or there is nothing more to read. */
  async #extend(log: PackLog, from: number, end: number): Promise<boolean> {
    const { store } = this.#options;
    const { pack, size } = log;
    let done = from;
    if (size > from) return false;
    for await (const leaf of readStoredLog(store, pack, end, size)) {
      log.restore(leaf);
      if (log.size !== from && log.size % STEP !== 0) continue;
      const growth = log.takeFold();
      if (this.#stopped) return false;
      if (log.size > from) {
        if (!(await store.advanceFold(pack, done, log.size, growth))) return false;
        done = log.size;
      }
      await otherWork();
    }
    if (log.size <= done) return log.size === done && done > from;
    return store.advanceFold(pack, done, log.size, log.takeFold());
  }
}

/** A long log is no reason to let messages wait. */
function otherWork(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
