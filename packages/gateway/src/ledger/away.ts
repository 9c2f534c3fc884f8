import { WattsealError } from "@wattseal/base";
import { LctKeysError } from "@wattseal/lct-keys";

/** Not now: the same request may be granted later. */
const PASSING: ReadonlySet<string> = new Set([
  "epoch-rationed",
  "rate-limited",
  "signer-busy",
  "signer-closed",
  "signer-token",
  "signer-unreachable",
]);

/**
 * Whether a signer is only away, rationed or slow, or the hardware behind it: entries go on and are signed later. Anything
 * else that it says (its state, the counter or the log was rolled back, another one took over) is for people to look at.
 */
export function isAway(error: unknown): error is WattsealError {
  if (error instanceof LctKeysError) return PASSING.has(error.code);
  return error instanceof WattsealError && error.kind === "hardware" && /^tpm-/.test(error.code);
}

/** When to ask again, ms from now, where the signer says so. */
export function retryAfter(error: unknown): number | undefined {
  return error instanceof LctKeysError ? error.retryAfterMs : undefined;
}
