import { fromBase64, fromHex, lctId, messageOf, milliwattHours } from "@wattseal/base";
import { MAX_ENERGY, TEXT } from "@wattseal/energy-ledger";
import { z } from "zod";

function lct(whose: string) {
  return z
    .string()
    .regex(TEXT.lct, "is no LCT id, such as lct:agent: and 32 characters a-z, 2-7")
    .transform((value) => lctId(value))
    .describe(`LCT id of ${whose}.`);
}

/** Fields of requests, as the ledger takes them. */
export const request = {
  amountMwh: z
    .int()
    .min(1)
    .max(MAX_ENERGY)
    .transform((value) => milliwattHours(value))
    .describe("Energy, mWh."),
  entry: z.int().min(0).describe("Index of an entry in the log."),
  worker: lct("who does the work, and earns its reputation"),
  society: (which: string) => lct(which),
  /** A proof file of another log's entry. */
  proof: z
    .string()
    .max(20_000)
    .transform((value, context) => {
      try {
        return fromBase64(value, "proof");
      } catch (thrown) {
        context.addIssue({ code: "custom", message: messageOf(thrown) });
        return z.NEVER;
      }
    })
    .describe("Proof file of another log's entry, base64."),
  label: (what: string) =>
    z.string().max(64).regex(TEXT.label, "use lower-case words joined by hyphens").describe(what),
  name: (what: string) =>
    z
      .string()
      .regex(
        TEXT.sourceName,
        "use 1 to 64 characters a-z, A-Z, 0-9, colon, dot, hyphen, underscore",
      )
      .describe(what),
  phrase: (what: string) =>
    z.string().regex(TEXT.phrase, "use up to 200 characters, no control characters").describe(what),
  sha256: (what: string) =>
    z
      .string()
      .regex(/^[0-9a-f]{64}$/, "use 64 lower-case hexadecimal digits")
      .transform((value) => fromHex(value))
      .optional()
      .describe(`SHA-256 of ${what}, hexadecimal.`),
  nonce: z
    .string()
    .regex(/^(?:[0-9a-f]{2}){16,64}$/, "use 32 to 128 lower-case hexadecimal digits")
    .transform((value) => fromHex(value))
    .describe("Of the asker, 16 to 64 bytes that nobody could foresee, hexadecimal."),
  basisPoints: z.int().min(0).max(10_000),
} as const;

/** Fields of replies. */
export const reply = {
  mwh: z.int().describe("mWh"),
  time: z.int().describe("UTC, ms since 1970"),
  count: z.int().min(0),
  entry: z.int().min(0).describe("Index of the entry that this made; durable by now."),
  uid: z.string().describe("A module's unique id, hexadecimal."),
  lct: z.string().describe("LCT id."),
} as const;
