import { type Millis, millis } from "@wattseal/base";

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
