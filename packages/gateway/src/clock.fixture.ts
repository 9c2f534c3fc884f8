import { type Clock, type Millis, millis, type TimeSource } from "@wattseal/base";

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

/** UTC that tests set. */
export class HandTimeSource implements TimeSource {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #offset = 0;
  state = { synchronised: true, source: "test" };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  utc(): Millis {
    return millis(this.#clock.now() + this.#offset);
  }

  listen(told: () => void) {
    this.#listeners.add(told);
    return () => void this.#listeners.delete(told);
  }

  /** By `ms`; nobody is told. */
  drift(ms: number): void {
    this.#offset += ms;
  }

  step(ms: number): void {
    this.#offset += ms;
    this.tell();
  }

  sync(synchronised: boolean): void {
    this.state = { ...this.state, synchronised };
    this.tell();
  }

  tell(): void {
    for (const told of this.#listeners) told();
  }
}
