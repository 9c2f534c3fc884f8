/** What is asked and answered; the description is made of these too. */
import { z } from "zod";

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

const receipt = z.object({
  size: count.describe("Entries that it covers."),
  text: z.string().describe("C2SP signed note: the pack's checkpoint with the cosignature."),
});
export const packLine = z.object({
  pack: packText,
  entries: count.describe("Stored."),
  witnessed: count.describe("Covered by the latest receipt."),
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
export const fleet = z.object({
  fleet: z.string(),
  witness: z.string().describe("C2SP vkey: name and key of its cosignatures."),
  packs: count,
  entries: count,
  witnessed: count,
  modulesTwice: count.describe("Modules that two logs claim the same of, pairs of logs."),
});
