/**
 * What to publish next to one destination. The log is the outbox: nothing is queued here but sizes, and only
 * a receipt moves the cursor (a broker acknowledges what it then loses).
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
  /** The destination claims more than was ever signed here: a log rolled back, or a lie. */
  | { readonly kind: "alarm"; readonly code: "federation-ahead"; readonly message: string };

export interface SenderOptions {
  /** Start of what this destination has not witnessed: `UplinkCursors.witnessed(name)`. */
  readonly witnessed: number;
  readonly pending: PendingCheckpoints;
  /** Batches without a receipt, at most. Default 8. */
  readonly window?: number;
  /** Milliseconds without progress before sending again. Default 10 s, doubling up to 5 min. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

export interface SenderStatus {
  readonly connected: boolean;
  readonly witnessed: number;
  /** Leaves below this were published since the last (re)start of sending. */
  readonly published: number;
  readonly inFlight: number;
  /** Signed leaves that the destination has not witnessed. */
  readonly behind: number;
}

export class UplinkSender {
  readonly #pending: PendingCheckpoints;
  readonly #window: number;
  readonly #retryMs: number;
  readonly #maxRetryMs: number;
  #connected = false;
  #witnessed: number;
  #next: number;
  /** Ends of the batches sent and not receipted, ascending. */
  #inFlight: number[] = [];
  #wait: number;
  #resendAt: Millis | undefined;

  constructor(options: SenderOptions) {
    this.#pending = options.pending;
    this.#window = options.window ?? 8;
    this.#retryMs = options.retryMs ?? 10_000;
    this.#maxRetryMs = options.maxRetryMs ?? 300_000;
    this.#wait = this.#retryMs;
    this.#witnessed = options.witnessed;
    this.#next = options.witnessed;
  }

  /** When to call `handle({ kind: "tick" })`; undefined while nothing is awaited. */
  get deadline(): Millis | undefined {
    return this.#connected ? this.#resendAt : undefined;
  }

  get status(): SenderStatus {
    return {
      connected: this.#connected,
      witnessed: this.#witnessed,
      published: this.#next,
      inFlight: this.#inFlight.length,
      behind: Math.max(0, (this.#pending.newest?.size ?? 0) - this.#witnessed),
    };
  }

  handle(event: SenderEvent, now: Millis): readonly SenderEffect[] {
    switch (event.kind) {
      case "connected":
        this.#connected = true;
        this.#wait = this.#retryMs;
        this.#rewind(this.#witnessed);
        return [...this.#head(), ...this.#pump(now)];
      case "disconnected":
        this.#connected = false;
        this.#rewind(this.#witnessed);
        return [];
      case "signed":
        return this.#connected ? [...this.#head(), ...this.#pump(now)] : [];
      case "witnessed":
        this.#advance(event.size, now);
        return this.#connected ? this.#pump(now) : [];
      case "request":
        return this.#connected ? this.#answer(event.request, now) : [];
      case "tick":
        return this.#connected ? this.#retry(now) : [];
    }
  }

  #rewind(to: number): void {
    this.#next = to;
    this.#inFlight = [];
    this.#resendAt = undefined;
  }

  #head(): SenderEffect[] {
    const newest = this.#pending.newest;
    return newest === undefined ? [] : [{ kind: "head", note: newest.note }];
  }

  #advance(size: number, now: Millis): void {
    // A repeated receipt too says what the destination has: a request may have led back behind it.
    this.#next = Math.max(this.#next, size);
    this.#inFlight = this.#inFlight.filter((to) => to > size);
    if (this.#inFlight.length === 0) this.#resendAt = undefined;
    if (size <= this.#witnessed) return;
    this.#witnessed = size;
    this.#wait = this.#retryMs;
    if (this.#inFlight.length > 0) this.#resendAt = millis(now + this.#wait);
  }

  #pump(now: Millis): SenderEffect[] {
    const effects: SenderEffect[] = [];
    while (this.#inFlight.length < this.#window) {
      const cut = this.#cut();
      if (cut === undefined) break;
      effects.push({ kind: "batch", from: this.#next, to: cut.size, note: cut.note });
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

  #answer(request: LeafRequest, now: Millis): SenderEffect[] {
    const newest = this.#pending.newest;
    const signed = newest?.size ?? this.#witnessed;
    if (request.from > signed) {
      const message = `asked for leaves from ${request.from}, but only ${signed} were ever signed here`;
      return [{ kind: "alarm", code: "federation-ahead", message }];
    }
    this.#rewind(request.from);
    const batches = this.#pump(now);
    if (batches.length > 0 || newest === undefined || newest.size === request.from) return batches;
    return [{ kind: "response", id: request.id, from: request.from, checkpoint: newest }];
  }

  #retry(now: Millis): SenderEffect[] {
    if (this.#resendAt === undefined || now < this.#resendAt) return [];
    this.#wait = Math.min(2 * this.#wait, this.#maxRetryMs);
    this.#rewind(this.#witnessed);
    return [...this.#head(), ...this.#pump(now)];
  }
}
