import { EventQueue } from "../lib/event-queue.mjs";

/** Time of a model, ms, that goes from event to event; and chance from a seed. */
export class Simulation {
  now = 0;
  /** @type {EventQueue<() => void>} */
  #events = new EventQueue();
  #state;

  /** @param {number} seed whole number */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /**
   * @param {number} ms from now
   * @param {() => void} event
   */
  after(ms, event) {
    this.#events.push(this.now + ms, event);
  }

  /** To the last event. */
  run() {
    for (let next = this.#events.pop(); next !== undefined; next = this.#events.pop()) {
      this.now = next.time;
      next.value();
    }
  }

  /** 0 up to, not including, 1: mulberry32. */
  uniform() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** @param {number} mean */
  exponential(mean) {
    return -mean * Math.log(1 - this.uniform());
  }
}
