import { type Millis, millis } from "@wattseal/base";
import type { EntryBody } from "../entries/entry.js";
import { MAX_EXPIRED, type SocietyExpire, type SocietyRollback } from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { SocietyBook } from "./book.js";
import type { Charter, SocietyContext } from "./charter.js";
import { DAY } from "./policy.js";
import type { Dated } from "./queue.js";

/** What has to be entered before anything else may touch lots. */
export type DueEntry = {
  readonly [T in "society.rollback" | "society.trade" | "society.expire"]: {
    readonly type: T;
    readonly body: EntryBody<T>;
  };
}["society.rollback" | "society.trade" | "society.expire"];

const DEFAULT_LIFE_DAYS = 7;

/**
 * What synchronised time ends: tickets past their deadline, then trades whose energy is past its date, then lots and
 * withheld amounts past theirs.
 */
export class Dues {
  readonly #context: SocietyContext;
  readonly #charter: Charter;
  readonly #book: SocietyBook;

  constructor(context: SocietyContext, charter: Charter, book: SocietyBook) {
    this.#context = context;
    this.#charter = charter;
    this.#book = book;
  }

  /** The next of them; undefined when nothing is due. */
  next(now: Millis): DueEntry | undefined {
    const ticket = this.#ticket(now);
    if (ticket !== undefined) {
      return { type: "society.rollback", body: this.rollback(now, ticket, "deadline") };
    }
    const terms = this.lapsed(now);
    if (terms !== undefined) {
      return { type: "society.trade", body: { outcome: "lapse", terms, proof: undefined } };
    }
    const body = this.expiries(now);
    return body === undefined ? undefined : { type: "society.expire", body };
  }

  /** The first open trade whose energy is past its date. */
  lapsed(now: Millis): TradeTerms | undefined {
    return this.#context.synchronised ? this.#book.escrows.lapsedBy(now) : undefined;
  }

  /** UTC ms: when a lot of this date expires under the policy in force. */
  expiryOf(lot: Dated): Millis {
    return millis(lot.since + lifeOf(this.#charter.policy?.lotDays));
  }

  /** The date of a lot that expires at `expires`, and no later than one charged `now`. */
  sinceOf(expires: Millis, now: Millis): Millis {
    return millis(Math.max(0, Math.min(now, expires - lifeOf(this.#charter.policy?.lotDays))));
  }

  expiries(now: Millis): SocietyExpire | undefined {
    if (!this.#context.synchronised) return undefined;
    const lots = this.#book.lots.datedUntil(this.#lotsUntil(now), MAX_EXPIRED);
    const withheldUntil = now - lifeOf(this.#charter.policy?.withheldDays);
    const withheld = this.#book.withheld.datedUntil(withheldUntil, MAX_EXPIRED);
    return lots.length + withheld.length === 0 ? undefined : { lots, withheld };
  }

  /** The rollback of an open ticket at `now`. */
  rollback(now: Millis, ticket: number, reason: SocietyRollback["reason"]): SocietyRollback {
    const until = this.#context.synchronised ? this.#lotsUntil(now) : Number.NEGATIVE_INFINITY;
    const lots = this.#book.tickets.datedUntil(ticket, until, MAX_EXPIRED);
    return { ticket, reason, lots };
  }

  requireNone(now: Millis): void {
    this.#requireNoTicket(now);
    const due = this.expiries(now);
    if (due === undefined) return;
    const count = due.lots.length + due.withheld.length;
    throw new LedgerError("expire", `${count} lots or withheld amounts are past their date first`);
  }

  /** Throws LedgerError unless this expire entry may come now, as it is. */
  checkExpire(expire: SocietyExpire, now: Millis): void {
    if (!this.#context.synchronised) {
      throw new LedgerError("expire", "the clock is not synchronised: nothing expires");
    }
    this.#requireNoTicket(now);
    const due = this.expiries(now);
    if (due === undefined) throw new LedgerError("expire", "nothing is past its date");
    requireSame(expire.lots, due.lots);
    requireSame(expire.withheld, due.withheld);
  }

  /** Throws LedgerError unless this rollback may come now, as it is. */
  checkRollback({ ticket, reason, lots }: SocietyRollback, now: Millis): void {
    if (reason === "failure") this.requireNone(now);
    else if (ticket !== this.#ticket(now)) {
      throw new LedgerError("ticket", `ticket ${ticket} is not the next past its deadline`);
    }
    requireSame(lots, this.rollback(now, ticket, reason).lots);
  }

  /** Throws LedgerError unless this trade is the next to lapse. */
  checkLapse(terms: TradeTerms, now: Millis): void {
    if (this.#ticket(now) === undefined && this.lapsed(now)?.ticket === terms.ticket) return;
    throw new LedgerError("trade", `the trade of ${terms.ticket} is not the next past its date`);
  }

  #ticket(now: Millis): number | undefined {
    return this.#context.synchronised ? this.#book.tickets.dueBy(now) : undefined;
  }

  #requireNoTicket(now: Millis): void {
    const ticket = this.#ticket(now);
    if (ticket !== undefined) {
      throw new LedgerError("expire", `ticket ${ticket} is past its deadline first`);
    }
    const lapsed = this.lapsed(now);
    if (lapsed !== undefined) {
      throw new LedgerError("expire", `the trade of ${lapsed.ticket} is past its date first`);
    }
  }

  #lotsUntil(now: Millis): number {
    return now - lifeOf(this.#charter.policy?.lotDays);
  }
}

function lifeOf(days: number = DEFAULT_LIFE_DAYS): number {
  return days * DAY;
}

function requireSame(said: readonly Dated[], due: readonly Dated[]): void {
  const same =
    said.length === due.length &&
    said.every(({ charge, since, amount }, i) => {
      const other = due[i];
      return charge === other?.charge && since === other.since && amount === other.amount;
    });
  if (same) return;
  throw new LedgerError("expire", "does not name exactly what is past its date, oldest first");
}
