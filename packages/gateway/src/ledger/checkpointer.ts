import {
  type Cancel,
  type Clock,
  InvariantViolation,
  type Logger,
  messageOf,
  millis,
  WattsealError,
} from "@wattseal/base";
import { LctKeysError, type Signer, type SignRequest } from "@wattseal/lct-keys";
import type { LogStore } from "@wattseal/tlog/store";
import {
  leafBytes,
  type PendingCheckpoints,
  TARGET_BATCH_BYTES,
  TARGET_BATCH_LEAVES,
} from "@wattseal/uplink";
import { isAway, retryAfter } from "./away.js";

/** A checkpoint is due when its entries fill a batch, or this long after the first of them. */
const DUE = { entries: TARGET_BATCH_LEAVES, bytes: TARGET_BATCH_BYTES, ms: 10_000 } as const;

export interface CheckpointerOptions {
  readonly store: LogStore;
  readonly pending: PendingCheckpoints;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The checkpoint of this size is durable and may be published. */
  readonly onSigned: (size: number) => void;
  /** The signer is away: what is due waits for the next one. */
  readonly onAway: (error: WattsealError) => void;
  /** Signing failed for good: the log must stop. */
  readonly onFailed: (error: unknown) => void;
}

interface Due {
  readonly size: number;
  /** Bytes of the entries since the due size before. */
  readonly bytes: number;
}

/** Checkpoints that one durable write of the signer, the pending ones and the head may cover. */
const AT_ONCE = 64;

/**
 * Decides at which sizes the log is signed, and signs them in their order once their entries are durable,
 * those that are due together at once. Order of a checkpoint: entries durable → signed (the signer's own state durable first) → kept as pending →
 * the log's head → published. A kill at any point leaves entries that the next checkpoint covers.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  /** Undefined while nobody signs: entries are counted, and nothing is due. */
  #signer: Signer | undefined;
  #due: Due[] = [];
  #accepted: number;
  #lastDue: number;
  #bytes = 0;
  #timer: Cancel | undefined;
  #working: Promise<void> = Promise.resolve();
  #signed = 0;

  /** Nothing is signed before `use`. */
  constructor(options: CheckpointerOptions) {
    const { store } = options;
    this.#options = options;
    this.#accepted = store.size;
    this.#lastDue = this.#headSize;
    this.#bytes = leafBytes(store.entries(this.#lastDue, store.durableSize));
  }

  get #headSize(): number {
    return this.#options.store.head?.checkpoint.size ?? 0;
  }

  /** Checkpoints signed by this process. */
  get signed(): number {
    return this.#signed;
  }

  /** From now on `signer` signs, of a new epoch: what the last one left unsigned goes under its first checkpoint. */
  use(signer: Signer): void {
    this.#signer = signer;
    for (const { bytes } of this.#due) this.#bytes += bytes;
    this.#due = [];
    this.#lastDue = this.#headSize;
  }

  /** One entry has been accepted (not yet durable). */
  accepted(entry: Uint8Array): void {
    this.#accepted += 1;
    this.#bytes += leafBytes([entry]);
    if (this.#signer === undefined) return;
    if (this.#accepted - this.#lastDue >= DUE.entries || this.#bytes >= DUE.bytes) this.#cut();
    else
      this.#timer ??= this.#options.clock.at(millis(this.#options.clock.now() + DUE.ms), () =>
        this.#onTime(),
      );
  }

  /** Entries up to the store's durable size may be signed. */
  durable(): void {
    this.#working = this.#working.then(() => this.#signDue());
  }

  /** Signs everything accepted; resolves when that is done. The caller has awaited its appends. */
  async flush(): Promise<void> {
    this.#cut();
    this.durable();
    await this.#working;
  }

  /** Signs no more under this signer: what is due waits for the next one's first checkpoint. */
  async abandon(): Promise<void> {
    this.#leave();
    await this.#working;
  }

  #leave(): void {
    this.#signer = undefined;
    this.#timer?.();
    this.#timer = undefined;
  }

  async settled(): Promise<void> {
    await this.#working;
  }

  stop(): void {
    this.#timer?.();
  }

  #onTime(): void {
    this.#timer = undefined;
    this.#cut();
    this.durable();
  }

  #cut(): void {
    this.#timer?.();
    this.#timer = undefined;
    if (this.#signer === undefined || this.#accepted === this.#lastDue) return;
    this.#due.push({ size: this.#accepted, bytes: this.#bytes });
    this.#lastDue = this.#accepted;
    this.#bytes = 0;
  }

  async #signDue(): Promise<void> {
    for (;;) {
      const signer = this.#signer;
      if (signer === undefined) return;
      const { durableSize } = this.#options.store;
      const ready = this.#due.filter(({ size }) => size <= durableSize).slice(0, AT_ONCE);
      if (ready.length === 0) return;
      this.#due = this.#due.slice(ready.length);
      try {
        const notNow = await this.#sign(signer, ready);
        if (notNow !== undefined) {
          this.#due = [...ready, ...this.#due];
          this.#putOff(notNow);
          return;
        }
      } catch (error) {
        this.#due = [];
        this.#options.logger.error("ledger.sign-failed", {
          size: ready.at(-1)?.size,
          error: messageOf(error),
        });
        this.#options.onFailed(error);
        return;
      }
    }
  }

  /** The clock was set past the epoch's end while this was under way, or the signer is away: a next epoch signs it. */
  #putOff(reason: WattsealError): void {
    const { clock, onAway } = this.#options;
    const ms = reason.code === "rate-limited" ? retryAfter(reason) : undefined;
    if (ms !== undefined) {
      this.#timer?.();
      this.#timer = clock.at(millis(clock.now() + ms), () => this.#onTime());
    } else if (reason.code !== "epoch-expired") {
      this.#leave();
      onAway(reason);
    }
  }

  async #sign(signer: Signer, due: readonly Due[]): Promise<WattsealError | undefined> {
    const { store, pending, onSigned } = this.#options;
    let from = signer.lastSigned.size;
    const requests = due.map(({ size }) => {
      const consistency = store.consistencyProof(from, size);
      from = size;
      return { size, root: store.root(size), consistency };
    });
    const notes = await signedBy(signer, requests);
    if (notes instanceof WattsealError) return notes;
    const heads = due.flatMap((each, i) => {
      const note = notes[i];
      return note === undefined ? [] : [{ ...each, note }];
    });
    const newest = heads.at(-1);
    if (newest === undefined || heads.length < due.length) {
      throw new InvariantViolation(`${notes.length} notes for ${due.length} heads`);
    }
    await pending.add(...heads);
    await store.writeHead(newest.note);
    this.#signed += heads.length;
    onSigned(newest.size);
    return undefined;
  }
}

/** The notes; or why nothing was signed, where a later request or a later epoch brings it. */
async function signedBy(
  signer: Signer,
  requests: readonly SignRequest[],
): Promise<readonly string[] | WattsealError> {
  try {
    return await signer.sign(...requests);
  } catch (error) {
    if (isAway(error) || (error instanceof LctKeysError && error.code === "epoch-expired")) {
      return error;
    }
    throw error;
  }
}
