/**
 * What to publish next to one destination. The log is the outbox: nothing is queued here but sizes, and only
 * a receipt moves the cursor (a broker acknowledges what it then loses). Whoever can publish requests, and a broker that
 * stops reading, can slow delivery down; what they make a pack hold or send is bounded here.
 */
import { type Millis, millis } from "@wattseal/base";
import {
  MAX_BATCH_LEAF_BYTES,
  MAX_BATCH_LEAVES,
  TARGET_BATCH_BYTES,
  TARGET_BATCH_LEAVES,
} from "./limits.js";
import type { PendingCheckpoint, PendingCheckpoints } from "./pending.js";
import type { LeafRequest } from "./request.js";

export type SenderEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "disconnected" }
  /** A checkpoint has become durable in the pending checkpoints. */
  | { readonly kind: "signed" }
  /** A receipt was accepted; the destination has everything below `size`. */
  | { readonly kind: "witnessed"; readonly size: number }
  | { readonly kind: "request"; readonly request: LeafRequest }
  /** A `head`, `batch` or `response` takes no memory any more: PUBACK came, or it was never sent. Once for each. */
  | { readonly kind: "acknowledged" }
  | { readonly kind: "tick" };

export type SenderEffect =
  /** Publish on `head`, retained. */
  | { readonly kind: "head"; readonly note: string }
  /** Publish leaves [from, to) with `note` on `batch`. */
  | { readonly kind: "batch"; readonly from: number; readonly to: number; readonly note: string }
  /** Publish what `takeResponse` makes of it on `response`. */
  | {
      readonly kind: "response";
      readonly id: number;
      readonly from: number;
      readonly checkpoint: PendingCheckpoint;
    }
  /**
   * federation-ahead: the destination claims more than was ever signed here: a log rolled back, or a lie.
   * receipts-stopped: connected, and no receipt for a minute; once, until one comes.
   */
  | {
      readonly kind: "alarm";
      readonly code: "federation-ahead" | "receipts-stopped";
      readonly message: string;
    };

export interface SenderOptions {
  /** Start of what this destination has not witnessed: `UplinkCursors.witnessed(name)`. */
  readonly witnessed: number;
  readonly pending: PendingCheckpoints;
  /** Batches without a receipt, at most: half as many each time that some were sent for nothing, until receipts come. Default 8. */
  readonly window?: number;
  /** Milliseconds without progress before sending again. Default 10 s, doubling up to 5 min. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
  /** Milliseconds between answers to requests, at least; of those that come meanwhile the last one counts. Default 100. */
  readonly answerMs?: number;
}

export interface SenderStatus {
  readonly connected: boolean;
  readonly witnessed: number;
  /** Leaves below this were published since the last (re)start of sending. */
  readonly published: number;
  readonly inFlight: number;
  /** Signed leaves that the destination has not witnessed. */
  readonly behind: number;
  /** Milliseconds that the destination, connected, has owed a receipt without any progress; 0 where it owes none. */
  readonly lagMs: number;
  /** `lagMs` is above a minute. */
  readonly stalled: boolean;
}

const STALLED_MS = 60_000;

export class UplinkSender {
  readonly #pending: PendingCheckpoints;
  readonly #window: number;
  readonly #retryMs: number;
  readonly #maxRetryMs: number;
  readonly #answerMs: number;
  #connected = false;
  #witnessed: number;
  #next: number;
  /** Of the window, what may be used now: repeats must not bury a link or a federation that is slow already. */
  #open: number;
  /** Ends of the batches sent and not receipted, ascending. */
  #inFlight: number[] = [];
  /** Effects that still take memory below: a broken connection's too, until they are acknowledged. */
  #unacknowledged = 0;
  #headDue = false;
  #wait: number;
  #resendAt: Millis | undefined;
  #asked: LeafRequest | undefined;
  #answerAt = 0;
  /** Where the farthest request of this connection began. */
  #askedUpTo = 0;
  #owedSince: Millis | undefined;
  #isAlarmed = false;

  constructor(options: SenderOptions) {
    this.#pending = options.pending;
    this.#window = options.window ?? 8;
    this.#open = this.#window;
    this.#retryMs = options.retryMs ?? 10_000;
    this.#maxRetryMs = options.maxRetryMs ?? 300_000;
    this.#answerMs = options.answerMs ?? 100;
    this.#wait = this.#retryMs;
    this.#witnessed = options.witnessed;
    this.#next = options.witnessed;
  }

  /** When to call `handle({ kind: "tick" })`; undefined while nothing is awaited. */
  get deadline(): Millis | undefined {
    if (!this.#connected) return undefined;
    const times: number[] = [];
    if (this.#resendAt !== undefined) times.push(this.#resendAt);
    if (this.#asked !== undefined && this.#hasRoom) times.push(this.#answerAt);
    if (this.#owedSince !== undefined && !this.#isAlarmed) {
      times.push(this.#owedSince + STALLED_MS + 1);
    }
    return times.length === 0 ? undefined : millis(Math.min(...times));
  }

  status(now: Millis): SenderStatus {
    const lagMs = this.#lagMs(now);
    return {
      connected: this.#connected,
      witnessed: this.#witnessed,
      published: this.#next,
      inFlight: this.#inFlight.length,
      behind: this.#behind,
      lagMs,
      stalled: lagMs > STALLED_MS,
    };
  }

  handle(event: SenderEvent, now: Millis): readonly SenderEffect[] {
    this.#take(event, now);
    if (!this.#connected) return [];
    if (this.#behind > 0) this.#owedSince ??= now;
    const effects = [...this.#head(), ...this.#answer(now), ...this.#pump(now)];
    return [...effects, ...this.#alarm(now)];
  }

  #take(event: SenderEvent, now: Millis): void {
    switch (event.kind) {
      case "connected":
        this.#connected = true;
        this.#wait = this.#retryMs;
        this.#answerAt = 0;
        this.#askedUpTo = 0;
        this.#restart();
        break;
      case "disconnected":
        this.#connected = false;
        this.#asked = undefined;
        this.#restart();
        this.#progress(undefined);
        break;
      case "signed":
        this.#headDue = true;
        break;
      case "witnessed":
        this.#advance(event.size, now);
        break;
      case "request":
        if (this.#connected) this.#asked = event.request;
        break;
      case "acknowledged":
        this.#unacknowledged = Math.max(0, this.#unacknowledged - 1);
        break;
      case "tick":
        this.#retry(now);
        break;
    }
  }

  get #behind(): number {
    return Math.max(0, (this.#pending.newest?.size ?? 0) - this.#witnessed);
  }

  /** A broker that reads nothing more, or acknowledges nothing, gets this much and no more. */
  get #hasRoom(): boolean {
    return this.#unacknowledged < 2 * this.#window;
  }

  #lagMs(now: Millis): number {
    return this.#owedSince === undefined ? 0 : Math.max(0, now - this.#owedSince);
  }

  #progress(since: Millis | undefined): void {
    this.#owedSince = since;
    this.#isAlarmed = false;
  }

  #restart(): void {
    this.#headDue = true;
    if (this.#inFlight.length > 0) this.#open = Math.max(1, Math.floor(this.#open / 2));
    this.#rewind(this.#witnessed);
  }

  #rewind(to: number): void {
    this.#next = to;
    this.#inFlight = [];
    this.#resendAt = undefined;
  }

  #head(): SenderEffect[] {
    const newest = this.#pending.newest;
    if (!this.#headDue || newest === undefined || !this.#hasRoom) return [];
    this.#headDue = false;
    this.#unacknowledged += 1;
    return [{ kind: "head", note: newest.note }];
  }

  #advance(size: number, now: Millis): void {
    // A repeated receipt too says what the destination has: a request may have led back behind it.
    this.#next = Math.max(this.#next, size);
    this.#inFlight = this.#inFlight.filter((to) => to > size);
    if (this.#inFlight.length === 0) this.#resendAt = undefined;
    if (size <= this.#witnessed) return;
    this.#witnessed = size;
    this.#open = Math.min(2 * this.#open, this.#window);
    this.#wait = this.#retryMs;
    this.#progress(undefined);
    if (this.#inFlight.length > 0) this.#resendAt = millis(now + this.#wait);
  }

  #pump(now: Millis): SenderEffect[] {
    const effects: SenderEffect[] = [];
    while (this.#inFlight.length < this.#open && this.#hasRoom) {
      const cut = this.#cut();
      if (cut === undefined) break;
      effects.push({ kind: "batch", from: this.#next, to: cut.size, note: cut.note });
      this.#unacknowledged += 1;
      this.#next = cut.size;
      this.#inFlight.push(cut.size);
      this.#resendAt ??= millis(now + this.#wait);
    }
    return effects;
  }

  /** The farthest checkpoint within a batch's target, or else the nearest within its bounds. */
  #cut(): PendingCheckpoint | undefined {
    if (this.#next < this.#pending.base) return undefined;
    let chosen: PendingCheckpoint | undefined;
    let bytes = 0;
    for (const checkpoint of this.#pending.list) {
      if (checkpoint.size <= this.#next) continue;
      bytes += checkpoint.bytes;
      const leaves = checkpoint.size - this.#next;
      if (leaves > TARGET_BATCH_LEAVES || bytes > TARGET_BATCH_BYTES) {
        if (chosen !== undefined) break;
        return leaves <= MAX_BATCH_LEAVES && bytes <= MAX_BATCH_LEAF_BYTES ? checkpoint : undefined;
      }
      chosen = checkpoint;
    }
    return chosen;
  }

  #answer(now: Millis): SenderEffect[] {
    const request = this.#asked;
    if (request === undefined || now < this.#answerAt || !this.#hasRoom) return [];
    this.#asked = undefined;
    this.#answerAt = now + this.#answerMs;
    const newest = this.#pending.newest;
    const signed = newest?.size ?? this.#witnessed;
    if (request.from > signed) {
      const message = `asked for leaves from ${request.from}, but only ${signed} were ever signed here`;
      return [{ kind: "alarm", code: "federation-ahead", message }];
    }
    if (request.from > this.#askedUpTo) {
      // Whoever asks for more has taken what came before: a log fetched in parts gets one receipt, at its end.
      this.#askedUpTo = request.from;
      if (this.#owedSince !== undefined) this.#progress(now);
    }
    this.#rewind(request.from);
    const batches = this.#pump(now);
    if (batches.length > 0 || newest === undefined || newest.size === request.from) return batches;
    this.#unacknowledged += 1;
    return [{ kind: "response", id: request.id, from: request.from, checkpoint: newest }];
  }

  #retry(now: Millis): void {
    if (this.#resendAt === undefined || now < this.#resendAt) return;
    this.#wait = Math.min(2 * this.#wait, this.#maxRetryMs);
    this.#restart();
  }

  #alarm(now: Millis): SenderEffect[] {
    const lag = this.#lagMs(now);
    if (lag <= STALLED_MS || this.#isAlarmed) return [];
    this.#isAlarmed = true;
    const message = `no receipt for ${Math.floor(lag / 1000)} s: ${this.#witnessed} leaves are witnessed, ${this.#behind} are not`;
    return [{ kind: "alarm", code: "receipts-stopped", message }];
  }
}
