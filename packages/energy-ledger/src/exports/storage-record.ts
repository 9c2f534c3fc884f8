import type { SocietySummary } from "../society/summary.js";
import type { ProofReference } from "./proof.js";

/** Where energy was taken from, mWh. The first three have allocation records, the rest has no charge behind it. */
export interface Covered {
  /** Lots that work tickets held, available lots, and what was held back. */
  readonly reservedMwh: number;
  readonly lotsMwh: number;
  readonly withheldMwh: number;
  /** Energy in the pack that no charge stands for: opening stock, expired lots. Negative: more was found. */
  readonly unclaimedMwh: number;
  /** Measured charge that no charge record had used yet. */
  readonly eligibleMwh: number;
  /** Beyond what the book knew of. Negative: repaid. */
  readonly deficitMwh: number;
  /** Sold or reported to another society before, and delivered now. */
  readonly owedMwh: number;
}

export function coveredBy(before: SocietySummary, after: SocietySummary): Covered {
  return {
    reservedMwh: before.reserved - after.reserved,
    lotsMwh: before.atp - after.atp,
    withheldMwh: before.withheld - after.withheld,
    unclaimedMwh: before.unclaimed - after.unclaimed,
    eligibleMwh: before.eligible - after.eligible,
    deficitMwh: after.deficit - before.deficit,
    owedMwh: after.claims - before.claims,
  };
}

/** What took energy from a charge: left the pack, was found missing, ran out, was spent on work, or is another society's now. */
export type AllocationCause = "discharge" | "loss" | "expiry" | "work" | "departure";

export interface Backed {
  /** Index of the entry that it says: its name in this log. */
  readonly id: number;
  readonly time: string;
  readonly proof: ProofReference;
}

/** One record; energies are mWh. */
export type StorageRecord = Backed & { readonly energyMwh: number } & (
    | {
        readonly record: "charge";
        /** The windows with net charge that it is made of. */
        readonly from: string | undefined;
        readonly to: string | undefined;
        readonly sources: readonly { readonly source: string; readonly mwh: number }[];
        /** Allocatable at once, and held back until it is certified or expires. */
        readonly lotMwh: number;
        readonly withheldMwh: number;
      }
    | ({ readonly record: "discharge"; readonly from: string; readonly to: string } & Covered)
    /** Energy: book before − stock measured; negative where more was there than the book knew of. */
    | ({ readonly record: "loss"; readonly kind: "full" | "empty" } & Covered)
    /** Energy stays in the pack, and no charge stands for it any more. */
    | { readonly record: "expiry" }
    | { readonly record: "work"; readonly ticket: number }
    | { readonly record: "opening" }
    /** Energy is another society's: still here until a discharge delivers it. */
    | ({
        readonly record: "departure";
        readonly by: "trade" | "lapse" | "report";
        readonly society: string;
        readonly ticket: number;
      } & Covered)
    /** Energy of another society: not here until it is delivered. What `entry` of its log gave. */
    | {
        readonly record: "arrival";
        readonly by: "trade" | "record";
        readonly society: string;
        readonly entry: number;
        readonly lotMwh: number;
        readonly withheldMwh: number;
        /** What it repaid of a deficit. */
        readonly repaidMwh: number;
        /** What left there beside it: rate and fee. */
        readonly lostMwh: number;
      }
    /** What arrived before has been measured in: no charge. */
    | { readonly record: "delivery"; readonly from: string; readonly to: string }
    | { readonly record: "certification"; readonly certifier: string }
    | {
        readonly record: "allocation";
        readonly cause: AllocationCause | "certification";
        /** Id of the charge or arrival record that the energy came from. */
        readonly charge: number;
        readonly account: "lot" | "reserved" | "withheld";
        readonly ticket: number | undefined;
      }
  );
