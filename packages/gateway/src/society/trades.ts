import { type LctId, type Millis, type MilliwattHours, messageOf, millis } from "@wattseal/base";
import { LedgerError, type SocietyReport, type TradeTerms, tradeId } from "@wattseal/energy-ledger";
import { verifyProofFile } from "@wattseal/verifier";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { Draft } from "../ledger/energy-log-options.js";
import type { Enter } from "./turn.js";

export interface EscrowOrder
  extends Pick<TradeTerms, "buyer" | "witness" | "amount" | "rateBps" | "fee"> {
  /** ms that the witness has to decide in, a day at most. */
  readonly within: number;
}

/** A trade that this society keeps lots for. */
export interface OpenTrade {
  /** SHA-256 of the terms, hexadecimal. */
  readonly trade: string;
  readonly terms: TradeTerms;
}

export interface Reported {
  readonly entry: number;
  readonly amount: MilliwattHours;
  /** UTC ms: until then the parent can record it. */
  readonly expires: Millis;
  readonly worker: LctId;
  readonly reputation: MilliwattHours;
}

export interface Settled {
  readonly entry: number;
  readonly type: "society.trade" | "society.record";
}

/** Orders of what passes between this society and others: docs/society-trade.md. As SocietyOrders, and part of it. */
export class TradeOrders {
  readonly #log: EnergyLog;
  readonly #enter: Enter;

  constructor(log: EnergyLog, enter: Enter) {
    this.#log = log;
    this.#enter = enter;
  }

  open(): readonly OpenTrade[] {
    return this.#log.fold.society.trades.open().map((terms) => ({ trade: tradeId(terms), terms }));
  }

  /** Keeps the oldest lots for a trade, as long as the first of them lives at most. */
  escrow({ within, ...order }: EscrowOrder): Promise<OpenTrade> {
    return this.#enter((now) => {
      const { fold } = this.#log;
      const decideBy = millis(now + within);
      const terms = fold.society.trades.escrowFor(fold.size, { ...order, decideBy });
      return {
        draft: { type: "society.escrow", body: terms },
        answer: () => ({ trade: tradeId(terms), terms }),
      };
    });
  }

  /** Closes a ticket whose work was for another society, which gets the energy. */
  report(
    work: Omit<SocietyReport, "amount" | "expires"> & { readonly amount?: MilliwattHours },
  ): Promise<Reported> {
    return this.#enter(() => {
      const { society } = this.#log.fold;
      const body = society.trades.reportFor(work);
      const { amount, expires } = body;
      const reward = society.rewardOf(body);
      return {
        draft: { type: "society.report", body },
        answer: (entry) => ({ entry, amount, expires, ...reward }),
      };
    });
  }

  /** Enters what the proof of another log's entry means here: the end of a trade, or a citizen's work. */
  settle(proof: Uint8Array): Promise<Settled> {
    return this.#enter(() => {
      const draft = this.#meaning(proof);
      return { draft, answer: (entry) => ({ entry, type: draft.type }) };
    });
  }

  #meaning(proof: Uint8Array): Draft<Settled["type"]> {
    const { trades } = this.#log.fold.society;
    const { entry, ...place } = shownBy(proof);
    if (entry.type === "society.decide") {
      const body = trades.tradeFor(entry.body, proof);
      if (body !== undefined) return { type: "society.trade", body };
      throw new LedgerError("trade", "nothing of this trade is left to do here");
    }
    const body = trades.recordFor({ entry, ...place }, proof);
    if (body !== undefined) return { type: "society.record", body };
    throw new LedgerError(
      "trade",
      entry.type === "society.report"
        ? "this report has been entered already"
        : `it proves a ${entry.type}; only a society.decide or a society.report settles anything`,
    );
  }
}

/** What the proof says, held to itself: whom to believe, the log's rules say as it is entered. */
function shownBy(proof: Uint8Array) {
  try {
    return verifyProofFile(proof);
  } catch (cause) {
    throw new LedgerError("foreign", messageOf(cause), { cause });
  }
}
