/** How often an end of a link may try: spacing, back-off with jitter, a cap on attempts per minute. */
import type { LinkLimits } from "./options.js";

const MINUTE_MS = 60_000;

export interface Pacing {
  /** Times of the attempts of the last minute, oldest first. */
  readonly recent: readonly number[];
  /** Attempts in a row that came to nothing. */
  readonly failures: number;
}

export const FRESH_PACING: Pacing = { recent: [], failures: 0 };

export function attempted(pacing: Pacing, now: number): Pacing {
  return { ...pacing, recent: [...pacing.recent.filter((at) => at > now - MINUTE_MS), now] };
}

/** The first time from `now` on at which spacing and cap allow an attempt. */
export function earliest(pacing: Pacing, now: number, limits: LinkLimits): number {
  const recent = pacing.recent.filter((at) => at > now - MINUTE_MS);
  const last = recent.at(-1);
  const spaced = last === undefined ? now : last + limits.spacingMs;
  const oldest = recent.at(-limits.attemptsPerMinute);
  const capped = oldest === undefined ? now : oldest + MINUTE_MS;
  return Math.max(now, spaced, capped);
}

/** After one more failure: double the step each time, and 25 % to either side. `jitter` is in [0, 1). */
export function backedOff(pacing: Pacing, now: number, limits: LinkLimits, jitter: number): number {
  const step = Math.min(
    limits.backoffMaxMs,
    limits.spacingMs * 2 ** Math.min(pacing.failures - 1, 16),
  );
  return Math.max(earliest(pacing, now, limits), now + Math.round(step * (0.75 + jitter / 2)));
}
