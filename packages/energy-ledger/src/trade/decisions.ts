import { fromHex, type Millis, toHex } from "@wattseal/base";
import type { SocietyDecide, TradeTerms } from "../entries/trade.js";
import type { TradedState } from "../snapshot/state.js";
import { ExpiringMap } from "./expiring.js";
import { refuse, tradeId } from "./terms.js";

/** What a witness's log says of a trade. */
export type TradeState = "unknown" | "offered" | "committed" | "aborted";

/** What the next entry does to it. `late` is an offer or a commit after the terms' `decideBy`. */
export type TradeEvent = "offer" | "commit" | "abort" | "late";

type Step = { readonly to: Exclude<TradeState, "unknown"> } | { readonly refused: string };

const DECIDED = { refused: "is decided" } as const;
const LATE = { refused: "can only be aborted: the time to decide it is over" } as const;

/** The witness's part of a trade. The first decision is the only one. */
export const TRADE_STEPS: Readonly<Record<TradeState, Readonly<Record<TradeEvent, Step>>>> = {
  unknown: {
    offer: { to: "offered" },
    commit: { refused: "has no escrow that this log has seen" },
    abort: { to: "aborted" },
    late: LATE,
  },
  offered: {
    offer: { refused: "is offered already" },
    commit: { to: "committed" },
    abort: { to: "aborted" },
    late: LATE,
  },
  committed: { offer: DECIDED, commit: DECIDED, abort: DECIDED, late: DECIDED },
  aborted: { offer: DECIDED, commit: DECIDED, abort: DECIDED, late: DECIDED },
};

/** Trades whose energy is not past its date, at a time. */
const MOST_DECISIONS = 65_536;

type Known = TradedState["decisions"][number];

/** The trades that a witness's log decides, until their energy is past its date. */
export class DecisionBook {
  /** By `tradeId`, in the order of their first entries. */
  readonly #trades: ExpiringMap<Known>;

  constructor(saved: TradedState["decisions"] = []) {
    this.#trades = new ExpiringMap(saved.map((known) => [toHex(known.trade), known]));
  }

  save(): TradedState["decisions"] {
    return this.#trades.values();
  }

  stateOf(terms: TradeTerms): TradeState {
    return this.#trades.get(tradeId(terms))?.state ?? "unknown";
  }

  /** What the trade becomes by this event. Throws LedgerError `trade` where it may not come now. */
  next(terms: TradeTerms, event: "offer" | SocietyDecide["decision"], now: Millis): Known["state"] {
    if (terms.expires <= now) refuse("is past its date");
    const late = event !== "abort" && now > terms.decideBy;
    const step = TRADE_STEPS[this.stateOf(terms)][late ? "late" : event];
    return "refused" in step ? refuse(step.refused) : step.to;
  }

  /** Throws LedgerError `trade` when there is no room to remember another; forgets what is past its date. */
  remember(terms: TradeTerms, state: Known["state"], now: Millis): void {
    const id = tradeId(terms);
    if (this.#trades.get(id) === undefined && this.#trades.isFull(MOST_DECISIONS, now)) {
      refuse(`is one too many: ${MOST_DECISIONS} are remembered here`);
    }
    const known = { trade: fromHex(id, "trade id"), state, expires: terms.expires };
    this.#trades.set(id, known, now);
  }
}
