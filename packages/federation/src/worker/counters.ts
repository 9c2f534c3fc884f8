/** What a module's counters may be before and after what it states, and after what it stated before. */
import type { CounterReading } from "@wattseal/device-keys";

/** What a log says of a module's counters where its record ends. */
export interface LogCounters {
  readonly in: number;
  readonly out: number;
  readonly boot: number;
}

const BOOTS = 2 ** 16;
const TICKS = 2 ** 32;

/** Starts are counted modulo 2^16: fewer than half of that lie between two readings. */
function startsBetween(earlier: number, later: number): number {
  return (later - earlier + BOOTS) % BOOTS;
}

/** Whether a log has counters that the module had not reached when it said this. */
export function isBeyond(end: LogCounters | undefined, said: CounterReading): boolean {
  if (end === undefined) return false;
  const starts = startsBetween(said.boot, end.boot);
  if (starts > 0) return starts < BOOTS / 2;
  return end.in > said.inMwh || end.out > said.outMwh;
}

/** Whether a log has counters that the module was past when it said this. */
export function isBehind(end: LogCounters, said: CounterReading): boolean {
  const starts = startsBetween(said.boot, end.boot);
  if (starts > 0) return starts >= BOOTS / 2;
  return end.in < said.inMwh || end.out < said.outMwh;
}

/**
 * Whether a module said this after `last`; `apartMs` is the time between the two by the log. Ticks are milliseconds modulo
 * 2^32: over half of that (24.8 days) they do not tell which is later, only that an equal one is the same moment.
 */
export function isNewer(said: CounterReading, last: CounterReading, apartMs: number): boolean {
  const starts = startsBetween(last.boot, said.boot);
  if (starts > 0) return starts < BOOTS / 2;
  if (said.inMwh < last.inMwh || said.outMwh < last.outMwh) return false;
  const ticks = (said.tick - last.tick + TICKS) % TICKS;
  return ticks > 0 && (ticks < TICKS / 2 || apartMs >= TICKS / 2);
}
