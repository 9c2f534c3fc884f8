/** How a group's growth becomes the store's, in one transaction, and what is told once it has. */
import type { Clock, Logger } from "@wattseal/base";
import type { NoteSigner } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { type ReceiptLogKeys, signedBy } from "../receipts/head.js";
import type { FederationStore, PackCommit } from "../store/port.js";
import type { Answers } from "./answers.js";
import type { Gaps } from "./gaps.js";
import type { HoldArea } from "./hold.js";
import type { Journal } from "./journal.js";
import type { Offers } from "./offers.js";
import { knownFrom, type PackCache } from "./pack-cache.js";
import type { Delivery } from "./ports.js";
import type { PackState, Part, Round } from "./round.js";
import type { StatsKeeper } from "./stats.js";
import type { Strangers } from "./strangers.js";
import { TwiceAlarm } from "./twice.js";

/** Who stores and cosigns. */
export interface WitnessOptions {
  readonly store: FederationStore;
  readonly witness: NoteSigner;
  /** Signs the heads of the log of all receipts; its name is the log's origin. Without it they stay unsigned. */
  readonly receiptLog?: NoteSigner;
  /** Its next key: until that has taken the other's place, heads are signed under both. */
  readonly nextReceiptLog?: NoteSigner | undefined;
  /** The witness's next key: until that has taken the other's place, receipts bear cosignatures under both. */
  readonly nextWitness?: NoteSigner | undefined;
  /** Only runs: what is waited for goes by it. */
  readonly clock: Clock;
  /** Dates cosignatures; default: `clock`. */
  readonly utc?: Pick<Clock, "now">;
  readonly logger: Logger;
  /** How long a group's transaction took, ms. */
  readonly committed?: (ms: number) => void;
}

export function receiptLogKeys({
  receiptLog,
  nextReceiptLog,
}: Pick<WitnessOptions, "receiptLog" | "nextReceiptLog">): ReceiptLogKeys | undefined {
  if (receiptLog === undefined) return undefined;
  return nextReceiptLog === undefined ? [receiptLog] : [receiptLog, nextReceiptLog];
}

interface Parts {
  readonly stats: StatsKeeper;
  readonly journal: Journal;
  readonly packs: PackCache;
  readonly strangers: Strangers;
  readonly offers: Offers;
  readonly answers: Answers;
  readonly gaps: Gaps;
  readonly hold: HoldArea;
  /** Puts what waited, or was not stored, before what has come since. */
  readonly again: (deliveries: readonly Delivery[]) => void;
  /** Of a fault of ours. */
  readonly giveUp: (deliveries: readonly Delivery[], error: unknown) => void;
}

export class Committer {
  readonly #options: WitnessOptions;
  readonly #parts: Parts;
  readonly #twice: TwiceAlarm;

  constructor(options: WitnessOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#twice = new TwiceAlarm({ ...options, stats: parts.stats });
  }

  /** What was found before this start. */
  async count(): Promise<void> {
    await this.#twice.count();
  }

  /** Stores what the round gathered, and tells everyone whom it concerns. Throws where the store fails, and only there. */
  async commit(round: Round): Promise<void> {
    const shares = [...round.parts.values()].flatMap((part) => this.#share(part));
    if (shares.length === 0) return;
    const { store, clock, committed } = this.#options;
    const begun = clock.now();
    const commits = shares.map(({ commit }) => commit);
    const keys = receiptLogKeys(this.#options);
    const outcomes = await store.commit(commits, keys && signedBy(keys));
    committed?.(clock.now() - begun);
    for (const [i, { part, commit }] of shares.entries()) {
      if (outcomes[i] === "stored") this.#stored(commit.pack, part, commit.receipt);
      else this.#conflicted(commit.pack, part);
    }
    await this.#twice.committed(commits);
  }

  /** None where the witness's key cannot sign: the others of the group go on. */
  #share(part: Part): { readonly part: Part; readonly commit: PackCommit }[] {
    const { witness, nextWitness, clock, utc = clock } = this.#options;
    const witnessKeys = nextWitness === undefined ? [witness] : [witness, nextWitness];
    const { pack } = part.state.log;
    try {
      return [{ part, commit: part.commit(pack, witnessKeys, Math.floor(utc.now() / 1000)) }];
    } catch (error) {
      this.#parts.giveUp(part.deliveries, error);
      return [];
    }
  }

  #stored(pack: PackName, part: Part, receipt: PackCommit["receipt"]): void {
    const { journal, packs, answers, stats, gaps, hold, again } = this.#parts;
    const { state } = part;
    journal.heard(pack, part.size, state.committed === 0);
    state.committed = part.size;
    packs.keep(state);
    this.#acquaint(state);
    if (receipt !== undefined) {
      state.receipt = { size: receipt.size, text: receipt.text };
      answers.receipt(pack, receipt.text);
      journal.statements(pack, part.statements);
    }
    stats.grown(pack, part.size, state.receipt?.size ?? 0);
    gaps.grown(pack, part.size);
    for (const delivery of part.deliveries) delivery.settle();
    if (part.aim > part.size) hold.ahead(pack, part.aim);
    again(hold.grown(pack, part.size));
    if (part.aim > part.size) answers.request(pack, part.size);
    if (!hold.isBehind(pack, part.size)) journal.caughtUp(pack, part.size);
  }

  #acquaint(state: PackState): void {
    const { stats, journal, strangers, offers } = this.#parts;
    const known = knownFrom(state);
    if (known === undefined) return;
    const { epochs, current } = known.chain;
    stats.began(known.pack, epochs);
    if (current?.state === "unattested") journal.unattested(known.pack, current.epoch);
    const evidence = strangers.forget(known.pack);
    if (evidence !== undefined) offers.adopt(known, evidence);
    offers.prune(known);
  }

  /** Another worker moved the pack: start again from what it stored. */
  #conflicted(pack: PackName, part: Part): void {
    this.#options.logger.debug("federation.conflict", { pack });
    this.#parts.packs.drop(pack);
    this.#parts.again(part.deliveries);
  }
}
