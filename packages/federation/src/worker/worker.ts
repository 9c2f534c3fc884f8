/**
 * The witness of a fleet's logs. Order of events, for each group of messages: verify, commit leaves, edges and
 * receipts in one transaction, send the receipts, acknowledge the messages. Killed in between, it has promised nothing
 * that the store does not hold: the pack sends again and gets the stored receipt.
 */
import { messageOf } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import { decodeBatch, decodeResponse, type PackName } from "@wattseal/uplink";
import { beginReceiptLog } from "../receipts/head.js";
import type { Standing } from "../registry/standing.js";
import { guarded, isStoreFailure } from "../store/guarded.js";
import { Answers } from "./answers.js";
import { type KnownPack, requireSignedAhead } from "./authenticity.js";
import { Committer, receiptLogKeys, type WitnessOptions } from "./committer.js";
import { Endings } from "./endings.js";
import { Gaps } from "./gaps.js";
import { HoldArea } from "./hold.js";
import { Journal } from "./journal.js";
import {
  ForkFound,
  growBy,
  headIn,
  judge,
  type Message,
  requireNoFork,
  requireNoTwin,
  requireOwnOrigin,
  requireWorthLoading,
} from "./judge.js";
import { Offers } from "./offers.js";
import { knownFrom, PackCache } from "./pack-cache.js";
import type { Delivery, Publish } from "./ports.js";
import { WorkQueue } from "./queue.js";
import { Refusals } from "./refusals.js";
import { Refused, refusalOf } from "./refused.js";
import { Part, Round } from "./round.js";
import type { StatementKeys } from "./statements.js";
import { type FederationStats, StatsKeeper } from "./stats.js";
import { Strangers } from "./strangers.js";

export interface WorkerOptions extends WitnessOptions {
  /** Whose LCT documents, mints, sources and policies are accepted. */
  readonly authorityKeys: TrustedKeys;
  readonly publish: Publish;
  /** Checks modules' counter statements before it cosigns; without it they are told to be unchecked. */
  readonly statements?: StatementKeys;
  /** Whose word is taken no more; without it everyone's is that an accepted authority has vouched for. */
  readonly standing?: Standing;
  /** Longest wait for company in a transaction, ms. Default 20. */
  readonly groupMs?: number;
  /** Messages in a transaction, at most. Default 64. */
  readonly groupSize?: number;
  /** How long a message waits for its predecessor. Default 5000 ms. */
  readonly holdMs?: number;
  /** Logs in memory, at most. Default 1024. */
  readonly maxPacks?: number;
}

const MAX_EVIDENCE_BYTES = 15_000;

type Work = Delivery | { readonly channel: "expired"; readonly pack: PackName };

export class FederationWorker {
  readonly #options: WorkerOptions;
  readonly #stats: StatsKeeper;
  readonly #journal: Journal;
  readonly #refusals: Refusals;
  readonly #endings: Endings;
  readonly #gaps: Gaps;
  readonly #hold: HoldArea;
  readonly #strangers: Strangers;
  readonly #answers: Answers;
  readonly #committer: Committer;
  readonly #offers = new Offers();
  readonly #packs: PackCache;
  readonly #inbox: WorkQueue<Work>;
  #stopped = false;

  private constructor(options: WorkerOptions, stats: StatsKeeper) {
    this.#options = options;
    this.#stats = stats;
    this.#journal = new Journal(options.logger);
    this.#refusals = new Refusals({ ...options, stats, journal: this.#journal });
    this.#endings = new Endings({ ...options, journal: this.#journal });
    this.#gaps = new Gaps(options.logger);
    this.#packs = new PackCache(options);
    const { clock, groupMs = 20, groupSize = 64, holdMs = 5000 } = options;
    const work = (group: readonly Work[]) => this.#work(group);
    this.#inbox = new WorkQueue({ clock, groupMs, groupSize, work });
    this.#hold = new HoldArea(clock, holdMs, (pack) => {
      this.#inbox.push({ channel: "expired", pack });
    });
    const { publish, logger } = options;
    this.#answers = new Answers({
      publish,
      logger,
      stats,
      journal: this.#journal,
      hold: this.#hold,
      gaps: this.#gaps,
    });
    this.#strangers = new Strangers(clock, holdMs, (pack) => this.#answers.request(pack, 0));
    this.#committer = new Committer(options, {
      stats,
      journal: this.#journal,
      packs: this.#packs,
      strangers: this.#strangers,
      offers: this.#offers,
      answers: this.#answers,
      gaps: this.#gaps,
      hold: this.#hold,
      again: (deliveries) => this.#inbox.unshift(...deliveries),
      giveUp: (deliveries, error) => this.#giveUp(deliveries, error),
    });
  }

  static async start(options: WorkerOptions): Promise<FederationWorker> {
    const store = guarded(options.store);
    const keys = receiptLogKeys(options);
    if (keys !== undefined) await beginReceiptLog(store, keys);
    const stats = new StatsKeeper(await store.packs());
    const worker = new FederationWorker({ ...options, store }, stats);
    await worker.#committer.count();
    return worker;
  }

  get stats(): FederationStats {
    const hold = this.#hold;
    return {
      ...this.#stats.snapshot(hold.count),
      gaps: this.#gaps.found,
      behind: hold.behind,
    };
  }

  /** Takes a message; its `settle` is called when it is dealt with. After `stop` it is ignored, unsettled. */
  deliver(delivery: Delivery): void {
    if (this.#stopped) return;
    this.#stats.message(delivery.channel);
    this.#inbox.push(delivery);
  }

  /** Finishes what was delivered; what is held for its predecessors is dropped, and asked for after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#hold.close();
    this.#strangers.close();
    await this.#inbox.stop();
  }

  async #work(group: readonly Work[]): Promise<"done" | "again"> {
    try {
      await this.#round(group);
      return "done";
    } catch (error) {
      if (!isStoreFailure(error)) {
        this.#giveUp(group, error);
        return "done";
      }
      // Nothing of the group is known to be committed: memory is dropped, and the group tried again.
      const fields = { error: messageOf(error), messages: group.length };
      this.#options.logger.error("federation.store-failed", fields);
      for (const { pack } of group) this.#packs.drop(pack);
      return "again";
    }
  }

  /** A fault of ours: what is not stored is sent again by its pack, and must not keep the others waiting. */
  #giveUp(group: readonly Work[], error: unknown): void {
    const { logger } = this.#options;
    logger.error("federation.internal", { error: messageOf(error), messages: group.length });
    for (const work of group) {
      this.#packs.drop(work.pack);
      if (work.channel !== "expired") work.settle();
    }
  }

  async #round(group: readonly Work[]): Promise<void> {
    const round = new Round();
    const settled: Delivery[] = [];
    for (const work of group) {
      if (work.channel === "expired") await this.#expired(work.pack, round);
      else if (await this.#handle(work, round)) settled.push(work);
    }
    await this.#committer.commit(round);
    for (const [pack, receipt] of round.repeated) {
      if (!round.parts.has(pack)) this.#answers.receipt(pack, receipt);
    }
    for (const delivery of settled) {
      delivery.settle(round.refused.has(delivery) ? "refused" : undefined);
    }
    this.#inbox.unshift(...round.later);
    for (const pack of round.broken) this.#packs.drop(pack);
  }

  /** True: the message is dealt with, but for its acknowledgement. Throws where the store fails, and only there. */
  async #handle(delivery: Delivery, round: Round): Promise<boolean> {
    try {
      this.#endings.requireNone(delivery.pack);
      switch (delivery.channel) {
        case "batch":
        case "response":
          return await this.#leaves(delivery, round);
        case "head":
          await this.#head(delivery, round);
          return true;
        case "epoch":
          await this.#offer(delivery, round);
          return true;
        case "alarm":
        case "state":
          this.#journal.said(delivery.pack, delivery.channel, delivery.payload);
          return true;
      }
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      if (await this.#isOutrun(delivery.pack, error, round)) return this.#handle(delivery, round);
      await this.#refuse(delivery, error, round);
      return true;
    }
  }

  /** What does not hold under the keys in memory may hold under an epoch's that another worker has stored since. */
  async #isOutrun(pack: PackName, error: unknown, round: Round): Promise<boolean> {
    if (refusalOf(error).code !== "signature" || round.parts.has(pack)) return false;
    return this.#packs.follow(pack);
  }

  async #leaves(delivery: Delivery, round: Round): Promise<boolean> {
    const { pack, channel, payload } = delivery;
    if (round.broken.has(pack)) {
      round.later.push(delivery);
      return false;
    }
    const message = channel === "batch" ? decodeBatch(payload) : decodeResponse(payload);
    const known = await this.#known(pack, round);
    if (known === undefined) return this.#beginning(delivery, message, round);
    const context = this.#contextOf(known);
    const judgement = await judge(message, context);
    switch (judgement.kind) {
      case "next":
        if (!this.#isInMemory(pack, round)) requireWorthLoading(judgement.message, context);
        return this.#grow(delivery, judgement.message, round, context.offered);
      case "known":
        this.#journal.repeated(pack);
        if (known.receipt !== undefined) round.repeated.set(pack, known.receipt);
        return true;
      case "later":
        round.later.push(delivery);
        return false;
      case "ahead":
        if (!round.parts.has(pack) && (await this.#packs.follow(pack))) {
          return this.#leaves(delivery, round);
        }
        this.#journal.heard(pack, known.committed);
        this.#gaps.answered(delivery, message, { size: judgement.size, verified: true });
        this.#wait(delivery, judgement);
        return true;
    }
  }

  /** Acknowledged all the same: a broker sends only so much ahead of its PUBACKs, for all packs together. */
  #wait(delivery: Delivery, { from, size }: { readonly from: number; readonly size: number }) {
    const held = { from, size, delivery: { ...delivery, settle: () => {} } };
    if (this.#hold.hold(held)) return;
    throw new Refused("overflow", `too much is held of ${delivery.pack}`);
  }

  /** Of a pack that the store does not have: nothing can be verified but from entry 0 on. */
  async #beginning(delivery: Delivery, message: Message, round: Round): Promise<boolean> {
    const { pack } = delivery;
    const { size } = requireOwnOrigin(message, pack);
    if (message.prevSize === 0) {
      return this.#grow(delivery, message, round, this.#strangers.offered(pack));
    }
    this.#gaps.answered(delivery, message, { size, verified: false });
    this.#strangers.met(pack);
    return true;
  }

  async #grow(
    delivery: Delivery,
    message: Message,
    round: Round,
    offered: Uint8Array | undefined,
  ): Promise<boolean> {
    const { pack } = delivery;
    const state = round.parts.get(pack)?.state ?? (await this.#packs.open(pack));
    const part = round.parts.get(pack) ?? new Part(state, state.log.position);
    const first = state.log.size;
    try {
      part.add(growBy(message, state.log, offered), first);
    } catch (error) {
      if (refusalOf(error).code === "internal") round.broken.add(pack); // half grown, for all that is known
      throw error;
    }
    round.parts.set(pack, part);
    part.deliveries.push(delivery);
    return false;
  }

  async #known(pack: PackName, round: Round): Promise<KnownPack | undefined> {
    const part = round.parts.get(pack);
    return part === undefined ? this.#packs.known(pack) : knownFrom(part.state);
  }

  #isInMemory(pack: PackName, round: Round): boolean {
    return round.parts.has(pack) || this.#packs.get(pack) !== undefined;
  }

  #contextOf(known: KnownPack) {
    return { known, store: this.#options.store, offered: this.#offers.of(known) };
  }

  async #head(delivery: Delivery, round: Round): Promise<void> {
    const { pack, payload } = delivery;
    const { note, checkpoint } = headIn(payload, pack);
    const known = await this.#known(pack, round);
    if (known === undefined) return this.#strangers.met(pack);
    const context = this.#contextOf(known);
    if (checkpoint.size > known.size) {
      requireSignedAhead(note, checkpoint.size, known.chain, { ...context, leaves: [] });
      this.#hold.ahead(pack, checkpoint.size);
    } else if (checkpoint.size <= known.committed) {
      await requireNoFork(note, checkpoint, context);
    }
    this.#journal.heard(pack, known.committed);
  }

  /** What it vouches for is used when something signed by that epoch comes; the log's own epoch.begin is what counts. */
  async #offer({ pack, payload }: Delivery, round: Round): Promise<void> {
    if (payload.length > MAX_EVIDENCE_BYTES) {
      throw new Refused("malformed", `epoch: has ${payload.length} bytes`);
    }
    const known = await this.#known(pack, round);
    if (known === undefined) return this.#strangers.offer(pack, payload);
    requireNoTwin(payload, known, this.#offers.of(known));
    this.#offers.offer(known, payload);
  }

  /** What was held has waited long enough: another worker may have stored what it waits for, else the pack is asked. */
  async #expired(pack: PackName, round: Round): Promise<void> {
    try {
      if (round.parts.has(pack)) return this.#hold.postpone(pack); // this very round lets it grow
      const isLost = this.#packs.isDamaged(pack) || this.#endings.isEnded(pack);
      if (isLost) return this.#hold.forget(pack);
      const { store } = this.#options;
      const stored = await store.pack(pack);
      if (stored === undefined) return this.#hold.forget(pack);
      const isFollowed = await this.#packs.follow(pack);
      if (isFollowed || !this.#hold.isBehind(pack, stored.size)) {
        this.#stats.grown(pack, stored.size, stored.receipt?.size ?? 0);
        this.#inbox.unshift(...this.#hold.grown(pack, stored.size));
        if (!this.#hold.isBehind(pack, stored.size)) this.#journal.caughtUp(pack, stored.size);
        return;
      }
      if (this.#hold.due(pack) === "ask") this.#answers.request(pack, stored.size);
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      this.#hold.forget(pack);
      this.#options.logger.error("federation.internal", { pack, error: messageOf(error) });
    }
  }

  async #refuse(delivery: Delivery, error: unknown, round: Round): Promise<void> {
    const { pack } = delivery;
    const refused = await this.#refusals.take(delivery, error);
    if (refused !== undefined) round.refused.add(delivery);
    if (refused instanceof ForkFound) {
      const known = await this.#known(pack, round);
      if (known !== undefined) await this.#endings.slash(delivery, refused, known);
    }
    if (refused?.attested) round.broken.add(pack);
  }
}
