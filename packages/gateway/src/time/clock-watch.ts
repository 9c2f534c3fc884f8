import { type Cancel, type Clock, millis, type TimeSource } from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import type { LogClock } from "./log-clock.js";

export interface ClockWatchOptions {
  readonly steady: Clock;
  readonly source: TimeSource;
  /** Set to what the source says. */
  readonly clock: LogClock;
  /** Runs `change` when entries can be made: now, or when an epoch has given way to the next. */
  readonly inTurn: (change: () => void) => void;
  /** UTC is about to be stepped: what is dated by it so far has to be closed. */
  readonly stepping: () => void;
  /** UTC was stepped, or the source's standing has changed. */
  readonly changed: (entry: EntryBody<"ops.clock">) => void;
}

const LOOK_MS = 60_000;
/** Less is the slewing that a time daemon does: the clock follows, and nothing is said. */
const LEAST_STEP_MS = 1000;

/** Holds the machine's UTC against time that only runs, each minute and whenever its source says something. */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #standing: string;
  #unlisten: Cancel | undefined;
  #timer: Cancel | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#standing = standingOf(options.source);
  }

  start(): void {
    this.#unlisten = this.#options.source.listen(() => this.#look());
    this.#arm();
  }

  stop(): void {
    this.#unlisten?.();
    this.#timer?.();
  }

  #arm(): void {
    const { steady } = this.#options;
    this.#timer = steady.at(millis(steady.now() + LOOK_MS), () => {
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    this.#options.inTurn(() => this.#adopt());
  }

  #adopt(): void {
    const { source, clock, stepping, changed } = this.#options;
    const ahead = Math.round(source.utc() - clock.utc);
    const standing = standingOf(source);
    if (Math.abs(ahead) < LEAST_STEP_MS) {
      if (ahead !== 0) clock.slew(ahead);
      if (standing === this.#standing) return;
      this.#standing = standing;
      changed(clockEntry(source, 0));
      return;
    }
    stepping();
    clock.step(ahead);
    this.#standing = standing;
    changed(clockEntry(source, ahead));
  }
}

function standingOf({ state: { synchronised, source } }: TimeSource): string {
  return `${synchronised} ${source}`;
}

/** `step` in ms. */
export function clockEntry({ state }: TimeSource, step: number): EntryBody<"ops.clock"> {
  const sync = state.synchronised ? "synchronised" : "unsynchronised";
  return { sync, source: state.source, step };
}
