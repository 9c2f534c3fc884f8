import type { LinkLimits } from "./options.js";

const MINUTE = 60_000;

export const DEFAULT_LIMITS: LinkLimits = {
  custodyMs: 3000,
  answerMs: 1000,
  proofMs: 1000,
  spacingMs: 2000,
  backoffMaxMs: 30_000,
  attemptsPerMinute: 6,
  resyncMaxMs: MINUTE,
  handshakesPerSecond: 20,
  sessionPdus: 2 ** 20,
  sessionAgeMs: 24 * 60 * MINUTE,
  overlapMs: 1000,
  heartbeatMs: 1000,
  freshnessMs: 2000,
  outcomeMs: 3000,
  packSilenceMs: 4000,
  moduleSilenceMs: 11_100,
  asleepMs: 2000,
  alarmSpacingMs: 10_000,
};

/** Messages 2 that wait while one is with the custody. */
export const WAITING_LIMIT = 16;
/** Commands that wait for the first telemetry of a session. */
export const HELD_LIMIT = 16;
/** Commands whose outcome is awaited. */
export const PENDING_LIMIT = 64;
/** Places beyond both for orders that turn a module off. */
export const OFF_LIMIT = 16;
/** Orders in a row without an outcome after which the pack doubts that the module can open them. */
export const TIMEOUTS_TO_DOUBT = 2;
/** Failed handshakes in a row after which the peer is reported. */
export const FAILURES_TO_REPORT = 3;
/** Strikes after which a module is reported lost. */
export const STRIKES_TO_LOSE = 3;
