/** What a worker sends to packs. A transport may lose it: a pack then sends again, and gets it again. */
import { type Logger, messageOf, utf8 } from "@wattseal/base";
import { encodeRequest, type PackName } from "@wattseal/uplink";
import type { Gaps } from "./gaps.js";
import type { HoldArea } from "./hold.js";
import type { Journal } from "./journal.js";
import type { Publish } from "./ports.js";
import type { StatsKeeper } from "./stats.js";

export interface AnswersOptions {
  readonly publish: Publish;
  readonly logger: Logger;
  readonly stats: StatsKeeper;
  readonly journal: Journal;
  readonly hold: HoldArea;
  readonly gaps: Gaps;
}

export class Answers {
  readonly #options: AnswersOptions;
  #requestId = 0;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  receipt(pack: PackName, text: string): void {
    this.#options.stats.receipt();
    this.#send(pack, "receipt", utf8(text));
  }

  /** Of a stranger too: it then asks for the log's beginning. */
  request(pack: PackName, from: number): void {
    const { stats, journal, hold, gaps } = this.#options;
    this.#requestId = (this.#requestId + 1) % 2 ** 32;
    stats.request();
    gaps.asked(pack, this.#requestId, from);
    if (from > 0) journal.asked(pack, from, hold.signed(pack));
    this.#send(pack, "request", encodeRequest({ id: this.#requestId, from }));
    hold.asked(pack);
  }

  /** What cannot be sent must not look like a failure of the store. */
  #send(pack: PackName, channel: "receipt" | "request", payload: Uint8Array): void {
    const { publish, logger } = this.#options;
    try {
      publish(pack, channel, payload);
    } catch (error) {
      logger.error("federation.publish-failed", { pack, channel, error: messageOf(error) });
    }
  }
}
