import { type Millis, milliwattHours } from "@wattseal/base";
import { MAX_ENERGY } from "../codec/scalars.js";
import type { EnergyReconcile, EnergyWindow } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import {
  MAX_EXPIRED,
  type Policy,
  type SocietyCertify,
  type SocietyCharge,
  type SocietyCommit,
  type SocietyExpire,
  type SocietyReserve,
  type SocietyRollback,
} from "../entries/society.js";
import type { SocietyReport } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { SocietyState } from "../snapshot/state.js";
import { type TradeEntry, TradeFold } from "../trade/fold.js";
import { SocietyBook } from "./book.js";
import { type AuthorityEntry, Charter, type SocietyContext } from "./charter.js";
import { type DueEntry, Dues } from "./dues.js";
import { largestWithShare, shareOf } from "./policy.js";
import { totalOf } from "./queue.js";
import type { SocietySummary } from "./summary.js";
import { MOST_TICKETS, type OpenTicket } from "./tickets.js";

/** Entries that move the society. */
export type SocietyEntry =
  | TradeEntry
  | Entry<
      | "lct.status"
      | "society.mint"
      | "society.source"
      | "society.policy"
      | "society.charge"
      | "society.certify"
      | "society.reserve"
      | "society.commit"
      | "society.rollback"
      | "society.expire"
      | "energy.window"
      | "energy.reconcile"
    >;

/**
 * The ATP/ADP society as a fold: state(n) from state(n − 1) and one entry. Memory is bounded by what has not
 * expired, not by the log.
 */
export class SocietyFold {
  readonly #context: SocietyContext;
  readonly #charter: Charter;
  readonly #book: SocietyBook;
  readonly #dues: Dues;
  /** What passes between this society and others. */
  readonly trades: TradeFold;
  /** A window or a reconcile has come: an opening stock may not any more. */
  #opened: boolean;

  /** With `saved` throws InvariantViolation where its books do not balance. */
  constructor(context: SocietyContext, saved?: SocietyState) {
    this.#context = context;
    this.#charter = new Charter(context, saved?.charter);
    this.#book = new SocietyBook(saved?.book, saved?.traded);
    const [charter, book] = [this.#charter, this.#book];
    this.#dues = new Dues(context, charter, book);
    this.trades = new TradeFold({ context, charter, book, dues: this.#dues }, saved?.traded);
    this.#opened = saved?.opened ?? false;
    this.#book.check();
  }

  save(): SocietyState {
    return {
      opened: this.#opened,
      book: this.#book.save(),
      charter: this.#charter.save(),
      traded: this.trades.save(),
    };
  }

  /** An opening stock may no longer be entered: it has been, or a window or another reconcile came without. */
  get opened(): boolean {
    return this.#opened;
  }

  /** The final state of the log's LCT, once an entry says so: the society is closed then. */
  get ended() {
    return this.#charter.ended;
  }

  get policy(): Policy | undefined {
    return this.#charter.policy;
  }

  /** Whether a statement is in force or superseded; false where it would be refused for another reason. */
  holds(statement: AuthorityEntry): boolean {
    try {
      return this.#charter.holds(statement);
    } catch {
      return false;
    }
  }

  /** Open work tickets, oldest first. */
  tickets(): readonly OpenTicket[] {
    return [...this.#book.tickets.all()];
  }

  /** One of them. Throws LedgerError `ticket`. */
  ticket(ticket: number): OpenTicket {
    return this.#book.tickets.of(ticket);
  }

  summary(): SocietySummary {
    return this.#book.summary();
  }

  /** The part of a window's net that the accounts can take; see `SocietyBook.countable`. */
  countable(net: number): number {
    return this.#book.countable(net);
  }

  /** Throws LedgerError and changes nothing, or InvariantViolation when both would not add up any more. */
  apply(index: number, entry: SocietyEntry): void {
    this.#apply(index, entry);
    this.#book.check();
  }

  #apply(index: number, entry: SocietyEntry): void {
    const { type, body, timeMs } = entry;
    switch (type) {
      case "society.escrow":
      case "society.offer":
      case "society.decide":
      case "society.trade":
      case "society.report":
      case "society.record":
        this.trades.apply(index, entry);
        break;
      case "lct.status":
        this.#charter.status(index, body.sign1);
        break;
      case "society.mint":
        this.#mint(index, body.sign1);
        break;
      case "society.source":
        this.#charter.source(index, body.sign1, timeMs);
        break;
      case "society.policy":
        this.#charter.setPolicy(index, body.sign1);
        break;
      case "society.charge":
        this.#charge(index, body, timeMs);
        break;
      case "society.certify":
        this.#certify(body, timeMs);
        break;
      case "society.reserve":
        this.#reserve(index, body, timeMs);
        break;
      case "society.commit":
        this.#commit(body, timeMs);
        break;
      case "society.rollback":
        this.#rollback(body, timeMs);
        break;
      case "society.expire":
        this.#expire(body, timeMs);
        break;
      case "energy.window":
        this.#window(body, timeMs);
        break;
      case "energy.reconcile":
        this.#reconcile(body, timeMs);
        break;
    }
  }

  #mint(index: number, sign1: Uint8Array): void {
    const mint = this.#charter.mint(index, sign1);
    this.#book.mint(mint.amount);
    this.#charter.minted(mint);
  }

  #charge(index: number, charge: SocietyCharge, now: Millis): void {
    this.#charter.requireOpen();
    this.#dues.requireNone(now);
    const { tierBps } = this.#charter.terms();
    const { amount, sources } = charge;
    if (charge.tierBps !== tierBps) {
      throw new LedgerError("charge", `tierBps is ${charge.tierBps}, but ${tierBps} is in force`);
    }
    const named = totalOf(sources);
    if (named !== amount) {
      throw new LedgerError("charge", `the sources add up to ${named} mWh, not ${amount}`);
    }
    requireUpTo("charge", amount, this.#book.eligible, "eligible");
    const lot = shareOf(amount, tierBps);
    requireUpTo("charge", lot, this.#book.adp, "ADP");
    this.#charter.useSources(sources, now);
    this.#book.charge(index, now, milliwattHours(lot), milliwattHours(amount - lot));
  }

  /** mWh that may be charged from `source` at `now`; zero where it is unknown, out of date or used up. */
  sourceLeft(source: string, now: Millis): number {
    return this.#charter.sourceLeft(source, now);
  }

  /** The next charge entry from one source, as large as the rules allow now; undefined when they allow none. */
  chargeFor(now: Millis, source: string): SocietyCharge | undefined {
    if (this.policy === undefined || this.#charter.ended !== undefined) return undefined;
    const { tierBps } = this.#charter.terms();
    const amount = Math.min(
      MAX_ENERGY,
      this.#book.eligible,
      largestWithShare(this.#book.adp, tierBps),
      this.sourceLeft(source, now),
    );
    if (amount < 1) return undefined;
    const energy = milliwattHours(amount);
    return { amount: energy, sources: [{ source, amount: energy }], tierBps };
  }

  /** An unattested epoch has everything withheld: its own word does not undo that. */
  #certify({ amount }: SocietyCertify, now: Millis): void {
    this.#charter.requireOpen();
    this.#dues.requireNone(now);
    if (this.#context.epochState === "unattested") {
      throw new LedgerError("certify", "an unattested epoch certifies nothing");
    }
    requireUpTo("certify", amount, this.#book.withheld.total, "withheld");
    requireUpTo("certify", amount, this.#book.adp, "ADP");
    this.#book.certify(amount);
  }

  /** mWh that one ticket can take now: a ticket's lots have to fit into its rollback entry. */
  get reservable(): number {
    return Math.min(MAX_ENERGY, this.#book.lots.totalOfOldest(MAX_EXPIRED));
  }

  #reserve(index: number, { amount, worker }: SocietyReserve, now: Millis): void {
    this.#charter.requireOpen();
    this.#dues.requireNone(now);
    if (this.#book.tickets.count >= MOST_TICKETS) {
      throw new LedgerError("ticket", `${MOST_TICKETS} tickets are open`);
    }
    requireUpTo("ticket", amount, this.reservable, `in the oldest ${MAX_EXPIRED} lots`);
    this.#book.reserve(index, now, worker, amount);
  }

  #commit({ ticket, amount = milliwattHours(0) }: SocietyCommit, now: Millis): void {
    this.#charter.requireOpen();
    this.#dues.requireNone(now);
    const { held, used } = this.#book.tickets.of(ticket);
    requireUpTo("ticket", amount, held, `held by ticket ${ticket}`);
    if (amount + used === 0) throw new LedgerError("ticket", `ticket ${ticket} has used nothing`);
    this.#book.commit(ticket, amount);
  }

  /**
   * Who earns what by this commit or report, which has not been applied yet: `reputation` is the share `quality` of the mWh
   * that the work took, used by windows or committed. Throws LedgerError `ticket`.
   */
  rewardOf({ ticket, amount = milliwattHours(0), quality }: SocietyCommit | SocietyReport) {
    const { worker, used } = this.#book.tickets.of(ticket);
    return { worker, reputation: milliwattHours(shareOf(used + amount, quality)) };
  }

  #rollback(rollback: SocietyRollback, now: Millis): void {
    this.#dues.checkRollback(rollback, now);
    this.#book.rollback(rollback.ticket, rollback.lots);
  }

  /** The rollback of an open ticket whose work failed. Throws LedgerError `ticket`. */
  rollbackFor(now: Millis, ticket: number): SocietyRollback {
    return this.#dues.rollback(now, ticket, "failure");
  }

  #expire(expire: SocietyExpire, now: Millis): void {
    this.#dues.checkExpire(expire, now);
    this.#book.expire(expire.lots, expire.withheld);
  }

  /**
   * The entry that has to come before any other that touches lots at `now`: rollbacks of tickets past their
   * deadline, then `dueExpiries`; undefined when nothing is due. Ask again after it.
   */
  dueEntry(now: Millis): DueEntry | undefined {
    return this.#dues.next(now);
  }

  /**
   * The expire entry that has to come before any other that touches lots at `now`, once no ticket is past its
   * deadline; undefined when nothing is due. One entry holds a bounded number of items: ask again after it.
   */
  dueExpiries(now: Millis): SocietyExpire | undefined {
    return this.#dues.expiries(now);
  }

  /** Whether an operator should hear of this expire or rollback entry's waste. */
  alerts({ lots }: SocietyExpire | SocietyRollback): boolean {
    return this.policy !== undefined && totalOf(lots) > this.policy.wasteAlert;
  }

  #window(window: EnergyWindow, now: Millis): void {
    this.#dues.requireNone(now);
    this.#book.move(window.net);
    this.#opened = true;
  }

  #reconcile({ kind, stock }: EnergyReconcile, now: Millis): void {
    if (kind !== "opening") {
      this.#dues.requireNone(now);
      this.#book.reconcile(stock);
    } else if (this.#opened) {
      throw new LedgerError("reconcile", "the opening stock comes after a window or a reconcile");
    } else this.#book.open(stock);
    this.#opened = true;
  }
}

function requireUpTo(
  code: "charge" | "certify" | "ticket",
  wanted: number,
  most: number,
  what: string,
): void {
  if (wanted > most) throw new LedgerError(code, `${wanted} mWh, but ${most} are ${what}`);
}
