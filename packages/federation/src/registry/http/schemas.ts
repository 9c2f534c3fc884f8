/** What JSON bodies and answers look like; the description is made of these too. */
import { ENROLLED_KINDS } from "@wattseal/lct-keys";
import { z } from "zod";

export const lctText = z
  .string()
  .regex(/^lct:[a-z]+:[a-z2-7]{32}$/)
  .describe("An LCT id.");
const base64 = z.string().describe("Base64.");
const time = z.int().min(0).describe("UTC, ms since 1970.");
const state = z.enum(["pending", "active", "void", "slashed", "retired"]);

const standing = z.object({
  lct: lctText,
  state: state.describe("The last three are final. pending: a challenge is outstanding."),
  since: time.describe("Of the state; of a pending one when its challenge expires."),
});
export const standingWithProof = standing.extend({
  document: base64.optional().describe("The LCT document: COSE_Sign1, base64."),
  statements: z.array(base64).describe("Signed wattseal-status-1, oldest first, base64."),
});
export const page = z.object({
  lcts: z.array(standing),
  next: z.string().optional().describe("`after` of the next page, where there is one."),
});
export const tokenWish = z.strictObject({
  kind: z.enum(ENROLLED_KINDS).default("pack"),
  context: z.array(z.string().min(1).max(60)).max(16).default([]),
  succeeds: lctText.optional().describe("The LCT whose board the new one replaces."),
  hours: z.number().positive().max(8_784).default(24).describe("How long it can be used."),
});
export const granted = z.object({ token: z.string(), expires: time });
export const tokens = z.object({
  tokens: z.array(
    z.object({
      kind: z.string(),
      context: z.array(z.string()),
      succeeds: lctText.optional(),
      created: time,
      expires: time,
      spentOn: lctText.optional(),
    }),
  ),
});
export const voiding = z.strictObject({
  reason: z
    .string()
    .regex(/^[^\p{Cc}]{1,200}$/u)
    .describe("Goes into the signed statement."),
});
export const adoption = z.strictObject({ document: base64.describe("An LCT document, base64.") });
export const evidence = z.object({
  evidence: z.array(
    z.object({ kind: z.string(), size: z.int(), payload: base64, receipt: z.string() }),
  ),
});
export const done = z.object({ lct: lctText, state });

export type StandingReply = z.infer<typeof standingWithProof>;
