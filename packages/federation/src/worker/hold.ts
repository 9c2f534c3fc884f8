/**
 * Batches that came before their predecessors, and packs whose head says that leaves are missing: both are waited for,
 * then asked for. Only what a stored pack's key has signed gets here, and only for a time; the messages are acknowledged,
 * so to drop one costs a request.
 */
import { type Cancel, type Clock, millis } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { Delivery } from "./ports.js";

export interface HeldDelivery {
  readonly delivery: Delivery;
  /** First leaf in it. */
  readonly from: number;
  /** Of its checkpoint. */
  readonly size: number;
}

interface Watch {
  held: HeldDelivery[];
  /** ms: when what is held is dropped. */
  holdUntil: number;
  /** ms: when to see whether another worker has stored what is missing, and how long to the time after. */
  lookAt: number;
  lookMs: number;
  /** Of the newest checkpoint that was seen. */
  headSize: number;
  /** ms between requests. */
  wait: number;
  /** ms: of the next request. */
  askAt: number;
  /** ms: without a newer checkpoint it is given up; the pack's next head begins again. */
  until: number;
  cancel: Cancel | undefined;
}

/** What is to be done about a pack whose time has come. */
export type Due = "wait" | "ask" | "give-up";

const FIRST_LOOK_MS = 50;
const MAX_HELD = 16;
const MAX_HELD_BYTES = 1_048_576;
const MAX_HELD_BYTES_OF_ALL = 33_554_432;
const MAX_WAIT_MS = 300_000;
const WATCH_MS = 3_600_000;

export class HoldArea {
  readonly #clock: Clock;
  readonly #holdMs: number;
  readonly #expired: (pack: PackName) => void;
  readonly #watches = new Map<PackName, Watch>();
  #bytes = 0;

  /** `expired`: call `due`. */
  constructor(clock: Clock, holdMs: number, expired: (pack: PackName) => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#expired = expired;
  }

  get count(): { readonly messages: number; readonly bytes: number } {
    let messages = 0;
    for (const { held } of this.#watches.values()) messages += held.length;
    return { messages, bytes: this.#bytes };
  }

  /** False when there is no room: the message is dropped, and asked for later. */
  hold(held: HeldDelivery): boolean {
    const { pack, payload } = held.delivery;
    const watch = this.#watch(pack, held.size);
    const hasRoom =
      watch.held.length < MAX_HELD &&
      bytesOf(watch.held) + payload.length <= MAX_HELD_BYTES &&
      this.#bytes + payload.length <= MAX_HELD_BYTES_OF_ALL;
    if (hasRoom) {
      if (watch.held.length === 0) {
        watch.holdUntil = this.#clock.now() + this.#holdMs;
        this.#look(watch, FIRST_LOOK_MS);
      }
      watch.held.push(held);
      this.#bytes += payload.length;
    }
    this.#arm(pack, watch);
    return hasRoom;
  }

  /** The pack has signed `size` leaves, more than are stored. */
  ahead(pack: PackName, size: number): void {
    this.#arm(pack, this.#watch(pack, size));
  }

  /** The stored log has grown to `size`: returns what may follow now, in order. */
  grown(pack: PackName, size: number): readonly Delivery[] {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return [];
    const ready = watch.held.filter(({ from }) => from <= size).sort((a, b) => a.from - b.from);
    this.#keep(
      watch,
      watch.held.filter(({ from }) => from > size),
    );
    if (watch.headSize <= size) this.forget(pack);
    else {
      this.#look(watch, FIRST_LOOK_MS);
      watch.wait = this.#holdMs;
      watch.askAt = this.#clock.now() + this.#holdMs;
      this.#arm(pack, watch);
    }
    return ready.map(({ delivery }) => delivery);
  }

  /** A request was sent; another is due when it brings nothing. */
  asked(pack: PackName): void {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return;
    watch.wait = Math.min(2 * watch.wait, MAX_WAIT_MS);
    watch.askAt = this.#clock.now() + watch.wait;
    this.#arm(pack, watch);
  }

  /** Drops what was held for long enough, and gives up a pack that has signed nothing new for an hour. */
  due(pack: PackName): Due {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return "give-up";
    const now = this.#clock.now();
    if (now >= watch.holdUntil) this.#keep(watch, []);
    if (now >= watch.lookAt) this.#look(watch, 2 * watch.lookMs);
    if (now >= watch.until) {
      this.forget(pack);
      return "give-up";
    }
    if (now >= watch.askAt) return "ask";
    this.#arm(pack, watch);
    return "wait";
  }

  /** Tries again in a moment: what the pack lacks is about to be committed. */
  postpone(pack: PackName): void {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return;
    watch.askAt = Math.max(watch.askAt, this.#clock.now() + this.#holdMs);
    watch.holdUntil = Math.max(watch.holdUntil, this.#clock.now() + this.#holdMs);
    this.#look(watch, watch.lookMs);
    this.#arm(pack, watch);
  }

  isBehind(pack: PackName, size: number): boolean {
    return (this.#watches.get(pack)?.headSize ?? 0) > size;
  }

  /** Of the newest checkpoint that was seen of a pack that is behind. */
  signed(pack: PackName): number | undefined {
    return this.#watches.get(pack)?.headSize;
  }

  get behind(): ReadonlyMap<PackName, number> {
    return new Map([...this.#watches].map(([pack, { headSize }]) => [pack, headSize]));
  }

  forget(pack: PackName): void {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return;
    this.#keep(watch, []);
    watch.cancel?.();
    this.#watches.delete(pack);
  }

  close(): void {
    for (const pack of [...this.#watches.keys()]) this.forget(pack);
  }

  #watch(pack: PackName, size: number): Watch {
    const now = this.#clock.now();
    const watch = this.#watches.get(pack) ?? {
      held: [],
      holdUntil: 0,
      lookAt: 0,
      lookMs: FIRST_LOOK_MS,
      headSize: 0,
      wait: this.#holdMs,
      askAt: now + this.#holdMs,
      until: now + WATCH_MS,
      cancel: undefined,
    };
    if (size > watch.headSize) {
      watch.headSize = size;
      watch.until = now + WATCH_MS;
    }
    this.#watches.set(pack, watch);
    return watch;
  }

  #keep(watch: Watch, held: HeldDelivery[]): void {
    this.#bytes += bytesOf(held) - bytesOf(watch.held);
    watch.held = held;
  }

  #look(watch: Watch, ms: number): void {
    watch.lookMs = ms;
    watch.lookAt = this.#clock.now() + ms;
  }

  #arm(pack: PackName, watch: Watch): void {
    watch.cancel?.();
    const isHolding = watch.held.length > 0;
    const holding = isHolding ? Math.min(watch.holdUntil, watch.lookAt) : Number.POSITIVE_INFINITY;
    const at = Math.min(holding, watch.askAt, watch.until);
    watch.cancel = this.#clock.at(millis(at), () => {
      watch.cancel = undefined;
      this.#expired(pack);
    });
  }
}

function bytesOf(held: readonly HeldDelivery[]): number {
  return held.reduce((sum, { delivery }) => sum + delivery.payload.length, 0);
}
