/** Numbers and times as exports print them. */
import { RangeViolation } from "@wattseal/base";

/** `value` × 10^−places, exactly, with all places printed: `decimal(-12_345, 3)` is `-12.345`. Throws RangeViolation beyond 2^53 − 1. */
export function decimal(value: number, places: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeViolation(`${value} is no exact integer`);
  const digits = String(Math.abs(value)).padStart(places + 1, "0");
  const sign = value < 0 ? "-" : "";
  return `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** UTC, ISO 8601 with milliseconds. Beyond the year 275760, where ISO 8601 ends in JavaScript, the milliseconds themselves. */
export function instant(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

/** One JSON line: keys in their order, absent fields left out. */
export const jsonLine = (value: object): string => `${JSON.stringify(value)}\n`;
