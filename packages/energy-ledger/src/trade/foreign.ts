import { messageOf } from "@wattseal/base";
import type { PolicyWitness } from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { ForeignEntry, SocietyContext } from "../society/charter.js";
import { sameTerms } from "./terms.js";

/** Throws LedgerError `foreign` unless the proof holds under one of these witnesses. */
export function provenBy(
  context: SocietyContext,
  proof: Uint8Array | undefined,
  witnesses: readonly PolicyWitness[],
): ForeignEntry {
  if (proof === undefined) throw new LedgerError("foreign", "there is no proof");
  try {
    return context.verifyForeign(proof, witnesses);
  } catch (cause) {
    throw new LedgerError("foreign", messageOf(cause), { cause });
  }
}

/** Throws LedgerError `foreign` unless this is the witness's entry that ends the trade so. */
export function requireDecision(
  { lct, entry }: ForeignEntry,
  terms: TradeTerms,
  outcome: string,
): void {
  const shown =
    entry.type === "society.decide" &&
    entry.body.decision === outcome &&
    sameTerms(entry.body.terms, terms);
  if (shown && lct === terms.witness) return;
  throw new LedgerError("foreign", `the proof is not of the witness's ${outcome} of this trade`);
}
