import { type LctId, type Millis, type MilliwattHours, milliwattHours } from "@wattseal/base";
import type { Entry } from "../entries/entry.js";
import type { PolicyWitness } from "../entries/society.js";
import type {
  SocietyDecide,
  SocietyRecord,
  SocietyReport,
  SocietyTrade,
  TradeTerms,
} from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { TradedState } from "../snapshot/state.js";
import type { SocietyBook } from "../society/book.js";
import type { Charter, ForeignEntry, SocietyContext } from "../society/charter.js";
import type { Dues } from "../society/dues.js";
import { MOST_ESCROWS } from "./escrows.js";
import { provenBy, requireDecision } from "./foreign.js";
import { arrivingOf, refuse, requireOurs, requireSound, sameTerms } from "./terms.js";
import { UsedEntries } from "./used.js";
import { WitnessFold } from "./witness.js";

export type TradeEntry = Entry<
  | "society.escrow"
  | "society.offer"
  | "society.decide"
  | "society.trade"
  | "society.report"
  | "society.record"
>;

/** A trade is decided within so many ms of its escrow. */
const MOST_DECIDE = 86_400_000;

interface Parts {
  readonly context: SocietyContext;
  readonly charter: Charter;
  readonly book: SocietyBook;
  readonly dues: Dues;
}

/** Energy that is not known to be past its date, from another society. */
interface Arrival {
  readonly giver: LctId;
  /** Of the entry that gave it, in the giver's log. */
  readonly index: number;
  readonly expires: Millis;
}

/**
 * What passes between this society and others, and what its log decides for others: docs/ledger-format.md,
 * Other societies. Each entry is taken as a whole or refused.
 */
export class TradeFold {
  readonly #parts: Parts;
  readonly #used: UsedEntries;
  /** What this log decides for others. */
  readonly witness: WitnessFold;

  constructor(parts: Parts, saved?: Pick<TradedState, "used" | "decisions">) {
    this.#parts = parts;
    this.#used = new UsedEntries(saved?.used);
    this.witness = new WitnessFold(parts, saved?.decisions);
  }

  /** Undefined where societies have nothing to do with this one. */
  save(): TradedState | undefined {
    const book = this.#parts.book.saveTraded();
    const [used, decisions] = [this.#used.save(), this.witness.save()];
    const scalars = book.claims !== 0 || book.conversionLoss !== 0;
    const lists = book.escrows.length + used.length + decisions.length;
    return scalars || lists > 0 ? { ...book, used, decisions } : undefined;
  }

  /** Terms of the trades that this society has lots kept for, oldest first. */
  open(): readonly TradeTerms[] {
    return this.#parts.book.escrows.all();
  }

  /** Whether what that entry of another log gave has come here. Forgotten some time after it is past its date. */
  received(giver: LctId, index: number): boolean {
    return this.#used.has(giver, index);
  }

  /** Terms of a trade of the oldest lots, as long as the first of them lives. Throws LedgerError `trade` where there is none. */
  escrowFor(index: number, order: Omit<TradeTerms, "seller" | "ticket" | "expires">): TradeTerms {
    const { book, dues, context } = this.#parts;
    const { oldest } = book.lots;
    if (context.lct === undefined || oldest === undefined) refuse("has no lots");
    return { ...order, seller: context.lct, ticket: index, expires: dues.expiryOf(oldest) };
  }

  /**
   * What this side enters of a decision and its proof: undefined where nothing is left to do, and for a buyer's
   * abort, which moves nothing.
   */
  tradeFor({ decision, terms }: SocietyDecide, proof: Uint8Array): SocietyTrade | undefined {
    const { context, book } = this.#parts;
    const { seller, buyer, ticket } = terms;
    const selling = seller === context.lct && book.escrows.has(ticket);
    const buying = buyer === context.lct && decision === "commit" && !this.received(seller, ticket);
    return selling || buying ? { outcome: decision, terms, proof } : undefined;
  }

  /** The report of a ticket's work to a parent. Throws LedgerError `ticket` where it holds nothing. */
  reportFor(
    report: Omit<SocietyReport, "amount" | "expires"> & { readonly amount?: MilliwattHours },
  ): SocietyReport {
    const { book, dues } = this.#parts;
    const { held } = book.tickets.of(report.ticket);
    const oldest = book.tickets.oldestOf(report.ticket);
    if (oldest === undefined) throw new LedgerError("ticket", "the ticket holds nothing");
    return { amount: milliwattHours(held), ...report, expires: dues.expiryOf(oldest) };
  }

  /** What a parent enters of a citizen's report and its proof; undefined where it has. */
  recordFor({ lct, index, entry }: ForeignEntry, proof: Uint8Array): SocietyRecord | undefined {
    if (entry.type !== "society.report" || this.received(lct, index)) return undefined;
    const { amount, expires } = entry.body;
    return { citizen: lct, report: index, amount, expires, proof };
  }

  apply(index: number, { type, body, timeMs }: TradeEntry): void {
    switch (type) {
      case "society.escrow":
        this.#escrow(index, body, timeMs);
        break;
      case "society.offer":
        this.witness.offer(body, timeMs);
        break;
      case "society.decide":
        this.witness.decide(body, timeMs);
        break;
      case "society.trade":
        this.#trade(index, body, timeMs);
        break;
      case "society.report":
        this.#report(body, timeMs);
        break;
      case "society.record":
        this.#record(index, body, timeMs);
        break;
    }
  }

  #escrow(index: number, terms: TradeTerms, now: Millis): void {
    const { charter, book, dues, context } = this.#parts;
    const { ticket, seller, buyer, witness, amount, decideBy, expires } = terms;
    charter.requireOpen();
    dues.requireNone(now);
    requireSound(terms);
    if (seller !== context.lct || ticket !== index) refuse("is another society's or ticket's");
    if (decideBy <= now || decideBy - now > MOST_DECIDE) refuse("is not decided within a day");
    if (book.escrows.count >= MOST_ESCROWS)
      refuse(`would be the ${MOST_ESCROWS + 1}st that is open`);
    charter.requireCounterparty(buyer);
    const witnesses = this.#witnessesOf(witness);
    const { oldest, total } = book.lots;
    if (oldest === undefined || amount > total)
      refuse(`is of ${amount} mWh, but lots have ${total}`);
    if (expires > dues.expiryOf(oldest)) refuse("outlives its oldest lot");
    book.keep(terms, witnesses);
  }

  #witnessesOf(witness: LctId): readonly PolicyWitness[] {
    const witnesses = this.#parts.charter.witnesses(witness);
    if (witnesses.length === 0) refuse(`has no common witness: the policy names no ${witness}`);
    return witnesses;
  }

  #trade(index: number, trade: SocietyTrade, now: Millis): void {
    const { terms, outcome } = trade;
    requireSound(terms);
    if (terms.seller !== this.#parts.context.lct) this.#buy(index, trade, now);
    else if (outcome === "lapse") this.#lapse(trade, now);
    else this.#sell(trade, now);
  }

  /** What the energy's last date makes of a trade is what a commit makes of it: the buyer may have got it. */
  #lapse({ terms, proof }: SocietyTrade, now: Millis): void {
    const { dues, book } = this.#parts;
    if (proof !== undefined) refuse("lapses without a proof");
    this.#requireEscrow(terms);
    dues.checkLapse(terms, now);
    book.sell(terms);
  }

  #sell({ terms, outcome, proof }: SocietyTrade, now: Millis): void {
    const { dues, book, context } = this.#parts;
    dues.requireNone(now);
    const { witnesses } = this.#requireEscrow(terms);
    requireDecision(provenBy(context, proof, witnesses), terms, outcome);
    if (outcome === "commit") book.sell(terms);
    else book.release(terms.ticket);
  }

  #requireEscrow(terms: TradeTerms) {
    const escrow = this.#parts.book.escrows.of(terms.ticket);
    if (!sameTerms(escrow.terms, terms)) refuse(`is not that of entry ${terms.ticket}`);
    return escrow;
  }

  #buy(index: number, { terms, outcome, proof }: SocietyTrade, now: Millis): void {
    const { charter, context } = this.#parts;
    requireOurs(terms.buyer, context);
    if (outcome !== "commit") refuse("ends here by a commit alone");
    const arrival = { giver: terms.seller, index: terms.ticket, expires: terms.expires };
    this.#requireArrival(arrival, now);
    const witnesses = this.#witnessesOf(terms.witness);
    charter.requireCounterparty(terms.seller);
    requireDecision(provenBy(context, proof, witnesses), terms, outcome);
    this.#receive(index, now, { ...arrival, amount: arrivingOf(terms), left: terms.amount });
  }

  #report({ ticket, parent, amount, expires }: SocietyReport, now: Millis): void {
    const { charter, book, dues } = this.#parts;
    charter.requireOpen();
    dues.requireNone(now);
    charter.requireCounterparty(parent);
    const { held } = book.tickets.of(ticket);
    const oldest = book.tickets.oldestOf(ticket);
    if (oldest === undefined || amount > held) {
      throw new LedgerError("ticket", `${amount} mWh, but ticket ${ticket} holds ${held}`);
    }
    if (expires <= now || expires > dues.expiryOf(oldest)) {
      throw new LedgerError("trade", "the report's energy is past its date, or outlives its lots");
    }
    book.give(ticket, amount);
  }

  #record(index: number, record: SocietyRecord, now: Millis): void {
    const { charter, context } = this.#parts;
    const { citizen, report, amount, expires, proof } = record;
    const arrival = { giver: citizen, index: report, expires };
    this.#requireArrival(arrival, now);
    charter.requireCounterparty(citizen);
    const { lct, index: at, entry } = provenBy(context, proof, charter.witnesses());
    const shown =
      entry.type === "society.report" &&
      entry.body.parent === context.lct &&
      entry.body.amount === amount &&
      entry.body.expires === expires;
    if (!shown || lct !== citizen || at !== report) {
      throw new LedgerError("foreign", "the proof is not of this report");
    }
    this.#receive(index, now, { ...arrival, amount, left: amount });
  }

  #requireArrival({ giver, index, expires }: Arrival, now: Millis): void {
    const { charter, dues, context } = this.#parts;
    charter.requireOpen();
    dues.requireNone(now);
    if (!context.synchronised) refuse("needs a synchronised clock: its energy has a last date");
    if (expires <= now) refuse("comes after its energy's last date");
    this.#used.requireNew(giver, index, now);
  }

  /** `left` mWh went out there, `amount` have arrived. */
  #receive(
    index: number,
    now: Millis,
    arrival: Arrival & { readonly amount: number; readonly left: number },
  ): void {
    const { book, dues, context } = this.#parts;
    const { giver, index: given, expires, left } = arrival;
    const amount = milliwattHours(arrival.amount);
    const item = { charge: index, since: dues.sinceOf(expires, now), amount };
    book.receive(item, left - amount, context.epochState !== "unattested");
    this.#used.use({ giver, index: given, expires }, now);
  }
}
