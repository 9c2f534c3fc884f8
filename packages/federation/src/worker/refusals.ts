/** What becomes of a message that is not taken: counted, kept where it proves something, told to the operator. */
import type { Logger } from "@wattseal/base";
import { FederationError } from "../errors.js";
import type { FederationStore } from "../store/port.js";
import type { Journal } from "./journal.js";
import { ForkFound } from "./judge.js";
import type { Delivery } from "./ports.js";
import { type Refused, refusalOf } from "./refused.js";
import type { StatsKeeper } from "./stats.js";

export interface RefusalOptions {
  readonly store: FederationStore;
  readonly logger: Logger;
  readonly stats: StatsKeeper;
  readonly journal: Journal;
}

export class Refusals {
  readonly #options: RefusalOptions;

  constructor(options: RefusalOptions) {
    this.#options = options;
  }

  /** Undefined: the pack's stored log is damaged, which is no fault of the message's. Throws what the store throws. */
  async take(delivery: Delivery, error: unknown): Promise<Refused | undefined> {
    const { stats } = this.#options;
    if (error instanceof FederationError && error.code === "store-corrupt") {
      stats.refused("store");
      return undefined;
    }
    const refused = refusalOf(error);
    stats.refused(refused.code);
    await this.#keep(delivery, refused);
    return refused;
  }

  async #keep(delivery: Delivery, refused: Refused): Promise<void> {
    const { logger, journal } = this.#options;
    const { pack, channel } = delivery;
    const fields = { pack, channel, reason: refused.code, error: refused.message };
    if (refused instanceof ForkFound) {
      await this.#keepFork(delivery, refused);
      logger.error("federation.fork", fields);
    } else if (refused.attested) {
      await this.#park(delivery, refused);
      logger.error("federation.parked", fields);
    } else if (refused.code === "internal") {
      await this.#keepInternal(delivery, refused);
      logger.error("federation.internal", fields);
    } else {
      if (refused.code === "untrusted") journal.untrusted(pack, refused.message);
      logger.debug("federation.refused", fields);
    }
  }

  async #keepFork({ pack, payload }: Delivery, fork: ForkFound): Promise<void> {
    const { store, stats } = this.#options;
    const receipt = (await store.pack(pack))?.receipt?.text ?? "";
    const { contradiction: kind, size, beside } = fork;
    // First what the proof rests on: who judges it from the store has to find both.
    if (beside !== undefined) {
      await store.keepFork({ pack, kind: "epoch", size, payload: beside, receipt });
    }
    if (await store.keepFork({ pack, kind, size, payload, receipt })) stats.fork();
  }

  /** To be looked into; but strangers could fill the disk with theirs. */
  async #keepInternal(delivery: Delivery, refused: Refused): Promise<void> {
    const stored = await this.#options.store.pack(delivery.pack);
    if (stored !== undefined) await this.#park(delivery, refused);
  }

  async #park({ pack, payload }: Delivery, { code: reason, message }: Refused): Promise<void> {
    const { store, stats } = this.#options;
    if (await store.park({ pack, reason, message, payload })) stats.parked();
  }
}
