import {
  InvariantViolation,
  type LctId,
  type Millis,
  type MilliwattHours,
  milliwattHours,
} from "@wattseal/base";
import { MOST_NET } from "../codec/scalars.js";
import { LedgerError } from "../errors.js";
import type { BookState } from "../snapshot/state.js";
import { type Dated, DatedQueue, totalOf } from "./queue.js";
import { TicketBook } from "./tickets.js";

/** The society's accounts, mWh. Tokens: available + reserved + adp = supply. The other four stand beside them. */
export interface SocietySummary {
  readonly supply: number;
  /** Available, in lots; reserved is apart. */
  readonly atp: number;
  /** In the lots that work tickets hold. */
  readonly reserved: number;
  readonly adp: number;
  /** Measured net charge that no charge entry has used yet. */
  readonly eligible: number;
  readonly withheld: number;
  /** Energy in the pack that no token stands for. */
  readonly unclaimed: number;
  /** Energy taken out beyond what the book knew of. */
  readonly deficit: number;
  readonly opening: number;
  /** Σ n over all windows. */
  readonly net: number;
  /** Signed: what reconciling wrote off. */
  readonly recordedLoss: number;
  /** Σ of lots that expired or were written off; stays at 2^53 − 1 once there. */
  readonly wasted: number;
}

const EMPTY: BookState = {
  supply: 0,
  adp: 0,
  eligible: 0,
  unclaimed: 0,
  deficit: 0,
  opening: milliwattHours(0),
  net: 0,
  recordedLoss: 0,
  wasted: 0,
  lots: [],
  withheld: [],
  tickets: [],
};

/** Double-entry arithmetic of the society; each method keeps both invariants or throws before it changes anything. */
export class SocietyBook {
  readonly #lots: DatedQueue;
  readonly #withheld: DatedQueue;
  readonly #tickets: TicketBook;
  #supply: number;
  #adp: number;
  #eligible: number;
  #unclaimed: number;
  #deficit: number;
  #opening: MilliwattHours;
  #net: number;
  #recordedLoss: number;
  #wasted: number;

  constructor(saved: BookState = EMPTY) {
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
    if (net >= 0) this.#gain(net);
    else this.#lose(-net);
  }

  /** Repays the deficit; the rest may be charged. */
  #gain(energy: number): void {
    const repaid = Math.min(energy, this.#deficit);
    this.#deficit -= repaid;
    this.#eligible += energy - repaid;
  }

  /** Design, ledger, Window net: tickets in their order, lots, then unclaimed, withheld, eligible, deficit. */
  #lose(energy: number): void {
    let open = energy;
    const used = this.#tickets.use(open);
    this.#adp += used;
    open -= used;
    open -= this.#spendLots(open);
    open -= this.#drawUnclaimed(open);
    open -= this.#withheld.draw(open);
    open -= this.#drawEligible(open);
    this.#deficit += open;
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

  /** The book's idea of what is in the pack. */
  get stock(): number {
    const tokens = this.#lots.total + this.#tickets.held;
    const claimed = tokens + this.#eligible + this.#withheld.total;
    return claimed + this.#unclaimed - this.#deficit;
  }

  /** Sets the book to the measured stock. */
  reconcile(measured: MilliwattHours): void {
    const loss = this.stock - measured;
    this.#recordedLoss = within(this.#recordedLoss + loss, "recorded loss");
    if (loss >= 0) this.#writeOff(loss);
    else {
      const cleared = Math.min(-loss, this.#deficit);
      this.#deficit -= cleared;
      this.#unclaimed += -loss - cleared;
    }
  }

  #writeOff(loss: number): void {
    let open = loss;
    open -= this.#drawUnclaimed(open);
    open -= this.#withheld.draw(open);
    open -= this.#drawEligible(open);
    const available = this.#spendLots(open);
    const reserved = this.#tickets.writeOff(open - available);
    this.#adp += reserved;
    this.#waste(available + reserved);
  }

  summary(): SocietySummary {
    return {
      supply: this.#supply,
      atp: this.#lots.total,
      reserved: this.#tickets.held,
      adp: this.#adp,
      eligible: this.#eligible,
      withheld: this.#withheld.total,
      unclaimed: this.#unclaimed,
      deficit: this.#deficit,
      opening: this.#opening,
      net: this.#net,
      recordedLoss: this.#recordedLoss,
      wasted: this.#wasted,
    };
  }

  /** Invariants 2 and 3 of the design, and that a deficit leaves nothing else. Throws InvariantViolation. */
  check(): void {
    const s = this.summary();
    const tokens = s.atp + s.reserved + s.adp;
    if (tokens !== s.supply) fail(`${tokens} tokens for a supply of ${s.supply}`);
    const energy = this.stock;
    const measured = s.opening + s.net - s.recordedLoss;
    if (energy !== measured) fail(`${energy} mWh on the book, ${measured} mWh measured`);
    const held = [s.atp, s.reserved, s.adp, s.eligible, s.withheld, s.unclaimed, s.deficit];
    if (!held.every((value) => Number.isSafeInteger(value) && value >= 0)) {
      fail("an account is negative or inexact");
    }
    if (s.deficit > 0 && energy !== -s.deficit) fail("energy is held beside a deficit");
  }
}

function within(value: number, what: string): number {
  if (Math.abs(value) > MOST_NET)
    throw new LedgerError("overflow", `${what} would exceed 2^51 mWh`);
  return value;
}

function fail(what: string): never {
  throw new InvariantViolation(`the society's books do not balance: ${what}`);
}
