/**
 * The witness of a fleet's logs. Order of events, for each group of messages: verify, commit leaves, edges and
 * receipts in one transaction, send the receipts, acknowledge the messages. Killed in between, it has promised nothing
 * that the store does not hold: the pack sends again and gets the stored receipt.
 */
import {
  type Cancel,
  type Clock,
  fromUtf8,
  type Logger,
  messageOf,
  millis,
  originOf,
  utf8,
} from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import type { NoteSigner } from "@wattseal/tlog";
import {
  decodeBatch,
  decodeResponse,
  encodeRequest,
  type PackName,
  soleCheckpoint,
} from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import type { FederationStore } from "../store/port.js";
import { HoldArea } from "./hold.js";
import { ForkFound, type Judgement, judgeBatch, judgeResponse, requireNoFork } from "./judge.js";
import { PackCache } from "./pack-cache.js";
import { type PackLog, samePosition } from "./pack-log.js";
import type { Delivery, Publish } from "./ports.js";
import { Refused, refusalOf } from "./refused.js";
import { type PackState, Part, Round } from "./round.js";
import { type FederationStats, StatsKeeper } from "./stats.js";

export interface WorkerOptions {
  readonly store: FederationStore;
  readonly witness: NoteSigner;
  /** Whose LCT documents, mints, sources and policies are accepted. */
  readonly authorityKeys: TrustedKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publish: Publish;
  /** Longest wait for company in a transaction, ms. Default 20. */
  readonly groupMs?: number;
  /** Messages in a transaction, at most. Default 64. */
  readonly groupSize?: number;
  /** How long a message waits for its predecessor. Default 5000 ms. */
  readonly holdMs?: number;
}

const MAX_OFFERED = 1024;
const MAX_NOTE_BYTES = 2048;
const MAX_EVIDENCE_BYTES = 15_000;
const STORE_RETRY_MS = 1000;
const MAX_STORE_RETRY_MS = 30_000;

type Work = Delivery | { readonly channel: "expired"; readonly pack: PackName };

export class FederationWorker {
  readonly #options: WorkerOptions;
  readonly #stats: StatsKeeper;
  readonly #hold: HoldArea;
  readonly #packs: PackCache;
  readonly #offered = new Map<PackName, Uint8Array>();
  #inbox: Work[] = [];
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  #storeRetryMs = STORE_RETRY_MS;
  #requestId = 0;
  #stopped = false;

  private constructor(options: WorkerOptions, stats: StatsKeeper) {
    this.#options = options;
    this.#stats = stats;
    this.#packs = new PackCache(options);
    this.#hold = new HoldArea(options.clock, options.holdMs ?? 5000, (pack) =>
      this.#enqueue({ channel: "expired", pack }),
    );
  }

  static async start(options: WorkerOptions): Promise<FederationWorker> {
    return new FederationWorker(options, new StatsKeeper(await options.store.packs()));
  }

  get stats(): FederationStats {
    return this.#stats.snapshot();
  }

  /** Takes a message; its `settle` is called when it is dealt with. After `stop` it is ignored, unsettled. */
  deliver(delivery: Delivery): void {
    if (!this.#stopped) this.#enqueue(delivery);
  }

  /** Finishes what was delivered; held messages stay unsettled. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    this.#timer = undefined;
    this.#hold.close();
    await this.#run();
  }

  #enqueue(work: Work): void {
    this.#inbox.push(work);
    const { groupMs = 20, groupSize = 64 } = this.#options;
    if (this.#inbox.length >= groupSize) void this.#run();
    else this.#schedule(groupMs);
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#running !== undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.at(millis(clock.now() + ms), () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  #run(): Promise<void> {
    this.#running ??= this.#empty().finally(() => {
      this.#running = undefined;
      if (this.#inbox.length > 0 && !this.#stopped) this.#schedule(0); // came as the last round ended
    });
    return this.#running;
  }

  async #empty(): Promise<void> {
    while (this.#inbox.length > 0) {
      const group = this.#inbox.splice(0, this.#options.groupSize ?? 64);
      try {
        await this.#round(group);
        this.#storeRetryMs = STORE_RETRY_MS;
      } catch (error) {
        this.#storeFailed(group, error);
        return;
      }
    }
  }

  /** Nothing of the group is known to be committed: memory is dropped and the group tried again. */
  #storeFailed(group: readonly Work[], error: unknown): void {
    const { clock, logger } = this.#options;
    logger.error("federation.store-failed", { error: messageOf(error), messages: group.length });
    for (const { pack } of group) this.#packs.drop(pack);
    this.#inbox.unshift(...group);
    if (this.#stopped) return;
    const wait = this.#storeRetryMs;
    this.#storeRetryMs = Math.min(2 * wait, MAX_STORE_RETRY_MS);
    this.#timer?.();
    this.#timer = clock.at(millis(clock.now() + wait), () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  async #round(group: readonly Work[]): Promise<void> {
    const round = new Round();
    const settled: Delivery[] = [];
    for (const work of group) {
      if (work.channel === "expired") await this.#expired(work.pack);
      else if (await this.#handle(work, round)) settled.push(work);
    }
    await this.#commit(round);
    this.#repeatReceipts(round);
    for (const delivery of settled) delivery.settle();
    this.#inbox.unshift(...round.later);
    for (const pack of round.broken) this.#packs.drop(pack);
  }

  /** True: the message is dealt with, but for its acknowledgement. */
  async #handle(delivery: Delivery, round: Round): Promise<boolean> {
    try {
      switch (delivery.channel) {
        case "batch":
        case "response":
          return await this.#leaves(delivery, round);
        case "head":
          await this.#head(delivery, round);
          return true;
        case "epoch":
          this.#offer(delivery);
          return true;
        case "alarm":
        case "state":
          this.#options.logger.debug(`federation.pack-${delivery.channel}`, {
            pack: delivery.pack,
            bytes: delivery.payload.length,
          });
          return true;
      }
    } catch (error) {
      await this.#refuse(delivery, error, round);
      return true;
    }
  }

  async #leaves(delivery: Delivery, round: Round): Promise<boolean> {
    const { pack } = delivery;
    if (round.broken.has(pack)) {
      round.later.push(delivery);
      return false;
    }
    const message =
      delivery.channel === "batch"
        ? { batch: decodeBatch(delivery.payload) }
        : { response: decodeResponse(delivery.payload) };
    const state = await this.#open(pack, round);
    const previous = state.log.position;
    const context = this.#contextOf(state);
    const judgement =
      message.batch === undefined
        ? await judgeResponse(message.response, context)
        : await judgeBatch(message.batch, context);
    return this.#follow(judgement, delivery, round, { state, previous });
  }

  #follow(
    judgement: Judgement,
    delivery: Delivery,
    round: Round,
    at: { readonly state: PackState; readonly previous: PackLog["position"] },
  ): boolean {
    switch (judgement.kind) {
      case "grown": {
        const part = round.parts.get(delivery.pack) ?? new Part(at.state, at.previous);
        round.parts.set(delivery.pack, part);
        part.add(judgement.growth, judgement.first);
        part.deliveries.push(delivery);
        return false;
      }
      case "known":
        round.known.push(delivery);
        return true;
      case "later":
        round.later.push(delivery);
        return false;
      case "ahead":
        if (this.#hold.hold({ delivery, from: judgement.from })) return false;
        throw new Refused("overflow", `too much is held of ${delivery.pack}`);
    }
  }

  #contextOf(state: PackState) {
    const { log, committed } = state;
    const { store } = this.#options;
    return { log, store, committed, offered: this.#offered.get(log.pack) };
  }

  async #open(pack: PackName, round: Round): Promise<PackState> {
    return round.parts.get(pack)?.state ?? (await this.#packs.open(pack));
  }

  async #commit(round: Round): Promise<void> {
    const { store, witness, clock } = this.#options;
    const parts = [...round.parts];
    if (parts.length === 0) return;
    const time = Math.floor(clock.now() / 1000);
    const commits = parts.map(([pack, part]) => part.commit(pack, witness, time));
    const outcomes = await store.commit(commits);
    for (const [i, [pack, part]] of parts.entries()) {
      if (outcomes[i] === "stored") this.#stored(pack, part, commits[i]?.receipt);
      else this.#conflicted(pack, part);
    }
  }

  #stored(pack: PackName, part: Part, receipt: PackState["receipt"]): void {
    const { state } = part;
    state.committed = part.size;
    if (receipt !== undefined) {
      state.receipt = receipt;
      this.#sendReceipt(pack, receipt.text);
    }
    this.#stats.grown(pack, part.size, state.receipt?.size ?? 0);
    for (const delivery of part.deliveries) delivery.settle();
    this.#inbox.unshift(...this.#hold.grown(pack, part.size));
    if (part.aim > part.size) {
      this.#hold.ahead(pack, part.aim);
      this.#request(pack, part.size);
    }
  }

  /** Another worker moved the pack: start again from what it stored. */
  #conflicted(pack: PackName, part: Part): void {
    this.#options.logger.debug("federation.conflict", { pack });
    this.#packs.drop(pack);
    this.#inbox.unshift(...part.deliveries);
  }

  #repeatReceipts(round: Round): void {
    for (const pack of new Set(round.known.map((delivery) => delivery.pack))) {
      const receipt = this.#packs.get(pack)?.receipt;
      if (receipt !== undefined && !round.parts.has(pack)) this.#sendReceipt(pack, receipt.text);
    }
  }

  #sendReceipt(pack: PackName, text: string): void {
    this.#stats.receipt();
    this.#options.publish(pack, "receipt", utf8(text));
  }

  #request(pack: PackName, from: number): void {
    this.#requestId = (this.#requestId + 1) % 2 ** 32;
    this.#stats.request();
    this.#options.publish(pack, "request", encodeRequest({ id: this.#requestId, from }));
    this.#hold.asked(pack);
  }

  async #head(delivery: Delivery, round: Round): Promise<void> {
    const { pack, payload } = delivery;
    if (payload.length > MAX_NOTE_BYTES) throw new Refused("malformed", "head: is too long");
    const note = fromUtf8(payload, "head");
    const checkpoint = soleCheckpoint(note);
    if (checkpoint.origin !== originOf(pack)) {
      throw new Refused("origin", `head: is of the log ${JSON.stringify(checkpoint.origin)}`);
    }
    const state = await this.#open(pack, round);
    if (checkpoint.size > state.log.size) this.#hold.ahead(pack, checkpoint.size);
    else if (checkpoint.size <= state.committed) {
      await requireNoFork(note, checkpoint, this.#contextOf(state));
    }
  }

  /** Evidence is judged when a response needs it; the log's own epoch.begin is what counts. */
  #offer({ pack, payload }: Delivery): void {
    if (payload.length > MAX_EVIDENCE_BYTES) {
      throw new Refused("malformed", `epoch: has ${payload.length} bytes`);
    }
    this.#offered.delete(pack);
    this.#offered.set(pack, payload);
    const [oldest] = this.#offered.keys();
    if (this.#offered.size > MAX_OFFERED && oldest !== undefined) {
      this.#offered.delete(oldest);
    }
  }

  /** What was held has waited long enough: another worker may have stored what it waits for, else the pack is asked. */
  async #expired(pack: PackName): Promise<void> {
    if (this.#packs.isDamaged(pack)) return this.#hold.forget(pack);
    const { store } = this.#options;
    const state = await this.#packs.open(pack);
    if (state.committed < state.log.size) return; // this very round lets it grow
    const stored = await store.pack(pack);
    if (stored !== undefined && !samePosition(stored, state.log.position)) {
      this.#packs.drop(pack);
      this.#stats.grown(pack, stored.size, stored.receipt?.size ?? 0);
      this.#inbox.unshift(...this.#hold.take(pack));
      if (!this.#hold.isBehind(pack, stored.size)) return this.#hold.forget(pack);
      return this.#hold.asked(pack);
    }
    if (!this.#hold.isBehind(pack, state.log.size)) return this.#hold.forget(pack);
    this.#request(pack, state.log.size);
    // The answer to a request begins with what is missing and brings these again.
    for (const delivery of this.#hold.take(pack)) delivery.settle();
  }

  async #refuse(delivery: Delivery, error: unknown, round: Round): Promise<void> {
    const { pack, channel, payload } = delivery;
    if (error instanceof FederationError && error.code === "store-corrupt") {
      this.#stats.refused("store");
      return;
    }
    const refused = refusalOf(error);
    this.#stats.refused(refused.code);
    const fields = { pack, channel, reason: refused.code, error: refused.message };
    if (refused.attested) round.broken.add(pack);
    if (refused instanceof ForkFound) {
      await this.#keepFork(delivery, refused);
      this.#options.logger.error("federation.fork", fields);
    } else if (refused.attested) {
      const { code: reason, message } = refused;
      await this.#options.store.park({ pack, reason, message, payload });
      this.#options.logger.error("federation.parked", fields);
    } else {
      this.#options.logger.debug("federation.refused", fields);
    }
  }

  async #keepFork({ pack, payload }: Delivery, fork: ForkFound): Promise<void> {
    const { store } = this.#options;
    const receipt = (await store.pack(pack))?.receipt?.text ?? "";
    const { contradiction: kind, size } = fork;
    await store.keepFork({ pack, kind, size, payload, receipt });
  }
}
