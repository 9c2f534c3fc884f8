/**
 * Packs that the store does not know: nothing of theirs can be verified before entry 0 has come, so all that is
 * remembered is a name, and all that a message of theirs causes is one request for the log's beginning. Anyone can fill
 * this with names; whoever is crowded out is asked at once.
 */
import { type Cancel, type Clock, millis } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";

interface Stranger {
  /** ms between requests; doubled by each one that makes no pack known. */
  wait: number;
  /** ms; of the next request, at the earliest. */
  notBefore: number;
  /** Of the request that is due. */
  cancel: Cancel | undefined;
}

const MAX_STRANGERS = 4096;
const MAX_WAIT_MS = 300_000;
const MAX_EVIDENCE = 256;

export class Strangers {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #ask: (pack: PackName) => void;
  readonly #strangers = new Map<PackName, Stranger>();
  readonly #evidence = new Map<PackName, Uint8Array>();

  /** `ask` is called `waitMs` after a stranger was met: its log may begin to come by itself. */
  constructor(clock: Clock, waitMs: number, ask: (pack: PackName) => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#ask = ask;
  }

  /** Something came that needs the log's beginning. */
  met(pack: PackName): void {
    const now = this.#clock.now();
    const stranger = this.#strangers.get(pack) ?? {
      wait: this.#waitMs,
      notBefore: now,
      cancel: undefined,
    };
    if (stranger.cancel !== undefined) return;
    const at = Math.max(now + this.#waitMs, stranger.notBefore);
    stranger.cancel = this.#clock.at(millis(at), () => this.#due(pack, stranger));
    this.#strangers.delete(pack);
    this.#strangers.set(pack, stranger);
    this.#crowdOut();
  }

  /** Evidence that nobody can judge yet, the newest of few: a response is judged by what came just before it. */
  offer(pack: PackName, evidence: Uint8Array): void {
    this.#evidence.delete(pack);
    this.#evidence.set(pack, evidence);
    const [oldest] = this.#evidence.keys();
    if (this.#evidence.size > MAX_EVIDENCE && oldest !== undefined) this.#evidence.delete(oldest);
  }

  offered(pack: PackName): Uint8Array | undefined {
    return this.#evidence.get(pack);
  }

  /** It is a stranger no more: returns the evidence that it offered. */
  forget(pack: PackName): Uint8Array | undefined {
    const evidence = this.#evidence.get(pack);
    this.#evidence.delete(pack);
    this.#strangers.get(pack)?.cancel?.();
    this.#strangers.delete(pack);
    return evidence;
  }

  close(): void {
    for (const { cancel } of this.#strangers.values()) cancel?.();
    this.#strangers.clear();
  }

  #due(pack: PackName, stranger: Stranger): void {
    stranger.cancel = undefined;
    stranger.wait = Math.min(2 * stranger.wait, MAX_WAIT_MS);
    stranger.notBefore = this.#clock.now() + stranger.wait;
    this.#ask(pack);
  }

  #crowdOut(): void {
    if (this.#strangers.size <= MAX_STRANGERS) return;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    const [pack, { cancel }] = oldest;
    this.#strangers.delete(pack);
    if (cancel === undefined) return;
    cancel();
    this.#ask(pack);
  }
}
