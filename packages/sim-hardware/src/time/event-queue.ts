import type { Cancel } from "@wattseal/base";

interface QueuedEvent {
  readonly time: number;
  readonly sequence: number;
  task: (() => void) | undefined;
}

const COMPACT_FROM = 64;
const nothing = () => {};

function before(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}

/**
 * Tasks in the order of (time, insertion): a binary heap. Times are plain numbers in whatever unit the owner
 * counts. A cancelled task stays in the heap, empty, until it surfaces or until empty ones are the majority.
 */
export class EventQueue {
  #heap: QueuedEvent[] = [];
  #sequence = 0;
  #cancelled = 0;

  /** Of the first live task; Infinity when there is none. */
  get nextTime(): number {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return Number.POSITIVE_INFINITY;
      if (first.task !== undefined) return first.time;
      this.#removeFirst();
      this.#cancelled -= 1;
    }
  }

  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  schedule(time: number, task: () => void): Cancel {
    const event: QueuedEvent = { time, sequence: this.#sequence, task };
    this.#sequence += 1;
    this.#heap.push(event);
    this.#siftUp(this.#heap.length - 1);
    return () => {
      if (event.task === undefined) return;
      event.task = undefined;
      this.#cancelled += 1;
      if (this.#cancelled >= COMPACT_FROM && this.#cancelled * 2 > this.#heap.length) {
        this.#compact();
      }
    };
  }

  /** Takes the first live task out; a task that does nothing when there is none. */
  take(): () => void {
    if (this.nextTime === Number.POSITIVE_INFINITY) return nothing;
    const first = this.#heap[0];
    const task = first?.task ?? nothing;
    if (first !== undefined) first.task = undefined;
    this.#removeFirst();
    return task;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0, last);
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    const event = heap[from];
    if (event === undefined) return;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !before(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #siftDown(from: number, event: QueuedEvent): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && before(right, child)) {
        childAt += 1;
        child = right;
      }
      if (!before(child, event)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = event;
  }

  #compact(): void {
    this.#heap = this.#heap.filter((event) => event.task !== undefined);
    this.#cancelled = 0;
    // A sorted array is a heap.
    this.#heap.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
  }
}
