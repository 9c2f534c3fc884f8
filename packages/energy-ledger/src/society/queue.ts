import type { Millis, MilliwattHours } from "@wattseal/base";
import { milliwattHours } from "@wattseal/base";
import type { QueueState } from "../snapshot/state.js";

/** Energy with a date: a lot, or a withheld amount. */
export interface Dated {
  /** Index of the entry that made it: a society.charge, or what came from another society. */
  readonly charge: number;
  /** UTC ms: when it was charged; what came from elsewhere keeps its age. */
  readonly since: Millis;
  /** mWh left. */
  readonly amount: MilliwattHours;
}

export function totalOf(items: readonly { readonly amount: number }[]): number {
  return items.reduce((sum, { amount }) => sum + amount, 0);
}

function isBefore(one: Dated | undefined, other: Dated): boolean {
  if (one === undefined || one.since === other.since) {
    return (one?.charge ?? -1) < other.charge;
  }
  return one.since < other.since;
}

/** Oldest first, and of one date in the order of the charges. One item a charge. */
export class DatedQueue {
  #items: Dated[] = [];
  #head = 0;
  #total = 0;

  constructor(saved: QueueState = []) {
    for (const item of saved) this.put(item);
  }

  get total(): number {
    return this.#total;
  }

  /** An item has its place by date and charge, whenever it comes; what is there of the same charge grows. */
  put(item: Dated): void {
    const place = this.#placeOf(item);
    const there = this.#items[place];
    if (there?.charge === item.charge) {
      this.#items[place] = { ...there, amount: milliwattHours(there.amount + item.amount) };
    } else this.#items.splice(place, 0, item);
    this.#total += item.amount;
  }

  /** Takes up to `wanted` mWh from the oldest on. */
  take(wanted: number): readonly Dated[] {
    const taken: Dated[] = [];
    let open = Math.min(wanted, this.#total);
    this.#total -= open;
    while (open > 0) {
      const oldest = this.#items[this.#head];
      if (oldest === undefined) break;
      const part = milliwattHours(Math.min(open, oldest.amount));
      open -= part;
      taken.push({ ...oldest, amount: part });
      if (part < oldest.amount) {
        this.#items[this.#head] = { ...oldest, amount: milliwattHours(oldest.amount - part) };
      } else this.#head += 1;
    }
    this.#compact();
    return taken;
  }

  /** The same, where only the sum matters. */
  draw(wanted: number): number {
    return totalOf(this.take(wanted));
  }

  /** Those dated `until` or before, oldest first, at most `most`. */
  datedUntil(until: number, most: number): readonly Dated[] {
    let end = this.#head;
    while (
      end - this.#head < most &&
      (this.#items[end]?.since ?? Number.POSITIVE_INFINITY) <= until
    )
      end += 1;
    return this.#items.slice(this.#head, end);
  }

  /** mWh in the oldest `most` items. */
  totalOfOldest(most: number): number {
    return totalOf(this.#items.slice(this.#head, this.#head + most));
  }

  /** What is in it, oldest first. */
  items(): readonly Dated[] {
    return this.#items.slice(this.#head);
  }

  /** The first in line. */
  get oldest(): Dated | undefined {
    return this.#items[this.#head];
  }

  /** Where the item of this charge is, or belongs. */
  #placeOf(item: Dated): number {
    let low = this.#head;
    let high = this.#items.length;
    if (isBefore(this.#items[high - 1], item)) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#items[middle], item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compact(): void {
    if (this.#head < 64 || 2 * this.#head < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
