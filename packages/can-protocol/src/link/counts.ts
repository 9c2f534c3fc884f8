import type { LinkCounts } from "./types.js";

export type MutableCounts = { -readonly [K in keyof LinkCounts]: number };

export function newCounts(): MutableCounts {
  return { sent: 0, accepted: 0, rejected: 0, duplicates: 0, handshakes: 0 };
}
