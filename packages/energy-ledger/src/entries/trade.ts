/** Energy that passes from one society to another: trade, decided in the common witness's log, and citizenship. */
import {
  amount,
  basisPoints,
  energy,
  entryIndex,
  hash32,
  lct,
  proofFile,
  time,
} from "../codec/scalars.js";
import { integer, oneOf, optional, record, type Value } from "../codec/schema.js";

/**
 * What both sides and the witness mean by one trade; its name is the SHA-256 of this array (`tradeId`). By itself the
 * body of a society.escrow, in the seller's log: lots are kept for the trade until it has ended.
 */
export const tradeTerms = record({
  seller: lct,
  /** Index of the society.escrow in the seller's log. */
  ticket: entryIndex,
  buyer: lct,
  /** Whose log decides. */
  witness: lct,
  /** mWh that leave the seller. */
  amount,
  /** Share of it that arrives, before the fee. */
  rateBps: integer("a rate in basis points, at most 1", 1, 10_000),
  /** mWh taken off what arrives. */
  fee: energy,
  /** UTC ms: after it the witness commits nothing any more. */
  decideBy: time,
  /** UTC ms: after it the energy counts nowhere. Not later than the oldest of the seller's lots expires. */
  expires: time,
});
export type TradeTerms = Value<typeof tradeTerms>;

/** The witness's log: it has seen the seller's escrow. */
export const societyOffer = record({
  terms: tradeTerms,
  /** Proof file of the society.escrow. */
  proof: proofFile,
});
export type SocietyOffer = Value<typeof societyOffer>;

/** The witness's log: what becomes of the trade, once. */
export const societyDecide = record({
  decision: oneOf("decision", "commit", "abort"),
  terms: tradeTerms,
});
export type SocietyDecide = Value<typeof societyDecide>;

/** Either side's log: what was decided is done here. */
export const societyTrade = record({
  /** `lapse`: the seller heard of no decision until the energy's last date. */
  outcome: oneOf("outcome of a trade", "commit", "abort", "lapse"),
  terms: tradeTerms,
  /** Proof file of the society.decide; absent for `lapse`. */
  proof: optional(proofFile),
});
export type SocietyTrade = Value<typeof societyTrade>;

/** A citizen's log: closes a work ticket as society.commit does, and the parent gets the energy. */
export const societyReport = record({
  /** Index of the society.reserve. */
  ticket: entryIndex,
  parent: lct,
  /** mWh of what the ticket still holds. */
  amount,
  /** UTC ms: not later than the oldest of the ticket's lots expires. */
  expires: time,
  /** Share of the work that earns the worker reputation. */
  quality: basisPoints,
  /** SHA-256 of what shows that the work is done. */
  proof: optional(hash32),
});
export type SocietyReport = Value<typeof societyReport>;

/** The parent's log: the citizen's report is charged here. */
export const societyRecord = record({
  citizen: lct,
  /** Index of the society.report in the citizen's log. */
  report: entryIndex,
  amount,
  expires: time,
  /** Proof file of the society.report. */
  proof: proofFile,
});
export type SocietyRecord = Value<typeof societyRecord>;
