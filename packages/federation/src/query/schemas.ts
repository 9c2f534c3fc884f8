/** What is asked and answered; the description is made of these too. */
import { z } from "zod";
import { type EnergyKind, foldSummary } from "../folds/growth.js";

const count = z.int().min(0);
const time = z.int().min(0).describe("UTC, ms since 1970.");
const base64 = z.string().describe("Base64.");
export const packText = z
  .string()
  .regex(/^[a-z2-7]{32}$/)
  .describe("A pack: the base32 part of its LCT's id.");

/** A number in a query string. */
const whole = (most: number) => z.coerce.number().int().min(0).max(most);
const MOST_PACKS = 500;
const MOST_ENTRIES = 256;

export const packsQuery = {
  after: z.string().max(32).default("").describe("A pack: those after it."),
  limit: whole(MOST_PACKS).min(1).default(100).describe(`Packs at most, up to ${MOST_PACKS}.`),
};
export const entriesQuery = {
  from: whole(Number.MAX_SAFE_INTEGER).default(0).describe("Index of the first."),
  limit: whole(MOST_ENTRIES)
    .min(1)
    .default(100)
    .describe(`Entries at most, up to ${MOST_ENTRIES}, and fewer where they are long.`),
};

const name = (pattern: RegExp) => z.string().regex(pattern);
const instant = whole(Number.MAX_SAFE_INTEGER);
/** Hours or days in one answer. */
export const MOST_SUMS = 1_000;
export const energyQuery = {
  from: instant.describe("UTC, ms since 1970: hours or days that begin from then on."),
  to: instant
    .optional()
    .describe(`And before that; without it, and at most, ${MOST_SUMS} hours or days.`),
  by: z.enum(["hour", "day"]).default("hour").describe("UTC hours, or UTC days."),
};
export const alarmsQuery = {
  limit: whole(100).min(1).default(50).describe("Entries at most, the newest."),
};
export const searchQuery = {
  type: name(/^[a-z]+\.[a-z]+$/)
    .optional()
    .describe("Entries of this type."),
  module: name(/^[0-9a-f]{16}$/)
    .optional()
    .describe("Entries that name this module, by unique id."),
  pack: packText.optional().describe("In this pack's log alone."),
  from: instant.default(0).describe("UTC, ms since 1970: entries from then on."),
  to: instant.optional().describe("And before that."),
  after: name(/^[a-z2-7]{32}:\d{1,16}$/)
    .optional()
    .describe("`next` of the page before."),
  limit: whole(100).min(1).default(50).describe("Entries at most, up to 100."),
};

const receipt = z.object({
  size: count.describe("Entries that it covers."),
  text: z.string().describe("C2SP signed note: the pack's checkpoint with the cosignature."),
});
export const packLine = z.object({
  pack: packText,
  entries: count.describe("Stored."),
  witnessed: count.describe("Covered by the latest receipt."),
});
export const packView = packLine.extend({
  summed: count.describe(
    "Entries that the summary, energy and searches cover: all, but while they are made again.",
  ),
  summary: foldSummary.optional(),
});
export const packs = z.object({
  packs: z.array(packLine),
  next: packText.optional().describe("`after` of the next page, where there is one."),
});
export const entry = z.object({
  index: count,
  type: z.string(),
  time,
  body: z.unknown().describe("Its fields; byte strings as hexadecimal, absent ones left out."),
  leaf: base64.describe("The entry's bytes as signed (docs/ledger-format.md), base64."),
});
export const entries = z.object({
  pack: packText,
  entries: z.array(entry),
  next: count.optional().describe("`from` of the next page, where there is one."),
});
export const receipts = z.object({
  pack: packText,
  receipts: z.array(receipt).describe("The latest, which covers what all before it did."),
});
export const inOut = z.object({ in: count, out: count }).describe("mWh.");
const ENERGY = {
  consistent: inOut,
  suspect: inOut,
  unauthenticated: inOut,
  gap: inOut,
} satisfies Record<EnergyKind, z.ZodType>;
export const energy = z.object({
  by: z.enum(["hour", "day"]),
  sums: z.array(
    z.object({
      start: time.describe("Of the hour or day: UTC, ms since 1970."),
      ...ENERGY,
    }),
  ),
});
export const alarms = z.object({
  pack: packText,
  counts: foldSummary.shape.alarms,
  newest: z.array(entry).describe("link.alarm entries, the newest first."),
});
export const searched = z.object({
  entries: z.array(entry.extend({ pack: packText })),
  next: z
    .string()
    .optional()
    .describe("`after` of the next page; a page may be short, even empty, where there is one."),
});
export const fleet = z.object({
  fleet: z.string(),
  witness: z.string().describe("C2SP vkey: name and key of its cosignatures."),
  nextWitness: z
    .string()
    .optional()
    .describe("The key that follows, while receipts bear cosignatures under both."),
  receiptLog: z
    .string()
    .optional()
    .describe("C2SP vkey: origin and key of the log of its receipts."),
  nextReceiptLog: z
    .string()
    .optional()
    .describe("The key that follows, while the log's heads are signed under both."),
  packs: count,
  entries: count,
  witnessed: count.describe("Entries covered by receipts."),
  summed: count.describe("Entries that the sums below cover."),
  society: foldSummary.shape.society.describe("Sums of the packs' accounts, mWh."),
  epochs: foldSummary.shape.epochs,
  alarms: foldSummary.shape.alarms,
  modulesTwice: count.describe("Modules that two logs claim the same of, pairs of logs."),
});
