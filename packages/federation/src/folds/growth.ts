/** What queries are answered from: sums and an index over a pack's entries, kept with them and made of nothing else. */

import type { SocietySummary } from "@wattseal/energy-ledger";
import type { EpochState } from "@wattseal/lct-keys/verify";
import { z } from "zod";

/** Raised when what is made of entries changes: every pack's folds are then made again from its stored leaves. */
export const FOLD_VERSION = 1;

/** Of record: consistent intervals that no shunt's check spoke against, those with another verdict, and gaps. */
export const ENERGY_KINDS = ["consistent", "suspect", "unauthenticated", "gap"] as const;
export type EnergyKind = (typeof ENERGY_KINDS)[number];
export interface InOut {
  /** mWh; stays at 2^53 − 1 once there. */
  readonly in: number;
  readonly out: number;
}
export const SPANS = { hour: 3_600_000, day: 86_400_000 } as const;
export type Span = keyof typeof SPANS;

/** One UTC hour or day. */
export interface EnergySum {
  readonly span: Span;
  /** UTC ms: its beginning. */
  readonly start: number;
  readonly energy: Readonly<Record<EnergyKind, InOut>>;
}

/** Entries to a block of the index. */
export const BLOCK = 256;
export const MARK_BYTES = BLOCK / 8;

/** Which entries of a block have a type, or name a module. */
export interface Marks {
  /** An entry type or a module's unique id. */
  readonly key: string;
  /** Index of its first entry / 256. */
  readonly block: number;
  /** 32 bytes; bit i mod 8, from the lowest, of byte ⌊i / 8⌋ is that of the block's entry i. */
  readonly bits: Uint8Array;
}

/** Root of the complete subtree of 256^tile leaves that begins at leaf `index` · 256^tile. */
export interface Subtree {
  /** 1 or more: a level of tiles (C2SP tlog-tiles). */
  readonly tile: number;
  readonly index: number;
  readonly root: Uint8Array;
}

const amount = z.number().int();
const society = z.object({
  supply: amount,
  atp: amount,
  reserved: amount,
  adp: amount,
  eligible: amount,
  withheld: amount,
  unclaimed: amount,
  deficit: amount,
  opening: amount,
  net: amount,
  recordedLoss: amount,
  claims: amount,
  conversionLoss: amount,
  wasted: amount,
}) satisfies z.ZodType<SocietySummary>;
const epochState = z.enum([
  "software",
  "unmeasured",
  "attested",
  "unattested",
]) satisfies z.ZodType<EpochState>;

/** A pack as its last entry leaves it. Kept as JSON. */
export const foldSummary = z.object({
  time: amount.describe("Of the last entry: UTC, ms since 1970."),
  society: society.describe("The society's accounts, mWh (docs/energy.md)."),
  epochs: z.partialRecord(epochState, amount).describe("Epochs by what vouches for them."),
  epoch: z
    .object({ epoch: amount, state: epochState, entry: amount })
    .optional()
    .describe("The last one that began: its number, its state, the index of its epoch.begin."),
  modules: z.array(z.string()).describe("Modules that are paired, by unique id."),
  alarms: z
    .record(z.string(), amount)
    .describe("Times that each alarm was seen; beyond 64 kinds they count as other-alarms."),
});
export type FoldSummary = z.infer<typeof foldSummary>;

/** What some entries in a row add to a pack's folds. */
export interface FoldGrowth {
  /** The program's FOLD_VERSION. */
  readonly version: number;
  /** As the last of them leaves it. */
  readonly summary: FoldSummary;
  /** Added to what was there. */
  readonly energy: readonly EnergySum[];
  /** In place of what was there. */
  readonly marks: readonly Marks[];
  readonly subtrees: readonly Subtree[];
}

export const MOST = Number.MAX_SAFE_INTEGER;
export const addedUp = (a: number, b: number) => Math.min(MOST, a + b);

/** Sums of the same hour or day become one. */
export function mergedEnergy(sums: readonly EnergySum[]): EnergySum[] {
  const merged = new Map<string, EnergySum>();
  for (const sum of sums) {
    const name = `${sum.span} ${sum.start}`;
    const known = merged.get(name);
    merged.set(
      name,
      known === undefined ? sum : { ...sum, energy: plus(known.energy, sum.energy) },
    );
  }
  return [...merged.values()];
}

export function plus(a: EnergySum["energy"], b: EnergySum["energy"]): EnergySum["energy"] {
  return energyOf((kind) => ({
    in: addedUp(a[kind].in, b[kind].in),
    out: addedUp(a[kind].out, b[kind].out),
  }));
}

export function energyOf(of: (kind: EnergyKind) => InOut): EnergySum["energy"] {
  return {
    consistent: of("consistent"),
    suspect: of("suspect"),
    unauthenticated: of("unauthenticated"),
    gap: of("gap"),
  };
}

/** Of marks with one key and block, the last. */
export function latestMarks(marks: readonly Marks[]): Marks[] {
  return [...new Map(marks.map((one) => [`${one.key} ${one.block}`, one])).values()];
}
