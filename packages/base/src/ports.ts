import type { Millis } from "./units.js";

/** Stops a scheduled task; harmless when it already ran. */
export type Cancel = () => void;

/**
 * The only source of time outside composition roots. With the simulator, its server owns this time and a
 * second may pass in a millisecond; on a real pack it is the system clock.
 */
export interface Clock {
  /** UTC. Never decreases within one run. */
  now(): Millis;
  /** Runs `task` once, when `now()` has reached `time`; at once (but not before returning) when it has passed. */
  at(time: Millis, task: () => void): Cancel;
}

/** Whether UTC as the machine has it can be trusted, and where it comes from: `ntp`, `rtc`, `simulated`. */
export interface SyncState {
  readonly synchronised: boolean;
  readonly source: string;
}

/** The machine's own UTC. A Clock runs on; this is set, back or forward, whenever its source sees fit. */
export interface TimeSource {
  utc(): Millis;
  readonly state: SyncState;
  /** Calls back when the source has said something (the time was set, its sync is lost), until called back itself. */
  listen(told: () => void): Cancel;
}

/** Source of randomness fit for keys. */
export interface Entropy {
  bytes(length: number): Uint8Array;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured events for operators; the event name is stable, fields carry no secrets. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

const ignore = () => {};
/** For tests and libraries used without an operator. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
