import { type Cancel, type Clock, type Micros, type Millis, millis } from "@wattseal/base";
import { EventQueue } from "../time/event-queue.js";

/** Time as the server grants it; tasks run in order, interleaved with frames by their time. */
export class ClientClock implements Clock {
  readonly #tasks = new EventQueue();
  readonly #earlier: () => void;
  #now: Millis;

  /** `earlier` is called when a task was scheduled before all others. */
  constructor(start: Micros, earlier: () => void) {
    this.#now = millis(Math.floor(start / 1000));
    this.#earlier = earlier;
  }

  now(): Millis {
    return this.#now;
  }

  at(time: Millis, task: () => void): Cancel {
    const first = time < this.#tasks.nextTime;
    const cancel = this.#tasks.schedule(time, task);
    if (first) this.#earlier();
    return cancel;
  }

  get deadline(): Millis | undefined {
    const next = this.#tasks.nextTime;
    return next === Number.POSITIVE_INFINITY ? undefined : millis(next);
  }

  /** Runs what is due by `time`, each task at its own time, then stands at `time`. */
  advance(time: Micros): void {
    const now = millis(Math.floor(time / 1000));
    for (let next = this.#tasks.nextTime; next <= now; next = this.#tasks.nextTime) {
      if (next > this.#now) this.#now = millis(next);
      this.#tasks.take()();
    }
    if (now > this.#now) this.#now = now;
  }
}
