import {
  type LctId,
  type Millis,
  type MilliwattHours,
  millis,
  milliwattHours,
  RangeViolation,
} from "@wattseal/base";
import {
  type EnergyResolve,
  LedgerError,
  type LedgerErrorCode,
  type OpenSuspect,
  type OpenTicket,
  type Policy,
  type SocietyCertify,
  type SocietyCommit,
  type SocietyReserve,
  type SocietySummary,
  TICKET_LIFE,
} from "@wattseal/energy-ledger";
import { GatewayError } from "../errors.js";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";
import type { Books, WasteStatus } from "./books.js";
import { type OpenTrade, TradeOrders } from "./trades.js";
import type { Turn } from "./turn.js";

export interface SocietyOrdersOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly books: Books;
}

export interface Ordered {
  /** Index of the order's entry. */
  readonly entry: number;
}

export interface OpenedTicket {
  /** Names the ticket from now on: index of its society.reserve. */
  readonly ticket: number;
  /** UTC ms: rolled back by itself if it is still open then. */
  readonly deadline: Millis;
}

export interface Committed extends Ordered {
  /** Who earned, and how much: the share of the work's mWh that its quality says. */
  readonly worker: LctId;
  readonly reputation: MilliwattHours;
}

export interface RolledBack extends Ordered {
  /** mWh that went back to their lots, and those that were past their date. */
  readonly returned: MilliwattHours;
  readonly wasted: MilliwattHours;
}

/** What can be ordered of, at one moment. */
export interface SocietyAccounts {
  /** mWh each. */
  readonly summary: SocietySummary;
  /** mWh that one reservation can take now. */
  readonly reservable: number;
  readonly policy: Policy | undefined;
  readonly tickets: readonly OpenTicket[];
  readonly trades: readonly OpenTrade[];
  /** Suspect intervals that can be settled: how many, and the oldest of them. */
  readonly suspects: { readonly count: number; readonly oldest: readonly OpenSuspect[] };
  readonly waste: WasteStatus;
}

const SUSPECTS_SHOWN = 100;

/**
 * What people and programs order of the society. Each order becomes one entry, in one order with the metering and
 * after whatever is due by then, and resolves when the disk has it. Throws GatewayError: `order-refused` when the
 * rules say no (and nothing changed), `busy`, `stopping`, `ledger-stopped`.
 */
export class SocietyOrders {
  /** What passes between this society and others. */
  readonly trades: TradeOrders;
  readonly #options: SocietyOrdersOptions;
  #closed = false;

  constructor(options: SocietyOrdersOptions) {
    this.#options = options;
    this.trades = new TradeOrders(options.log, (turn) => this.#enter(turn));
  }

  accounts(): SocietyAccounts {
    const { log, books } = this.#options;
    const { society } = log.fold;
    let count = 0;
    const oldest: OpenSuspect[] = [];
    for (const suspect of log.fold.suspects(log.fold.time)) {
      count += 1;
      if (count <= SUSPECTS_SHOWN) oldest.push(suspect);
    }
    return {
      summary: society.summary(),
      reservable: society.reservable,
      policy: society.policy,
      tickets: society.tickets(),
      trades: this.trades.open(),
      suspects: { count, oldest },
      waste: books.waste,
    };
  }

  /** Opens a work ticket, which takes the oldest lots. */
  reserve(body: SocietyReserve): Promise<OpenedTicket> {
    return this.#enter((now) => ({
      draft: { type: "society.reserve", body },
      answer: (ticket) => ({ ticket, deadline: millis(now + TICKET_LIFE) }),
    }));
  }

  /** Closes a ticket whose work is done; what it holds beyond the amount returns to its lots. */
  commit(body: SocietyCommit): Promise<Committed> {
    return this.#enter(() => {
      const reward = this.#options.log.fold.society.rewardOf(body);
      return {
        draft: { type: "society.commit", body },
        answer: (entry) => ({ entry, ...reward }),
      };
    });
  }

  /** Closes a ticket whose work failed; what it holds returns to its lots, but for what is past its date. */
  rollback(ticket: number): Promise<RolledBack> {
    const { log, books } = this.#options;
    return this.#enter((now) => {
      const { held } = log.fold.society.ticket(ticket);
      const body = log.fold.society.rollbackFor(now, ticket);
      const wasted = body.lots.reduce((sum, { amount }) => sum + amount, 0);
      return {
        draft: { type: "society.rollback", body },
        answer: (entry) => {
          books.tellWaste(entry, body, now);
          return {
            entry,
            returned: milliwattHours(held - wasted),
            wasted: milliwattHours(wasted),
          };
        },
      };
    });
  }

  /** Turns the oldest withheld energy into lots with the dates of their charges. */
  certify(body: SocietyCertify): Promise<Ordered> {
    return this.#enter(() => ({
      draft: { type: "society.certify", body },
      answer: (entry) => ({ entry }),
    }));
  }

  /** Settles a suspect interval: what it took in joins the next window, or never counts. */
  resolve(body: EnergyResolve): Promise<Ordered> {
    return this.#enter(() => ({
      draft: { type: "energy.resolve", body },
      answer: (entry) => ({ entry }),
    }));
  }

  /** From now on every order is refused as `stopping`. */
  close(): void {
    this.#closed = true;
  }

  async #enter<T>(turn: (now: Millis) => Turn<T>): Promise<T> {
    const { writer, log, books } = this.#options;
    try {
      return await writer.turn(async () => {
        if (this.#closed) throw stopping();
        const now = books.enterDue(log.fold.time);
        if (now === undefined) throw log.stopped ?? busy();
        const { draft, answer } = turn(now);
        return answer(await writer.enter({ ...draft, timeMs: now }));
      }, busy);
    } catch (thrown) {
      throw refusal(thrown);
    }
  }
}

function stopping(): GatewayError {
  return new GatewayError(
    "stopping",
    "usage",
    "The gateway is stopping and takes no orders. Order again once it runs.",
  );
}

function busy(): GatewayError {
  return new GatewayError(
    "busy",
    "hardware",
    "The gateway could not take this order now; nothing was entered. Order again in a moment.",
  );
}

/** What to do about a refusal. */
const CURE: Partial<Record<LedgerErrorCode, string>> = {
  ticket: "The society's accounts list what is open and how much can be reserved.",
  certify: "The society's accounts say what is withheld and how many tokens of ADP are left.",
  resolve: "Suspect intervals can be settled for 7 days; name one by the index of its entry.",
  trade:
    "The society's accounts list the open trades; its policy, of version 2, names witnesses and counterparties.",
  foreign: "Ask for a proof under a head that a witness of this society's policy has cosigned.",
  closed: "Nothing can be ordered of a closed society; its tickets roll back by themselves.",
};

/** The same in terms of the order. What is wrong with the log or with us stays what it is. */
function refusal(thrown: unknown): unknown {
  if (thrown instanceof LedgerError) {
    const cure = CURE[thrown.code];
    const message = `The ledger refuses this: ${thrown.reason}.${cure === undefined ? "" : ` ${cure}`}`;
    return new GatewayError("order-refused", "usage", message, { cause: thrown });
  }
  if (!(thrown instanceof RangeViolation)) return thrown;
  const message = `The ledger cannot hold this: ${thrown.message}.`;
  return new GatewayError("order-refused", "usage", message, { cause: thrown });
}
