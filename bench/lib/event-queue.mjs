/**
 * What is to happen, by its time; of the same time what was pushed first. A binary heap.
 *
 * @template T
 */
export class EventQueue {
  /** @type {{ readonly time: number, readonly order: number, readonly value: T }[]} */
  #heap = [];
  #order = 0;

  get size() {
    return this.#heap.length;
  }

  /**
   * @param {number} time
   * @param {T} value
   */
  push(time, value) {
    const heap = this.#heap;
    const item = { time, order: this.#order, value };
    this.#order += 1;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, item)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  /** @returns {{ readonly time: number, readonly value: T } | undefined} the first, taken out */
  pop() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const least = isRight ? right : left;
      if (isBefore(last, least)) break;
      heap[at] = least;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

/**
 * @param {{ readonly time: number, readonly order: number }} a
 * @param {{ readonly time: number, readonly order: number }} b
 */
function isBefore(a, b) {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
