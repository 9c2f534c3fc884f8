/**
 * The society's lots once more (society/book.ts), with the name of what is drawn: which charge it came from, and
 * which ticket held it. Amounts come from the society's own accounts; only the names are found here.
 */
import { type Millis, milliwattHours } from "@wattseal/base";
import { type Dated, DatedQueue } from "../society/queue.js";

/** A part of one charge. */
export interface DrawnLot {
  /** Index of the society.charge. */
  readonly charge: number;
  readonly account: "lot" | "reserved" | "withheld";
  /** Of account `reserved`: index of the society.reserve. */
  readonly ticket: number | undefined;
  /** mWh. */
  readonly amount: number;
}

const named =
  (account: DrawnLot["account"], ticket?: number) =>
  ({ charge, amount }: Dated): DrawnLot => ({ charge, account, ticket, amount });

export class LotBook {
  readonly #lots = new DatedQueue();
  readonly #withheld = new DatedQueue();
  /** In the order of their entries, as the society uses them. */
  readonly #tickets = new Map<number, DatedQueue>();
  /** Kept for trades, and used after all tickets. */
  readonly #escrows = new Map<number, DatedQueue>();

  get totals() {
    let reserved = 0;
    for (const [, lots] of this.#held()) reserved += lots.total;
    return { atp: this.#lots.total, reserved, withheld: this.#withheld.total };
  }

  charge(charge: number, since: Millis, lot: number, withheld: number): void {
    if (lot > 0) this.#lots.put({ charge, since, amount: milliwattHours(lot) });
    if (withheld > 0) this.#withheld.put({ charge, since, amount: milliwattHours(withheld) });
  }

  certify(amount: number): readonly DrawnLot[] {
    const items = this.#withheld.take(amount);
    for (const item of items) this.#lots.put(item);
    return items.map(named("withheld"));
  }

  *#held(): Iterable<readonly [number, DatedQueue]> {
    yield* this.#tickets;
    yield* this.#escrows;
  }

  reserve(ticket: number, amount: number): void {
    this.#tickets.set(ticket, new DatedQueue(this.#lots.take(amount)));
  }

  keep(ticket: number, amount: number): void {
    this.#escrows.set(ticket, new DatedQueue(this.#lots.take(amount)));
  }

  /** Closes the ticket: its oldest `gone` mWh are spent, the rest returns to its lots. */
  close(ticket: number, gone: number): readonly DrawnLot[] {
    const held = this.#tickets.get(ticket) ?? this.#escrows.get(ticket) ?? new DatedQueue();
    this.#tickets.delete(ticket);
    this.#escrows.delete(ticket);
    const spent = held.take(gone).map(named("reserved", ticket));
    for (const item of held.items()) this.#lots.put(item);
    return spent;
  }

  drawReserved(wanted: number): readonly DrawnLot[] {
    const drawn: DrawnLot[] = [];
    let open = wanted;
    for (const [ticket, lots] of this.#held()) {
      const before = lots.total;
      drawn.push(...lots.take(open).map(named("reserved", ticket)));
      open -= before - lots.total;
    }
    return drawn;
  }

  drawLots = (wanted: number): readonly DrawnLot[] => this.#lots.take(wanted).map(named("lot"));

  drawWithheld = (wanted: number): readonly DrawnLot[] =>
    this.#withheld.take(wanted).map(named("withheld"));
}
