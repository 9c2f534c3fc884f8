import { type LctId, type Millis, millis } from "@wattseal/base";
import { LedgerError } from "../errors.js";
import type { TicketsState } from "../snapshot/state.js";
import { DAY } from "./policy.js";
import { type Dated, DatedQueue } from "./queue.js";

/** A ticket that is neither committed nor rolled back by then is rolled back, ms. */
export const TICKET_LIFE = DAY;
/** Open at a time: what tickets hold stays bounded where no clock ends them. */
export const MOST_TICKETS = 1_024;

interface Ticket {
  readonly since: Millis;
  readonly worker: LctId;
  readonly lots: DatedQueue;
  used: number;
}

/** An open work ticket. */
export interface OpenTicket {
  /** Index of its society.reserve. */
  readonly ticket: number;
  readonly worker: LctId;
  /** UTC ms. */
  readonly deadline: Millis;
  /** mWh it still holds, and what windows have used of it. */
  readonly held: number;
  readonly used: number;
}

/** Reserved lots, by ticket. Throws LedgerError `ticket` for one that is not open. */
export class TicketBook {
  /** In the order of their entries, and so of their deadlines. */
  readonly #open: Map<number, Ticket>;
  #held: number;

  constructor(saved: TicketsState = []) {
    this.#open = new Map(
      saved.map(({ ticket, lots, ...rest }) => [ticket, { ...rest, lots: new DatedQueue(lots) }]),
    );
    this.#held = [...this.#open.values()].reduce((sum, { lots }) => sum + lots.total, 0);
  }

  save(): TicketsState {
    return Array.from(this.#open, ([ticket, { lots, ...rest }]) => ({
      ticket,
      ...rest,
      lots: lots.items(),
    }));
  }

  /** mWh over all tickets. */
  get held(): number {
    return this.#held;
  }

  get count(): number {
    return this.#open.size;
  }

  open(ticket: number, since: Millis, worker: LctId, taken: readonly Dated[]): void {
    const lots = new DatedQueue(taken);
    this.#open.set(ticket, { since, worker, lots, used: 0 });
    this.#held += lots.total;
  }

  *all(): Iterable<OpenTicket> {
    for (const [ticket, found] of this.#open) yield view(ticket, found);
  }

  of(ticket: number): OpenTicket {
    return view(ticket, this.#find(ticket));
  }

  /** The oldest of the ticket's lots; undefined when nothing is left of them. */
  oldestOf(ticket: number): Dated | undefined {
    return this.#find(ticket).lots.oldest;
  }

  /** The first ticket past its deadline. */
  dueBy(now: Millis): number | undefined {
    for (const [ticket, { since }] of this.#open)
      return since + TICKET_LIFE <= now ? ticket : undefined;
    return undefined;
  }

  /** Of the ticket's lots, those dated `until` or before. */
  datedUntil(ticket: number, until: number, most: number): readonly Dated[] {
    return this.#find(ticket).lots.datedUntil(until, most);
  }

  /** Windows use tickets in their order. Returns what they got of `wanted`. */
  use(wanted: number): number {
    return this.#draw(wanted, (ticket, drawn) => {
      ticket.used += drawn;
    });
  }

  /** Losses take from them in the same order. */
  writeOff(wanted: number): number {
    return this.#draw(wanted, () => undefined);
  }

  #draw(wanted: number, drawnFrom: (ticket: Ticket, drawn: number) => void): number {
    let open = Math.min(wanted, this.#held);
    const all = open;
    this.#held -= all;
    for (const ticket of this.#open.values()) {
      if (open === 0) break;
      const drawn = ticket.lots.draw(open);
      drawnFrom(ticket, drawn);
      open -= drawn;
    }
    return all;
  }

  /** Closes the ticket, of which the oldest `gone` mWh are spent; returns the lots that are left. */
  close(ticket: number, gone: number): readonly Dated[] {
    const { lots } = this.#find(ticket);
    this.#held -= lots.total;
    this.#open.delete(ticket);
    lots.draw(gone);
    return lots.items();
  }

  #find(ticket: number): Ticket {
    const found = this.#open.get(ticket);
    if (found === undefined) throw new LedgerError("ticket", `entry ${ticket} is no open ticket`);
    return found;
  }
}

function view(ticket: number, { since, worker, lots, used }: Ticket): OpenTicket {
  return { ticket, worker, deadline: millis(since + TICKET_LIFE), held: lots.total, used };
}
