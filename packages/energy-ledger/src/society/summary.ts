import { InvariantViolation } from "@wattseal/base";

/** The society's accounts, mWh. Tokens: available + reserved + adp = supply. The other four stand beside them. */
export interface SocietySummary {
  readonly supply: number;
  /** Available, in lots; reserved is apart. */
  readonly atp: number;
  /** In the lots that work tickets hold. */
  readonly reserved: number;
  readonly adp: number;
  /** Measured net charge that no charge entry has used yet. */
  readonly eligible: number;
  readonly withheld: number;
  /** Energy in the pack that no token stands for. */
  readonly unclaimed: number;
  /** Energy taken out beyond what the book knew of. */
  readonly deficit: number;
  readonly opening: number;
  /** Σ n over all windows. */
  readonly net: number;
  /** Signed: what reconciling wrote off. */
  readonly recordedLoss: number;
  /**
   * Signed: energy bought and not delivered yet, less energy sold and still here. What comes and goes through the
   * terminals settles it first.
   */
  readonly claims: number;
  /** Σ of what left sellers and did not arrive here: rate and fee; stays at 2^53 − 1 once there. */
  readonly conversionLoss: number;
  /** Σ of lots that expired or were written off; stays at 2^53 − 1 once there. */
  readonly wasted: number;
}

/** The book's idea of the energy that its accounts stand for, here or owed to it. */
export function heldBy(s: SocietySummary): number {
  return s.atp + s.reserved + s.eligible + s.withheld + s.unclaimed - s.deficit;
}

/** Invariants 2 and 3 of the design, and that a deficit leaves nothing else. Throws InvariantViolation. */
export function checkBalance(s: SocietySummary): void {
  const tokens = s.atp + s.reserved + s.adp;
  if (tokens !== s.supply) fail(`${tokens} tokens for a supply of ${s.supply}`);
  const held = heldBy(s);
  const measured = s.opening + s.net - s.recordedLoss + s.claims;
  if (held !== measured) fail(`${held} mWh on the book, ${measured} mWh measured and claimed`);
  const accounts = [s.atp, s.reserved, s.adp, s.eligible, s.withheld, s.unclaimed, s.deficit];
  if (!accounts.every((value) => Number.isSafeInteger(value) && value >= 0)) {
    fail("an account is negative or inexact");
  }
  if (s.deficit > 0 && held !== -s.deficit) fail("energy is held beside a deficit");
}

function fail(what: string): never {
  throw new InvariantViolation(`the society's books do not balance: ${what}`);
}
