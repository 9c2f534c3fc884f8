import { toHex } from "@wattseal/base";
import type { Entry } from "@wattseal/energy-ledger";

/** JSON of one entry: byte strings as hexadecimal, absent fields left out. Times stay UTC milliseconds, energy mWh. */
export function entryJson(index: number, entry: Entry): string {
  return JSON.stringify({ index, ...entry, body: printable(entry.body) });
}

/** A line for a list: index, time, type, and the fields that fit. */
export function entryLine(index: number, { type, timeMs, body }: Entry): string {
  const time = new Date(timeMs).toISOString();
  return `${String(index).padStart(8)}  ${time}  ${type.padEnd(17)} ${briefly(body)}`;
}

/** Every field on a line of its own. */
export function entryText(index: number, { type, timeMs, body }: Entry): string {
  const lines = [`entry ${index}`, `type  ${type}`, `time  ${new Date(timeMs).toISOString()}`];
  for (const [name, value] of Object.entries(body)) {
    if (value !== undefined) lines.push(`  ${name}: ${JSON.stringify(printable(value))}`);
  }
  return `${lines.join("\n")}\n`;
}

const BRIEF_LENGTH = 100;

function briefly(body: object): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === "number" || typeof value === "string") parts.push(`${name}=${value}`);
  }
  const text = parts.join(" ");
  return text.length > BRIEF_LENGTH ? `${text.slice(0, BRIEF_LENGTH - 1)}…` : text;
}

/** Byte strings as hexadecimal. Done before JSON sees them, because some of them bring a toJSON of their own. */
export function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, printable(field)]));
}
