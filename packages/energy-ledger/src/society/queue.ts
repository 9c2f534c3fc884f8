import type { Millis, MilliwattHours } from "@wattseal/base";
import { milliwattHours } from "@wattseal/base";

/** Energy with a date: a lot, or a withheld amount. */
export interface Dated {
  /** Index of the society.charge that made it. */
  readonly charge: number;
  /** UTC ms of that charge. */
  readonly since: Millis;
  /** mWh left. */
  readonly amount: MilliwattHours;
}

/** First in, first out; dates do not decrease. */
export class DatedQueue {
  #items: Dated[] = [];
  #head = 0;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  push(item: Dated): void {
    this.#items.push(item);
    this.#total += item.amount;
  }

  /** Takes up to `wanted` mWh from the oldest on; returns what it got. */
  draw(wanted: number): number {
    const drawn = Math.min(wanted, this.#total);
    let open = drawn;
    while (open > 0) {
      const oldest = this.#items[this.#head];
      if (oldest === undefined) break;
      const part = Math.min(open, oldest.amount);
      open -= part;
      if (part < oldest.amount) {
        this.#items[this.#head] = { ...oldest, amount: milliwattHours(oldest.amount - part) };
      } else this.#head += 1;
    }
    this.#total -= drawn;
    this.#compact();
    return drawn;
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

  /** What is in it, oldest first. */
  items(): readonly Dated[] {
    return this.#items.slice(this.#head);
  }

  #compact(): void {
    if (this.#head < 64 || 2 * this.#head < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
