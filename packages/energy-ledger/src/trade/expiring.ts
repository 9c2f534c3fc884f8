import type { Millis } from "@wattseal/base";

interface Dated {
  readonly key: string;
  readonly expires: Millis;
}

/**
 * Values by key, in the order in which the keys came, each until its last date. What is past it leaves when another
 * comes: a heap finds it, so that a log can not make every entry cost what the map is large.
 */
export class ExpiringMap<V extends { readonly expires: Millis }> {
  readonly #values = new Map<string, V>();
  /** Binary heap, the earliest date first: a parent is not later than its children. */
  readonly #heap: Dated[] = [];

  constructor(entries: Iterable<readonly [string, V]>) {
    for (const [key, value] of entries) this.#put(key, value);
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  values(): readonly V[] {
    return [...this.#values.values()];
  }

  /** Of a map that is never given more than `most`: whether so many are there whose last date is after `now`. */
  isFull(most: number, now: Millis): boolean {
    return this.#values.size >= most && (this.#heap[0]?.expires ?? now) > now;
  }

  /** A key that is there keeps its place; its last date is the same. */
  set(key: string, value: V, now: Millis): void {
    while ((this.#heap[0]?.expires ?? Number.POSITIVE_INFINITY) <= now) this.#dropEarliest();
    this.#put(key, value);
  }

  #put(key: string, value: V): void {
    if (!this.#values.has(key)) this.#rise({ key, expires: value.expires });
    this.#values.set(key, value);
  }

  #rise(item: Dated): void {
    let place = this.#heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.expires <= item.expires) break;
      this.#heap[place] = parent;
      place = above;
    }
    this.#heap[place] = item;
  }

  #dropEarliest(): void {
    const [earliest] = this.#heap;
    const last = this.#heap.pop();
    if (earliest !== undefined) this.#values.delete(earliest.key);
    if (last === undefined || this.#heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [first, second] = [this.#heap[left], this.#heap[left + 1]];
      if (first === undefined) break;
      const isSecond = second !== undefined && second.expires < first.expires;
      const least = isSecond ? second : first;
      if (least.expires >= last.expires) break;
      this.#heap[place] = least;
      place = isSecond ? left + 1 : left;
    }
    this.#heap[place] = last;
  }
}
