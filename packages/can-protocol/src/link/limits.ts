import type { LinkLimits } from "./types.js";

const MINUTE = 60_000;

export const DEFAULT_LIMITS: LinkLimits = {
  answerMs: 1000,
  proofMs: 1000,
  spacingMs: 2000,
  backoffMaxMs: 30_000,
  attemptsPerMinute: 6,
  sessionPdus: 2 ** 20,
  sessionAgeMs: 24 * 60 * MINUTE,
  overlapMs: 1000,
  heartbeatMs: 1000,
  freshnessMs: 2000,
  packSilenceMs: 4000,
  moduleSilenceMs: 11_100,
  alarmSpacingMs: 10_000,
};

/** Commands that wait for the first telemetry of a session. */
export const HELD_LIMIT = 16;
/** Failed handshakes in a row after which the peer is reported. */
export const FAILURES_TO_REPORT = 3;
