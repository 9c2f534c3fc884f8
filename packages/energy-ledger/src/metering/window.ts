import { type Micros, type Millis, millis } from "@wattseal/base";

/** Length of a window, ms: one UTC minute. */
export const WINDOW = 60_000;

/** The first UTC minute boundary after `time`. */
export function windowEnd(time: Millis): Millis {
  return millis((windowOf(time) + 1) * WINDOW);
}

/** The window that a record ending at `time` belongs to: UTC minutes since 1970. */
export function windowOf(time: Millis): number {
  return Math.floor(time / WINDOW);
}

/** Whether a minute ends between two readings: the interval ends at the first of them. */
export function crossesMinute(from: Micros, to: Micros): boolean {
  const minute = WINDOW * 1000;
  return Math.floor(from / minute) !== Math.floor(to / minute);
}
