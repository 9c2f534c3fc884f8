import { InvariantViolation, messageOf, millis, sha256 } from "@wattseal/base";
import { type Entry, encodeEntry, LedgerError, type LedgerFold } from "@wattseal/energy-ledger";
import { LctKeysError, type Signer } from "@wattseal/lct-keys";
import type { EpochChain, OcmfDay } from "@wattseal/lct-keys/verify";
import { LogStore, nodeFiles } from "@wattseal/tlog/store";
import type { AcceptedReceipt, OwnLog } from "@wattseal/uplink";
import type { LogReplay } from "@wattseal/verifier";
import { GatewayError } from "../errors.js";
import { isAway } from "./away.js";
import { Checkpointer } from "./checkpointer.js";
import type { BeginOptions, Draft, EnergyLogOptions } from "./energy-log-options.js";
import { Entered } from "./entered.js";
import { receiptDocument } from "./receipts.js";
import { replayStored } from "./replay-stored.js";
import { enterRestored } from "./restored.js";
import { SnapshotFiles } from "./snapshots.js";

/** After `prepare`: who signs, if anybody does, and what is signed. */
interface Running {
  signer: Signer | undefined;
  readonly checkpointer: Checkpointer;
}

/** An epoch may last 31 days; the next one begins a day before. */
const RENEWAL_AHEAD_MS = 24 * 3600 * 1000;

/**
 * The pack's one log. Every entry passes the fold before it is written, is durable before its promise
 * resolves, and is covered by a checkpoint soon after. Opening replays the log, from the last snapshot that holds
 * or else from entry 0.
 */
export class EnergyLog {
  readonly store: LogStore;
  /** Pairings and statements that the log holds. */
  readonly entered: Entered;
  readonly #options: EnergyLogOptions;
  readonly #replay: LogReplay;
  readonly #snapshots: SnapshotFiles;
  #running: Running | undefined;
  #epochEvidence: Uint8Array | undefined;
  #stopped: GatewayError | undefined;
  #onStopped: (() => void) | undefined;
  #snapshotting: Promise<void> = Promise.resolve();

  private constructor(options: EnergyLogOptions, store: LogStore) {
    this.#options = options;
    this.store = store;
    this.#snapshots = new SnapshotFiles(store, options.logger);
    this.#replay = replayStored(store, this.#snapshots, options);
    this.entered = new Entered(this.#replay.fold);
  }

  /** Opens and replays. Throws what the store, the fold or the epoch chain found, naming the entry. */
  static async open(options: EnergyLogOptions): Promise<EnergyLog> {
    const { directory, files } = options;
    const store = await LogStore.open({ directory }, files ?? nodeFiles(directory));
    const { cut } = store.opened;
    if (cut !== undefined) options.logger.warn("ledger.torn-record-cut", { bytes: cut.bytes });
    try {
      const log = new EnergyLog(options, store);
      const unsigned = store.durableSize - (store.head?.checkpoint.size ?? 0);
      if (unsigned > 0) options.logger.warn("ledger.unsigned-tail", { entries: unsigned });
      return log;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get fold(): LedgerFold {
    return this.#replay.fold;
  }

  /** The log as receipts and pending checkpoints are held against it. */
  get own(): OwnLog {
    const { store } = this;
    return {
      get size() {
        return store.durableSize;
      },
      root: (size) => store.root(size),
      keyAt: (size) => this.#replay.keyAt(size),
    };
  }

  /** Undefined before entry 0. */
  get chain(): EpochChain | undefined {
    return this.#replay.chain;
  }

  /** Checkpoints signed since the start. */
  get checkpoints(): number {
    return this.#running?.checkpointer.signed ?? 0;
  }

  /** Why the log accepts nothing any more, if so. */
  get stopped(): GatewayError | undefined {
    return this.#stopped;
  }

  /** Of the epoch that this run began last; undefined before the first. */
  get epochEvidence(): Uint8Array | undefined {
    return this.#epochEvidence;
  }

  /** Somebody signs. */
  get signing(): boolean {
    return this.#running?.signer !== undefined;
  }

  /** The rules let entries follow: an epoch began, and has neither ended nor expired. Whose run it was is all the same. */
  get accepting(): boolean {
    const { fold } = this;
    return fold.epoch !== undefined && !fold.epochEnded && !this.epochExpired;
  }

  /** Version of the software whose epoch signs the tree of the first `size` entries. */
  softwareVersionAt(size: number): string {
    return this.#replay.chain?.at(size)?.softwareVersion ?? "";
  }

  /** The signer's `ocmf`. */
  async ocmf(day: OcmfDay): Promise<string> {
    const { signer } = this.#begun();
    if (signer === undefined) throw new LctKeysError("signer-closed", "no epoch has begun");
    return signer.ocmf(day);
  }

  /** Under every key of the witness that cosigned it: each of them may be the one that stays pinned. */
  async writeReceipt(name: string, { text, publicKeys }: AcceptedReceipt): Promise<void> {
    for (const publicKey of publicKeys) {
      await this.store.writeDocument(receiptDocument(name, publicKey), text);
    }
  }

  /**
   * Entry 0 in a new log. Where the last run's epoch has neither ended nor expired (a crash, a signer that was away),
   * entries can be appended from here on: what follows an epoch.begin belongs to it, whoever signs it.
   */
  async prepare({ pending, onSigned, onStopped, onAway }: BeginOptions): Promise<void> {
    const { store } = this;
    const { logger, document } = this.#options;
    this.#onStopped = onStopped;
    if (store.size === 0) {
      await this.#write([{ type: "lct.document", body: { sign1: document.bytes } }]);
    }
    const failed = (error: unknown) => void this.#stop("a checkpoint could not be signed", error);
    const checkpointer = new Checkpointer({
      store,
      pending,
      clock: this.#options.steady ?? this.#options.clock,
      logger,
      onSigned,
      onAway: (error) => {
        if (this.#running !== undefined) this.#running.signer = undefined;
        (onAway ?? failed)(error);
      },
      onFailed: failed,
    });
    this.#running = { signer: undefined, checkpointer };
  }

  /** `prepare` and `beginEpoch`. */
  async begin(options: BeginOptions & { readonly receipt: string | undefined }): Promise<void> {
    await this.prepare(options);
    await this.beginEpoch(options.receipt);
  }

  /**
   * Begins the next epoch; what has no checkpoint yet goes under its first. `receipt` is the furthest-reaching one at
   * hand. The caller appends nothing meanwhile. Throws what the signer refuses with: nothing has happened then.
   */
  async beginEpoch(receipt: string | undefined): Promise<void> {
    const running = this.#begun();
    const signer = await this.#openSigner(receipt);
    const evidence = signer.epochEvidence;
    running.signer = signer;
    running.checkpointer.use(signer);
    try {
      await this.append({ type: "epoch.begin", body: { evidence } });
    } catch (error) {
      throw this.#stop("the epoch could not be begun", error);
    }
    this.#epochEvidence = evidence;
    await enterRestored(this);
  }

  /** The present epoch has been running for so long that the next one should begin. */
  get epochDue(): boolean {
    const expiresAt = this.fold.epoch?.expiresAt;
    return expiresAt !== undefined && this.#options.clock.now() > expiresAt - RENEWAL_AHEAD_MS;
  }

  /** Nothing more can be entered under the present epoch: the clock was set past its end. */
  get epochExpired(): boolean {
    const expiresAt = this.fold.epoch?.expiresAt;
    return expiresAt !== undefined && this.#options.clock.now() > expiresAt;
  }

  /**
   * Ends the present epoch, signs it to its last entry and begins the next one. The caller appends nothing
   * meanwhile. An epoch that has expired ends without a last word: what it left unsigned, the next one signs.
   * Where the next signer is away (isAway), nothing can be appended until `beginEpoch` brings one.
   */
  async renewEpoch(receipt: string | undefined): Promise<void> {
    const running = this.#begun();
    try {
      if (this.epochExpired) await running.checkpointer.abandon();
      else await this.endEpoch("renewal");
      await running.checkpointer.abandon();
      await running.signer?.close();
      running.signer = undefined;
      await this.beginEpoch(receipt);
    } catch (error) {
      if (isAway(error) && this.#stopped === undefined) throw error;
      // After epoch.end nothing but epoch.begin may follow, and nobody is there to begin it.
      throw this.#stop("the next epoch could not be begun", error);
    }
  }

  /**
   * Appends in this order; the fold has them when this returns, the disk when the promise resolves (with the
   * first one's index). Throws LedgerError for an entry that the rules refuse, GatewayError `ledger-stopped`.
   */
  append(...drafts: readonly Draft[]): Promise<number> {
    const { checkpointer } = this.#begun();
    const durable = this.#write(drafts, (entry) => checkpointer.accepted(entry));
    return durable.then((first) => {
      for (let index = first; index < first + drafts.length; index += 1) {
        this.#options.onDurable?.(index, this.store.leafHash(index));
      }
      checkpointer.durable();
      return first;
    });
  }

  /** Resolves when everything due to be signed is, or the log has stopped. */
  async settled(): Promise<void> {
    await this.#running?.checkpointer.settled();
  }

  /** Signs everything appended so far. */
  async flush(): Promise<void> {
    await this.#running?.checkpointer.flush();
  }

  /**
   * Where at least `after` entries have followed the last snapshot: enters the next, and keeps the state that it
   * vouches for beside the log. A state that cannot be kept is logged; the next start then replays more.
   */
  snapshot(after: number): Promise<void> {
    const { size, lastSnapshot } = this.fold;
    if (size - lastSnapshot >= after && this.#stopped === undefined && this.accepting) {
      this.#snapshotting = this.#takeSnapshot();
    }
    return this.#snapshotting;
  }

  async #takeSnapshot(): Promise<void> {
    try {
      const bytes = this.#replay.snapshot();
      const digest = sha256(bytes);
      const index = await this.append({ type: "ops.snapshot", body: { digest } });
      await this.#snapshots.keep(index, bytes);
      this.#options.logger.info("ledger.snapshot", { entry: index, bytes: bytes.length });
    } catch (error) {
      this.#options.logger.warn("ledger.snapshot-failed", { error: messageOf(error) });
    }
  }

  /**
   * The epoch's last entry, signed. Only a next epoch follows it. Nothing where the next start might have to wait for one,
   * because nobody signs what came before it, or because the anchor's next start is not paid for: the epoch is left open,
   * so that the next run enters under it meanwhile.
   */
  async endEpoch(reason: "shutdown" | "renewal"): Promise<void> {
    const epoch = this.fold.epoch?.epoch;
    if (epoch === undefined || this.#stopped !== undefined) return;
    await this.flush();
    if (!this.signing) return;
    if (reason === "shutdown" && !(await this.#nextStartPaid(epoch))) return;
    await this.append({ type: "epoch.end", body: { epoch, reason } });
    await this.flush();
  }

  /** Not where the signer cannot say: an epoch that is left open costs nothing. */
  async #nextStartPaid(epoch: number): Promise<boolean> {
    const { logger } = this.#options;
    try {
      const nextStartMs = (await this.#running?.signer?.nextStartMs()) ?? 0;
      if (nextStartMs > 0) logger.info("epoch.left-open", { epoch, nextStartMs });
      return nextStartMs === 0;
    } catch (error) {
      logger.warn("epoch.left-open", { epoch, error: messageOf(error) });
      return false;
    }
  }

  /** Forgets the epoch key and closes the files. */
  async close(): Promise<void> {
    this.#running?.checkpointer.stop();
    await this.#running?.signer?.close();
    this.#running = undefined;
    await this.#snapshotting;
    await this.store.close();
  }

  #openSigner(receipt: string | undefined): Promise<Signer> {
    const { store } = this;
    return this.#options.openSigner({
      size: store.durableSize,
      root: store.root(store.durableSize),
      lastCounter: this.#replay.chain?.lastCounter ?? 0,
      bootVersion: this.#replay.chain?.bootVersion ?? 0,
      consistencyProof: (from, to) => store.consistencyProof(from, to),
      head: store.head?.note,
      receipt,
    });
  }

  async #write(drafts: readonly Draft[], accepted?: (entry: Uint8Array) => void): Promise<number> {
    if (this.#stopped !== undefined) throw this.#stopped;
    const { encoded, refusal } = this.#fold(drafts);
    let first = this.store.size;
    if (encoded.length > 0) {
      for (const bytes of encoded) accepted?.(bytes);
      try {
        first = (await this.store.append(encoded)).first;
      } catch (error) {
        throw this.#stop("entries could not be written", error);
      }
    }
    if (refusal !== undefined) throw refusal.error;
    return first;
  }

  /** Up to the first refusal: what the fold has taken must reach the disk. */
  #fold(drafts: readonly Draft[]) {
    const encoded: Uint8Array[] = [];
    const now = this.#options.clock.now();
    try {
      for (const draft of drafts) {
        const timeMs = millis(Math.max(draft.timeMs ?? now, this.fold.time));
        const entry: Entry = { ...draft, timeMs };
        const bytes = encodeEntry(entry);
        this.#replay.append(bytes);
        encoded.push(bytes);
      }
      return { encoded };
    } catch (error) {
      return { encoded, refusal: { error: this.#refusal(error) } };
    }
  }

  /** An entry that the rules refuse changes nothing; books that do not balance are of no further use. */
  #refusal(error: unknown): unknown {
    const broken =
      error instanceof InvariantViolation ||
      (error instanceof Error && error.cause instanceof InvariantViolation);
    if (broken) return this.#stop("the books do not balance", error);
    return error instanceof Error && error.cause instanceof LedgerError ? error.cause : error;
  }

  /** The fold has entries that the disk may not have: only a restart, which replays the disk, brings them together. */
  #stop(what: string, cause: unknown): GatewayError {
    if (this.#stopped !== undefined) return this.#stopped;
    this.#stopped = new GatewayError(
      "ledger-stopped",
      "hardware",
      `The ledger stopped: ${what} (${messageOf(cause)}). Nothing further is recorded until the gateway is restarted.`,
      { cause },
    );
    this.#options.logger.error("ledger.stopped", { reason: what, error: messageOf(cause) });
    this.#onStopped?.();
    return this.#stopped;
  }

  #begun(): Running {
    if (this.#running === undefined) {
      throw new GatewayError("ledger-stopped", "usage", "The log has not begun an epoch.");
    }
    return this.#running;
  }
}
