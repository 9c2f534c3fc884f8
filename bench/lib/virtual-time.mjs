import { setImmediate as settled } from "node:timers/promises";
import { millis } from "@wattseal/base";
import { EventQueue } from "./event-queue.mjs";

/** Turns of the event loop after a task: what it set off with promises alone has run then. */
const TURNS = 3;

/** @typedef {import("@wattseal/base").Clock} Clock */

/** Time that stands still until `run` moves it from task to task. @implements {Clock} */
export class VirtualTime {
  /** @type {EventQueue<{ task: (() => unknown) | undefined }>} */
  #tasks = new EventQueue();
  #now;

  /** @param {number} start ms since 1970 */
  constructor(start) {
    this.#now = start;
  }

  now() {
    return millis(Math.floor(this.#now));
  }

  /** ms since 1970, with fractions. */
  get exact() {
    return this.#now;
  }

  /**
   * @param {number} time
   * @param {() => unknown} task what it returns is waited for
   */
  at(time, task) {
    const entry = /** @type {{ task: (() => unknown) | undefined }} */ ({ task });
    this.#tasks.push(Math.max(time, this.#now), entry);
    return () => {
      entry.task = undefined;
    };
  }

  /** Runs tasks in their order while `goesOn`. Throws where nothing is left to wait for. @param {() => boolean} goesOn */
  async run(goesOn) {
    for (let turn = 0; turn < TURNS; turn += 1) await settled();
    while (goesOn()) {
      const next = this.#tasks.pop();
      if (next === undefined) throw new Error("nothing is left to wait for");
      if (next.value.task === undefined) continue;
      this.#now = next.time;
      await next.value.task();
      for (let turn = 0; turn < TURNS; turn += 1) await settled();
    }
  }
}
