import { DecodeError, type Micros, micros } from "@wattseal/base";

/** What a u32 of seconds holds: the year 2106. */
const LARGEST_SECONDS = 0xff_ff_ff_ff;
const MICROS_PER_SECOND = 1_000_000;

/** Seconds and their decimal fraction, both as digits; what is finer than a microsecond is cut off. */
export function microsOf(seconds: string, fraction: string): number {
  return Number(seconds) * MICROS_PER_SECOND + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

/** Throws DecodeError in the name of `what`. */
export function traceTime(value: number, what: string): Micros {
  if (value < 0 || value >= (LARGEST_SECONDS + 1) * MICROS_PER_SECOND) {
    throw new DecodeError(what, 0, "time is not in the years 1970 to 2106");
  }
  return micros(value);
}

/** `seconds.microseconds`. */
export function secondsText(time: number): string {
  const seconds = Math.floor(time / MICROS_PER_SECOND);
  return `${seconds}.${String(time % MICROS_PER_SECOND).padStart(6, "0")}`;
}

export function hexDigits(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, "0");
}
