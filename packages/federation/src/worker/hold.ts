/** Messages that came before their predecessors, and packs whose head says that leaves are missing: both are waited for, then asked for. */
import { type Cancel, type Clock, type Millis, millis } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { Delivery } from "./ports.js";

export interface HeldDelivery {
  readonly delivery: Delivery;
  /** First leaf in it. */
  readonly from: number;
}

interface Watch {
  held: HeldDelivery[];
  bytes: number;
  /** Of the newest head; 0 when none is ahead. */
  headSize: number;
  /** ms to wait before the next request. */
  wait: number;
  cancel: Cancel | undefined;
}

const MAX_HELD = 16;
const MAX_HELD_BYTES = 1_048_576;
/** Heads of packs that are unknown are remembered for this many. */
const MAX_WATCHED = 4096;
const MAX_WAIT_MS = 300_000;

export class HoldArea {
  readonly #clock: Clock;
  readonly #holdMs: number;
  readonly #expired: (pack: PackName) => void;
  readonly #watches = new Map<PackName, Watch>();

  /** `expired`: `holdMs` have passed since the pack fell behind, or a request brought nothing. */
  constructor(clock: Clock, holdMs: number, expired: (pack: PackName) => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#expired = expired;
  }

  /** False when there is no room: the message has to be dropped. */
  hold(held: HeldDelivery): boolean {
    const watch = this.#watch(held.delivery.pack);
    const bytes = held.delivery.payload.length;
    if (watch === undefined || watch.held.length >= MAX_HELD) return false;
    if (watch.bytes + bytes > MAX_HELD_BYTES) return false;
    watch.held.push(held);
    watch.bytes += bytes;
    this.#arm(held.delivery.pack, watch, this.#holdMs);
    return true;
  }

  /** The pack has signed `size` leaves. */
  ahead(pack: PackName, size: number): void {
    const watch = this.#watch(pack);
    if (watch === undefined) return;
    watch.headSize = Math.max(watch.headSize, size);
    this.#arm(pack, watch, this.#holdMs);
  }

  /** The stored log has grown to `size`: returns what may follow now, in order. */
  grown(pack: PackName, size: number): readonly Delivery[] {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return [];
    watch.wait = this.#holdMs;
    const ready = watch.held.filter(({ from }) => from <= size).sort((a, b) => a.from - b.from);
    watch.held = watch.held.filter(({ from }) => from > size);
    watch.bytes = watch.held.reduce((sum, { delivery }) => sum + delivery.payload.length, 0);
    watch.cancel?.();
    watch.cancel = undefined;
    if (watch.held.length === 0 && watch.headSize <= size) this.#watches.delete(pack);
    else this.#arm(pack, watch, this.#holdMs);
    return ready.map(({ delivery }) => delivery);
  }

  /** Empties a pack's held messages, for another try or to drop them. */
  take(pack: PackName): readonly Delivery[] {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return [];
    const taken = watch.held.map(({ delivery }) => delivery);
    watch.held = [];
    watch.bytes = 0;
    return taken;
  }

  /** A request was sent; another is due when it brings nothing. */
  asked(pack: PackName): void {
    const watch = this.#watches.get(pack);
    if (watch === undefined) return;
    watch.wait = Math.min(2 * watch.wait, MAX_WAIT_MS);
    this.#arm(pack, watch, watch.wait);
  }

  isBehind(pack: PackName, size: number): boolean {
    const watch = this.#watches.get(pack);
    return watch !== undefined && (watch.held.length > 0 || watch.headSize > size);
  }

  forget(pack: PackName): void {
    this.#watches.get(pack)?.cancel?.();
    this.#watches.delete(pack);
  }

  /** Returns all that is held. */
  close(): readonly Delivery[] {
    const all = [...this.#watches.keys()].flatMap((pack) => this.take(pack));
    for (const pack of [...this.#watches.keys()]) this.forget(pack);
    return all;
  }

  #watch(pack: PackName): Watch | undefined {
    const known = this.#watches.get(pack);
    if (known !== undefined) return known;
    if (this.#watches.size >= MAX_WATCHED) return undefined;
    const watch = { held: [], bytes: 0, headSize: 0, wait: this.#holdMs, cancel: undefined };
    this.#watches.set(pack, watch);
    return watch;
  }

  #arm(pack: PackName, watch: Watch, ms: number): void {
    if (watch.cancel !== undefined) return;
    const at: Millis = millis(this.#clock.now() + ms);
    watch.cancel = this.#clock.at(at, () => {
      watch.cancel = undefined;
      this.#expired(pack);
    });
  }
}
