import { setImmediate as nextTurn } from "node:timers/promises";
import { type Cancel, type Clock, type Micros, type Millis, micros, millis } from "@wattseal/base";
import { SimError } from "../errors.js";
import { EventQueue } from "./event-queue.js";
import { Pace } from "./pace.js";
import type { WallClock } from "./wall-clock.js";

/** Events run this long, or this many, before the Node event loop gets a turn. */
const TURN_MS = 4;
const TURN_STEPS = 4096;
/** A sleep is cut into pieces, so that `now()` follows while nothing is due. */
const LONGEST_SLEEP_MS = 20;

/** Whoever must keep up with simulated time. */
export interface TimeReader {
  /**
   * Asked before time moves on to `next`. A promise holds time where it is; when it settles the question is
   * put again. Called for each step of time: cheap when the answer is undefined.
   */
  ready(next: Micros): Promise<void> | undefined;
}

export interface RunOptions {
  /** Time to stop at; events due then have run. Without it, until `stop()`. */
  readonly until?: Millis;
  /** Ceiling in simulated seconds per wall second; Infinity (the default) runs as fast as the readers. */
  readonly speed?: number;
}

/**
 * Simulated time: integer µs of UTC, moved by events alone, in the order of (time, insertion). One thread, so
 * two runs with the same inputs are the same run; wall time decides only when, never what.
 *
 * Time moves on when three agree: the next event, the pace (`speed` is a ceiling), and every reader. A task
 * that throws ends `run()` with that error.
 */
export class SimKernel implements Clock {
  readonly #wall: WallClock;
  readonly #queue = new EventQueue();
  readonly #readers = new Set<TimeReader>();
  #now: Micros;
  #pace: Pace | undefined;
  #paceReach = 0;
  #requestedSpeed = Number.POSITIVE_INFINITY;
  #reachedSpeed = 0;
  #stopping = false;
  #wake: (() => void) | undefined;

  constructor(options: { readonly start: Millis; readonly wall: WallClock }) {
    this.#now = micros(options.start * 1000);
    this.#wall = options.wall;
  }

  now(): Millis {
    return millis(Math.floor(this.#now / 1000));
  }

  nowMicros(): Micros {
    return this.#now;
  }

  at(time: Millis, task: () => void): Cancel {
    return this.atMicros(time * 1000, task);
  }

  /** As `at`, on the µs; a time that has passed means now. */
  atMicros(time: number, task: () => void): Cancel {
    const cancel = this.#queue.schedule(Math.max(time, this.#now), task);
    this.#wake?.();
    return cancel;
  }

  addReader(reader: TimeReader): Cancel {
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
      this.#wake?.();
    };
  }

  /** `reached` is the mean of this run or, after it, of the last, in simulated seconds per wall second. */
  get speed(): { readonly requested: number; readonly reached: number } {
    const reached = this.#pace?.reached(this.#now) ?? this.#reachedSpeed;
    return { requested: this.#requestedSpeed, reached };
  }

  async run(options: RunOptions = {}): Promise<void> {
    if (this.#pace !== undefined) {
      throw new SimError("already-running", "usage", "the simulation is running already");
    }
    const speed = options.speed ?? Number.POSITIVE_INFINITY;
    if (!(speed > 0)) throw new SimError("configuration", "usage", "speed must be above 0");
    const limit = options.until === undefined ? Number.POSITIVE_INFINITY : options.until * 1000;
    this.#requestedSpeed = speed;
    this.#pace = new Pace(this.#wall, speed, this.#now);
    this.#paceReach = 0;
    try {
      while (!this.#stopping && this.#hasMore(limit)) {
        await (this.#runTurn(limit, this.#pace) ?? nextTurn());
      }
    } finally {
      this.#reachedSpeed = this.#pace.reached(this.#now);
      this.#pace = undefined;
      this.#stopping = false;
    }
  }

  /** Ends `run()` after the event that is running; what is due later stays in the queue. */
  stop(): void {
    this.#stopping = this.#pace !== undefined;
    this.#wake?.();
  }

  #hasMore(limit: number): boolean {
    return this.#now < limit || this.#queue.nextTime <= limit;
  }

  /** Runs events until there is something to wait for (returned), or for one turn. */
  #runTurn(limit: number, pace: Pace): Promise<void> | undefined {
    const turnEnd = this.#wall.now() + TURN_MS;
    for (let steps = 1; steps <= TURN_STEPS; steps += 1) {
      if (this.#stopping || !this.#hasMore(limit)) return undefined;
      const next = Math.min(this.#queue.nextTime, limit);
      const wait = next > this.#now ? this.#moveTo(next, pace) : undefined;
      if (wait !== undefined) return wait;
      if (this.#queue.nextTime <= this.#now) this.#queue.take()();
      if (steps % 32 === 0 && this.#wall.now() >= turnEnd) return undefined;
    }
    return undefined;
  }

  #moveTo(next: number, pace: Pace): Promise<void> | undefined {
    if (next > this.#paceReach) this.#paceReach = pace.reach(this.#now);
    if (this.#paceReach === Number.POSITIVE_INFINITY && next === this.#paceReach) {
      return this.#woken();
    }
    const target = Math.min(next, Math.floor(this.#paceReach));
    if (target > this.#now) {
      const time = micros(target);
      for (const reader of this.#readers) {
        const busy = reader.ready(time);
        if (busy !== undefined) return Promise.race([busy, this.#woken()]);
      }
      this.#now = time;
    }
    if (target >= next) return undefined;
    const pause = Math.min(LONGEST_SLEEP_MS, Math.max(1, pace.millisecondsUntil(next)));
    return Promise.race([this.#wall.sleep(pause), this.#woken()]);
  }

  /** Settles when something new was scheduled, a reader left, or `stop()` was called. */
  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
