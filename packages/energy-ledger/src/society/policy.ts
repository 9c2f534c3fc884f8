import type { Policy } from "../entries/society.js";
import { LedgerError } from "../errors.js";

/** What measured boot says of the epoch that writes; `unmeasured`: a TPM's, in a boot that nobody vouches for. */
export type EpochState = "attested" | "unmeasured" | "unattested" | "software";

export const DAY = 86_400_000;

export function checkPolicy(policy: Policy, inForce: Policy | undefined): void {
  if (inForce !== undefined && policy.version <= inForce.version) {
    throw new LedgerError(
      "policy",
      `policy version ${policy.version} is not above ${inForce.version}`,
    );
  }
  if (policy.highBps < policy.developingBps || policy.developingBps < policy.lowBps) {
    throw new LedgerError("policy", "the tiers' shares rise from high to low");
  }
}

/**
 * Share of a charge that becomes a lot at once. A software anchor's word is worth the low tier at most, that of a TPM in
 * an unmeasured boot the developing one, an unattested epoch's nothing.
 */
export function tierBpsOf(policy: Policy, epoch: EpochState): number {
  const { highBps, developingBps, lowBps, tier } = policy;
  const byTier = { high: highBps, developing: developingBps, low: lowBps }[tier];
  switch (epoch) {
    case "attested":
      return byTier;
    case "unmeasured":
      return Math.min(byTier, developingBps);
    case "software":
      return lowBps;
    case "unattested":
      return 0;
  }
}

const BASIS = 10_000;

/** ⌊amount × bps / 10000⌋, exactly: amount × bps itself may exceed 2^53. */
export function shareOf(amount: number, bps: number): number {
  const whole = Math.floor(amount / BASIS);
  return whole * bps + Math.floor(((amount - whole * BASIS) * bps) / BASIS);
}

/** The largest amount whose share at `bps` is at most `share`. */
export function largestWithShare(share: number, bps: number): number {
  if (bps === 0) return Number.MAX_SAFE_INTEGER;
  const largest = (BigInt(share + 1) * BigInt(BASIS) - 1n) / BigInt(bps);
  return largest > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(largest);
}
