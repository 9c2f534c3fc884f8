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
    while (this.#runNext(until));
    this.#now = until;
  }

  /** The same where a reader may hold time, as it holds the simulator's (Gateway.ready). */
  async pass(ms: number, ready: () => Promise<void> | undefined): Promise<void> {
    const until = millis(this.#now + ms);
    do {
      for (let busy = ready(); busy !== undefined; busy = ready()) await busy;
    } while (this.#runNext(until));
    this.#now = until;
  }

  /** False when nothing is due by then. */
  #runNext(until: Millis): boolean {
    const due = this.#tasks.filter(({ time }) => time <= until).sort((a, b) => a.time - b.time)[0];
    if (due === undefined) return false;
    this.#tasks = this.#tasks.filter((other) => other !== due);
    this.#now = millis(Math.max(this.#now, due.time));
    due.task();
    return true;
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
