import { type Clock, type Millis, millis } from "@wattseal/base";

export const START = millis(Date.UTC(2026, 0, 5, 12, 0, 0));

/** Time that tests turn by hand. */
export class HandClock implements Clock {
  #now: Millis = START;
  #tasks: { time: Millis; task: () => void }[] = [];

  now(): Millis {
    return this.#now;
  }

  at(time: Millis, task: () => void) {
    const scheduled = { time, task };
    this.#tasks.push(scheduled);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== scheduled);
    };
  }

  /** Sets the clock without anything running on the way. */
  jump(ms: number): void {
    this.#now = millis(this.#now + ms);
  }

  /** Runs what falls due on the way, in its order. */
  advance(ms: number): void {
    const until = millis(this.#now + ms);
    for (;;) {
      const due = this.#tasks
        .filter(({ time }) => time <= until)
        .sort((a, b) => a.time - b.time)[0];
      if (due === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== due);
      this.#now = millis(Math.max(this.#now, due.time));
      due.task();
    }
    this.#now = until;
  }
}
