/** Packs whose LCT has ended, and those that end here: what a registry says, asked before a message is judged. */
import { type Logger, messageOf } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { Standing } from "../registry/standing.js";
import type { KnownPack } from "./authenticity.js";
import type { Journal } from "./journal.js";
import type { ForkFound } from "./judge.js";
import type { Delivery } from "./ports.js";
import { Refused } from "./refused.js";

export interface EndingsOptions {
  readonly standing?: Standing;
  readonly logger: Logger;
  readonly journal: Journal;
}

export class Endings {
  readonly #options: EndingsOptions;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  isEnded(pack: PackName): boolean {
    return this.#options.standing?.finalState(pack) !== undefined;
  }

  /** Nothing that comes under an ended name counts any more, signed or not. Throws Refused `revoked`. */
  requireNone(pack: PackName): void {
    const state = this.#options.standing?.finalState(pack);
    if (state === undefined) return;
    this.#options.journal.revoked(pack, state);
    throw new Refused("revoked", `the LCT of ${pack} is ${state}`);
  }

  /** After the proof is kept: whoever dies in between is slashed at the next start. */
  async slash({ pack, payload }: Delivery, fork: ForkFound, known: KnownPack): Promise<void> {
    const { standing, logger } = this.#options;
    const { contradiction: kind, size } = fork;
    const { receipt = "", chain } = known;
    try {
      await standing?.slash({ pack, kind, size, payload, receipt }, chain.document);
    } catch (error) {
      logger.error("federation.slash-failed", { pack, error: messageOf(error) });
    }
  }
}
