import type { LegacyLimits } from "./types.js";

/** As deployed pack controllers keep them. */
export const LEGACY_LIMITS: LegacyLimits = {
  announceMs: 10_000,
  pollMs: 100,
  heartbeatMs: 200,
  answerMs: 2000,
  retryMs: 1000,
  strikeMs: 4000,
  cellMs: 250,
  segmentMs: 1000,
  alarmSpacingMs: 10_000,
};

/** Strikes after which a module is deregistered. */
export const STRIKES = 3;
/** Registrations sent before a module that answers none is given up until it announces itself again. */
export const REGISTRATIONS = 3;
/** State changes without effect before it is reported. */
export const STATE_TRIES = 5;
/** Hardware requests with polls before a module is left without. */
export const HARDWARE_TRIES = 10;
export const TRANSFER_TRIES = 3;
/** A module whose id somebody else gave is sent away at most this often, ms. */
export const STRAY_MS = 10_000;
