/** Packs whose LCT has ended, and those that end here: what a registry says, asked before a message is judged. */
import { type Clock, type Logger, messageOf } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { Standing } from "../registry/standing.js";
import type { KnownPack } from "./authenticity.js";
import type { Journal } from "./journal.js";
import type { ForkFound } from "./judge.js";
import type { Delivery, Publish } from "./ports.js";
import { Refused } from "./refused.js";

export interface EndingsOptions {
  readonly standing?: Standing;
  readonly publish: Publish;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
  readonly journal: Journal;
}

/** A pack that goes on speaking is told again after so long: a transport may lose what it was told. */
const AGAIN_MS = 60_000;

export class Endings {
  readonly #options: EndingsOptions;
  /** When each that has ended was last told so. */
  readonly #told = new Map<PackName, number>();

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
    void this.#tell(pack);
    throw new Refused("revoked", `the LCT of ${pack} is ${state}`);
  }

  /** It answers what the pack sends, whatever that is: nothing is kept at a broker for one that is away. */
  async #tell(pack: PackName): Promise<void> {
    const { standing, publish, clock, logger } = this.#options;
    const now = clock.now();
    const told = this.#told.get(pack);
    if (told !== undefined && now < told + AGAIN_MS) return;
    this.#told.set(pack, now);
    try {
      const statement = await standing?.statement(pack);
      if (statement !== undefined) publish(pack, "status", statement);
    } catch (error) {
      logger.warn("federation.status-unsent", { pack, error: messageOf(error) });
    }
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
