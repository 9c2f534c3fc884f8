/** What an operator is told of packs: who is there, who lacks something, who has caught up. Not each receipt. */
import type { Logger } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";

/** Anyone can make up names: of strangers no more than these are reported. */
const MAX_UNTRUSTED = 64;

export class Journal {
  readonly #logger: Logger;
  readonly #met = new Set<PackName>();
  readonly #behind = new Set<PackName>();
  readonly #untrusted = new Set<PackName>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Something that the pack signed has come. `entries`: stored; `isNew`: the store had none before. */
  heard(pack: PackName, entries: number, isNew = false): void {
    if (this.#met.has(pack)) return;
    this.#met.add(pack);
    this.#logger.info("federation.pack-contact", { pack, entries, new: isNew });
  }

  /** It is asked for what it has signed beyond the `entries` that are stored. */
  asked(pack: PackName, entries: number, signed: number | undefined): void {
    if (this.#behind.has(pack)) return;
    this.#behind.add(pack);
    this.#logger.info("federation.pack-behind", { pack, entries, signed });
  }

  caughtUp(pack: PackName, entries: number): void {
    if (!this.#behind.delete(pack)) return;
    this.#logger.info("federation.pack-caught-up", { pack, entries });
  }

  /** Entry 0 is no document that an accepted authority has signed for this pack. */
  untrusted(pack: PackName, error: string): void {
    if (this.#untrusted.has(pack) || this.#untrusted.size >= MAX_UNTRUSTED) return;
    this.#untrusted.add(pack);
    this.#logger.warn("federation.pack-untrusted", { pack, error });
  }
}
