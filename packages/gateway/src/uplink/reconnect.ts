import type { Entropy } from "@wattseal/base";

const LEAST_MS = 500;
const SPREAD_MS = 1500;

/** ms until the next attempt, drawn anew for each: a fleet whose broker restarts must not come back in step. */
export function reconnectMs(entropy: Entropy): number {
  const [high = 0, low = 0] = entropy.bytes(2);
  return LEAST_MS + Math.floor(((high * 256 + low) * SPREAD_MS) / 65_536);
}
