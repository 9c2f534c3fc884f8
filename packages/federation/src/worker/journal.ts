/** What an operator is told of packs: who is there, who lacks something, who has caught up. Not each receipt. */
import { bytesEqual, type Logger, utf8 } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { CheckedStatements } from "@wattseal/verifier";

/** Anyone can make up names: of strangers no more than these are reported. */
const MAX_UNTRUSTED = 64;
/** On `state`: connected; gone; connected, and the log accepts nothing any more. */
const STANDINGS = ["online", "offline", "stopped"] as const;

export class Journal {
  readonly #logger: Logger;
  readonly #met = new Set<PackName>();
  readonly #behind = new Set<PackName>();
  readonly #untrusted = new Set<PackName>();
  readonly #revoked = new Set<PackName>();
  /** Counter of the epoch that was last told of. */
  readonly #unattested = new Map<PackName, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Something that the pack signed has come. `entries`: stored; `isNew`: the store had none before. With none stored nothing is
   * told: the commit of what came before it in its group is about to.
   */
  heard(pack: PackName, entries: number, isNew = false): void {
    if (entries === 0 || this.#met.has(pack)) return;
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

  /** A message's leaves had come before. */
  repeated(pack: PackName): void {
    this.#logger.debug("federation.repeated", { pack });
  }

  /** What a pack says of itself, where it is a word that we know. Nobody has signed it. */
  said(pack: PackName, channel: "alarm" | "state", payload: Uint8Array): void {
    const says = STANDINGS.find((word) => bytesEqual(payload, utf8(word)));
    this.#logger.debug(`federation.pack-${channel}`, { pack, bytes: payload.length, says });
  }

  /** Entry 0 is no document that an accepted authority has signed for this pack. */
  untrusted(pack: PackName, error: string): void {
    if (this.#untrusted.has(pack) || this.#untrusted.size >= MAX_UNTRUSTED) return;
    this.#untrusted.add(pack);
    this.#logger.warn("federation.pack-untrusted", { pack, error });
  }

  /** It goes on speaking, though its LCT is void, slashed or retired. */
  revoked(pack: PackName, state: string): void {
    if (this.#revoked.has(pack)) return;
    this.#revoked.add(pack);
    this.#logger.warn("federation.pack-revoked", { pack, state });
  }

  /** A module did not say what the gateway has in the log of it: the receipt's record names the entries too. */
  statements(pack: PackName, { wrong, faults }: CheckedStatements): void {
    if (wrong === 0) return;
    const entries = faults.map(({ index, fault }) => `${index} ${fault}`).join(", ");
    this.#logger.error("federation.statement-wrong", { pack, wrong, entries });
  }

  /** Its current epoch's measured boot is under no approval: it is witnessed, and its charge withheld. */
  unattested(pack: PackName, epoch: number): void {
    if (this.#unattested.get(pack) === epoch) return;
    this.#unattested.set(pack, epoch);
    this.#logger.warn("federation.pack-unattested", { pack, epoch });
  }
}
