import { type LctId, type Millis, type MilliwattHours, milliwattHours } from "@wattseal/base";
import { MOST_NET } from "../codec/scalars.js";
import type { PolicyWitness } from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import { type BookState, EMPTY_BOOK, type TradedState } from "../snapshot/state.js";
import { Claims } from "../trade/claims.js";
import { EscrowBook } from "../trade/escrows.js";
import { type Dated, DatedQueue, totalOf } from "./queue.js";
import { checkBalance, heldBy, type SocietySummary } from "./summary.js";
import { TicketBook } from "./tickets.js";

/** Double-entry arithmetic of the society; each method keeps both invariants or throws before it changes anything. */
export class SocietyBook {
  readonly #lots: DatedQueue;
  readonly #withheld: DatedQueue;
  readonly #tickets: TicketBook;
  /** Lots kept for trades: windows use them last. */
  readonly #escrows: EscrowBook;
  #supply: number;
  #adp: number;
  #eligible: number;
  #unclaimed: number;
  #deficit: number;
  #opening: MilliwattHours;
  #net: number;
  #recordedLoss: number;
  readonly #claims: Claims;
  #conversionLoss: number;
  #wasted: number;

  constructor(
    saved: BookState = EMPTY_BOOK,
    traded?: Pick<TradedState, "claims" | "conversionLoss" | "escrows">,
  ) {
    this.#lots = new DatedQueue(saved.lots);
    this.#withheld = new DatedQueue(saved.withheld);
    this.#tickets = new TicketBook(saved.tickets);
    this.#supply = saved.supply;
    this.#adp = saved.adp;
    this.#eligible = saved.eligible;
    this.#unclaimed = saved.unclaimed;
    this.#deficit = saved.deficit;
    this.#opening = saved.opening;
    this.#net = saved.net;
    this.#recordedLoss = saved.recordedLoss;
    this.#wasted = saved.wasted;
    this.#escrows = new EscrowBook(traded?.escrows);
    this.#claims = new Claims(traded?.claims ?? 0);
    this.#conversionLoss = traded?.conversionLoss ?? 0;
  }

  save(): BookState {
    return {
      supply: this.#supply,
      adp: this.#adp,
      eligible: this.#eligible,
      unclaimed: this.#unclaimed,
      deficit: this.#deficit,
      opening: this.#opening,
      net: this.#net,
      recordedLoss: this.#recordedLoss,
      wasted: this.#wasted,
      lots: this.#lots.items(),
      withheld: this.#withheld.items(),
      tickets: this.#tickets.save(),
    };
  }

  /** What trades have left, which the state of a society that trades with nobody says nothing of. */
  saveTraded(): Pick<TradedState, "claims" | "conversionLoss" | "escrows"> {
    return {
      claims: this.#claims.sum,
      conversionLoss: this.#conversionLoss,
      escrows: this.#escrows.save(),
    };
  }

  get eligible(): number {
    return this.#eligible;
  }

  get adp(): number {
    return this.#adp;
  }

  get lots(): DatedQueue {
    return this.#lots;
  }

  get withheld(): DatedQueue {
    return this.#withheld;
  }

  get tickets(): TicketBook {
    return this.#tickets;
  }

  get escrows(): EscrowBook {
    return this.#escrows;
  }

  mint(amount: MilliwattHours): void {
    const supply = within(this.#supply + amount, "supply");
    this.#supply = supply;
    this.#adp += amount;
  }

  open(stock: MilliwattHours): void {
    this.#opening = stock;
    this.#unclaimed += stock;
  }

  /** The part of `net` that keeps the sum over all windows in its range: all of it, in any pack's life. */
  countable(net: number): number {
    return Math.max(-MOST_NET - this.#net, Math.min(MOST_NET - this.#net, net));
  }

  /** A window's net energy, of either sign. */
  move(net: number): void {
    this.#net = within(this.#net + net, "net energy");
    const rest = this.#claims.settle(net);
    if (rest >= 0) this.#gain(rest);
    else this.#lose(-rest);
  }

  /** Repays the deficit; the rest may be charged. */
  #gain(energy: number): void {
    const repaid = Math.min(energy, this.#deficit);
    this.#deficit -= repaid;
    this.#eligible += energy - repaid;
  }

  /** Design, ledger, Window net: tickets in their order, lots, then unclaimed, withheld, eligible; then what trades keep, deficit. */
  #lose(energy: number): void {
    let open = energy;
    const used = this.#tickets.use(open);
    this.#adp += used;
    open -= used;
    open -= this.#spendLots(open);
    open -= this.#drawUnclaimed(open);
    open -= this.#withheld.draw(open);
    open -= this.#drawEligible(open);
    open -= this.#spendEscrows(open);
    this.#deficit += open;
  }

  #spendEscrows(wanted: number): number {
    const spent = this.#escrows.draw(wanted);
    this.#adp += spent;
    return spent;
  }

  #spendLots(wanted: number): number {
    const spent = this.#lots.draw(wanted);
    this.#adp += spent;
    return spent;
  }

  #drawUnclaimed(wanted: number): number {
    const drawn = Math.min(wanted, this.#unclaimed);
    this.#unclaimed -= drawn;
    return drawn;
  }

  #drawEligible(wanted: number): number {
    const drawn = Math.min(wanted, this.#eligible);
    this.#eligible -= drawn;
    return drawn;
  }

  /** Eligible energy becomes a lot, backed by tokens of ADP, and a withheld rest. The caller has checked both are there. */
  charge(charge: number, since: Millis, lot: MilliwattHours, rest: MilliwattHours): void {
    this.#eligible -= lot + rest;
    this.#adp -= lot;
    if (lot > 0) this.#lots.put({ charge, since, amount: lot });
    if (rest > 0) this.#withheld.put({ charge, since, amount: rest });
  }

  /** The oldest withheld energy becomes lots with its dates. The caller has checked that it and ADP are there. */
  certify(amount: MilliwattHours): void {
    for (const item of this.#withheld.take(amount)) this.#lots.put(item);
    this.#adp -= amount;
  }

  /** The oldest lots go to a ticket. The caller has checked that they are there. */
  reserve(ticket: number, since: Millis, worker: LctId, amount: MilliwattHours): void {
    this.#tickets.open(ticket, since, worker, this.#lots.take(amount));
  }

  /** The ticket's oldest `spent` mWh: tokens to ADP, energy (no window has used it) to unclaimed; the rest to its lots. */
  commit(ticket: number, spent: number): void {
    this.#closeTicket(ticket, spent);
  }

  /** What is past its date of the ticket's lots is waste; the rest returns to its lots. */
  rollback(ticket: number, expired: readonly Dated[]): void {
    const tokens = totalOf(expired);
    this.#closeTicket(ticket, tokens);
    this.#waste(tokens);
  }

  #closeTicket(ticket: number, gone: number): void {
    for (const lot of this.#tickets.close(ticket, gone)) this.#lots.put(lot);
    this.#adp += gone;
    this.#unclaimed += gone;
  }

  /** Takes these off the front of the queues: tokens to ADP, energy to unclaimed. */
  expire(lots: readonly Dated[], withheld: readonly Dated[]): void {
    const tokens = this.#spendLots(totalOf(lots));
    this.#waste(tokens);
    this.#unclaimed += tokens + this.#withheld.draw(totalOf(withheld));
  }

  #waste(tokens: number): void {
    this.#wasted = Math.min(Number.MAX_SAFE_INTEGER, this.#wasted + tokens);
  }

  /** The oldest lots are kept for a trade. The caller has checked that they are there. */
  keep(terms: TradeTerms, witnesses: readonly PolicyWitness[]): void {
    this.#escrows.open(terms, witnesses, this.#lots.take(terms.amount));
  }

  /** The lots kept for a trade are free again, with their dates. */
  release(ticket: number): void {
    for (const lot of this.#escrows.close(ticket)) this.#lots.put(lot);
  }

  /** The energy of a trade leaves: what was kept for it, and where that was used, other energy. Tokens to ADP. */
  sell({ ticket, amount }: TradeTerms): void {
    this.#claims.add(-amount);
    const held = totalOf(this.#escrows.close(ticket));
    this.#adp += held;
    this.#writeOff(amount - held);
  }

  /** The ticket's oldest `amount` mWh leave: tokens to ADP; the rest to its lots. */
  give(ticket: number, amount: MilliwattHours): void {
    this.#claims.add(-amount);
    this.#closeTicket(ticket, amount);
    this.#unclaimed -= amount;
  }

  /**
   * Energy of another society, named by `charge`: it repays the deficit, becomes a lot as far as ADP goes (none of it
   * unless `free`), and the rest is withheld. `lost` mWh of what left there have not arrived.
   */
  receive(item: Dated, lost: number, free: boolean): void {
    this.#claims.add(item.amount);
    const repaid = Math.min(this.#deficit, item.amount);
    const lot = free ? Math.min(this.#adp, item.amount - repaid) : 0;
    const rest = item.amount - repaid - lot;
    this.#deficit -= repaid;
    this.#adp -= lot;
    if (lot > 0) this.#lots.put({ ...item, amount: milliwattHours(lot) });
    if (rest > 0) this.#withheld.put({ ...item, amount: milliwattHours(rest) });
    this.#conversionLoss = Math.min(Number.MAX_SAFE_INTEGER, this.#conversionLoss + lost);
  }

  /** Sets the book to the measured stock, in which what is bought is not yet and what is sold is still. */
  reconcile(measured: MilliwattHours): void {
    const loss = heldBy(this.summary()) - this.#claims.sum - measured;
    this.#recordedLoss = within(this.#recordedLoss + loss, "recorded loss");
    if (loss >= 0) this.#waste(this.#writeOff(loss));
    else {
      const cleared = Math.min(-loss, this.#deficit);
      this.#deficit -= cleared;
      this.#unclaimed += -loss - cleared;
    }
  }

  /** Takes energy out that no window measured. Returns the mWh of lots in it, whose tokens are ADP now. */
  #writeOff(energy: number): number {
    let open = energy;
    open -= this.#drawUnclaimed(open);
    open -= this.#withheld.draw(open);
    open -= this.#drawEligible(open);
    const available = this.#spendLots(open);
    const reserved = this.#tickets.writeOff(open - available);
    this.#adp += reserved;
    const kept = this.#spendEscrows(open - available - reserved);
    this.#deficit += open - available - reserved - kept;
    return available + reserved + kept;
  }

  summary(): SocietySummary {
    return {
      supply: this.#supply,
      atp: this.#lots.total,
      reserved: this.#tickets.held + this.#escrows.held,
      adp: this.#adp,
      eligible: this.#eligible,
      withheld: this.#withheld.total,
      unclaimed: this.#unclaimed,
      deficit: this.#deficit,
      opening: this.#opening,
      net: this.#net,
      recordedLoss: this.#recordedLoss,
      claims: this.#claims.sum,
      conversionLoss: this.#conversionLoss,
      wasted: this.#wasted,
    };
  }

  /** Throws InvariantViolation unless the accounts balance. */
  check(): void {
    checkBalance(this.summary());
  }
}

function within(value: number, what: string): number {
  if (Math.abs(value) > MOST_NET)
    throw new LedgerError("overflow", `${what} would exceed 2^51 mWh`);
  return value;
}
