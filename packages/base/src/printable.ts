import { toHex } from "./bytes.js";

/** Byte strings as hexadecimal. Done before JSON sees them, because some of them bring a toJSON of their own. */
export function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, printable(field)]));
}
