import { randomBytes } from "node:crypto";
import { setTimeout as setTimer } from "node:timers/promises";
import { type Clock, type Entropy, type Logger, type Millis, millis } from "@wattseal/base";
import type { WallClock } from "@wattseal/sim-hardware";
import { type DestinationStream, pino } from "pino";

/** Longest delay that a Node timer takes; longer waits are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock, held back where it is set back: `now()` never decreases within a run. */
export function systemClock(): Clock {
  let latest = 0;
  return clockOf(() => {
    latest = Math.max(latest, Date.now());
    return latest;
  });
}

/** Only runs, from the machine's time at this call on, however that is set. */
export function steadyClock(): Clock {
  const start = Date.now() - performance.now();
  return clockOf(() => Math.floor(start + performance.now()));
}

function clockOf(read: () => number): Clock {
  const now = (): Millis => millis(read());
  return {
    now,
    at(time, task) {
      let timer: NodeJS.Timeout;
      const arm = () => {
        const wait = Math.max(0, time - now());
        timer = setTimeout(
          () => (wait > LONGEST_TIMER_MS ? arm() : task()),
          Math.min(wait, LONGEST_TIMER_MS),
        );
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

export const systemEntropy: Entropy = { bytes: (length) => randomBytes(length) };

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured logs, one JSON object a line, on `stream`. */
export function pinoLogger(name: string, level: LogLevel, stream: DestinationStream): Logger {
  const log = pino({ name, level }, stream);
  return {
    debug: (event, fields) => log.debug(fields ?? {}, event),
    info: (event, fields) => log.info(fields ?? {}, event),
    warn: (event, fields) => log.warn(fields ?? {}, event),
    error: (event, fields) => log.error(fields ?? {}, event),
  };
}

/** For pacing simulated time. */
export const systemWallClock: WallClock = {
  now: () => performance.now(),
  sleep: (ms) => setTimer(ms),
};
