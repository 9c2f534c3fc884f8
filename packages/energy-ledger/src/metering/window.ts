import { type Micros, type Millis, millis } from "@wattseal/base";

/** Length of a window, ms: one UTC minute. */
export const WINDOW = 60_000;

/** Minutes of an interval while no energy.resolution says otherwise. */
export const FULL_RESOLUTION = 1;
/** The coarsest: an interval belongs to one UTC hour. */
export const MOST_MINUTES = 60;

/** The first UTC minute boundary after `time`. */
export function windowEnd(time: Millis): Millis {
  return millis((windowOf(time) + 1) * WINDOW);
}

/** Whether intervals of so many minutes, a divisor of 60, end at this UTC minute boundary. */
export function closesAt(boundary: Millis, minutes: number): boolean {
  return boundary % (minutes * WINDOW) === 0;
}

/** The window that a record ending at `time` belongs to: UTC minutes since 1970. */
export function windowOf(time: Millis): number {
  return Math.floor(time / WINDOW);
}

/** Whether an interval of so many minutes, a divisor of 60, ends between two readings: it ends at the first of them. */
export function crossesWindow(from: Micros, to: Micros, minutes: number): boolean {
  const length = minutes * WINDOW * 1000;
  return Math.floor(from / length) !== Math.floor(to / length);
}
