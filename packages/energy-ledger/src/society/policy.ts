import type { Policy } from "../entries/society.js";
import { LedgerError } from "../errors.js";

/** What measured boot says of the epoch that writes. */
export type EpochState = "attested" | "unattested" | "software";

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

/** Share of a charge that becomes a lot at once. A software anchor's word is worth the low tier at most, an unattested epoch's nothing. */
export function tierBpsOf(policy: Policy, epoch: EpochState): number {
  if (epoch === "unattested") return 0;
  if (epoch === "software") return policy.lowBps;
  const byTier = { high: policy.highBps, developing: policy.developingBps, low: policy.lowBps };
  return byTier[policy.tier];
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
