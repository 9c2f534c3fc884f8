import { bytesEqual, type LctId, sha256, toHex } from "@wattseal/base";
import { encodeAs } from "../codec/schema.js";
import { type TradeTerms, tradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import { shareOf } from "../society/policy.js";

/** SHA-256 of the terms, 64 hexadecimal digits: what a trade is called everywhere. */
export function tradeId(terms: TradeTerms): string {
  return toHex(sha256(encodeAs(tradeTerms, terms)));
}

export function sameTerms(one: TradeTerms, other: TradeTerms): boolean {
  return bytesEqual(encodeAs(tradeTerms, one), encodeAs(tradeTerms, other));
}

/** mWh that the buyer gets: ⌊amount × rate⌋ less the fee. */
export function arrivingOf({ amount, rateBps, fee }: TradeTerms): number {
  return shareOf(amount, rateBps) - fee;
}

/** Throws LedgerError `trade` for terms that no trade can have. */
export function requireSound(terms: TradeTerms): void {
  const { seller, buyer, witness, decideBy, expires } = terms;
  if (new Set([seller, buyer, witness]).size < 3)
    refuse("names one society twice: seller, buyer and witness are three");
  if (decideBy >= expires) refuse("is decided only when its energy is past its date");
  if (arrivingOf(terms) < 1) refuse("nothing of it arrives");
}

export function requireOurs(society: LctId, { lct }: { readonly lct: LctId | undefined }): void {
  if (society !== lct) refuse(`is for ${society} to say`);
}

export function refuse(problem: string): never {
  throw new LedgerError("trade", `the trade ${problem}`);
}
