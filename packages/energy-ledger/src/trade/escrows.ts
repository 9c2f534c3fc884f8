import type { Millis } from "@wattseal/base";
import type { PolicyWitness } from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { TradedState } from "../snapshot/state.js";
import { type Dated, DatedQueue } from "../society/queue.js";

/** Open at a time, so that what is due is found by looking through them. */
export const MOST_ESCROWS = 256;

interface Escrow {
  readonly terms: TradeTerms;
  /** Whose word ends it: those of the policy it was opened under, whatever comes later. */
  readonly witnesses: readonly PolicyWitness[];
  readonly lots: DatedQueue;
}

/** Lots that a seller keeps for trades, by ticket. */
export class EscrowBook {
  /** In the order of their entries. */
  readonly #open: Map<number, Escrow>;
  #held: number;

  constructor(saved: TradedState["escrows"] = []) {
    const open = saved.map(({ lots, ...rest }) => ({ ...rest, lots: new DatedQueue(lots) }));
    this.#open = new Map(open.map((escrow) => [escrow.terms.ticket, escrow]));
    this.#held = open.reduce((sum, { lots }) => sum + lots.total, 0);
  }

  save(): TradedState["escrows"] {
    return Array.from(this.#open.values(), ({ lots, ...rest }) => ({
      ...rest,
      lots: lots.items(),
    }));
  }

  /** mWh over all of them. */
  get held(): number {
    return this.#held;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Terms, oldest first. */
  all(): readonly TradeTerms[] {
    return Array.from(this.#open.values(), ({ terms }) => terms);
  }

  open(terms: TradeTerms, witnesses: readonly PolicyWitness[], taken: readonly Dated[]): void {
    const lots = new DatedQueue(taken);
    this.#open.set(terms.ticket, { terms, witnesses, lots });
    this.#held += lots.total;
  }

  has(ticket: number): boolean {
    return this.#open.has(ticket);
  }

  /** Throws LedgerError `trade` for one that is not open. */
  of(ticket: number): Pick<Escrow, "terms" | "witnesses"> {
    return this.#find(ticket);
  }

  /** Takes up to `wanted` mWh from them, in their order. */
  draw(wanted: number): number {
    const all = Math.min(wanted, this.#held);
    let open = all;
    for (const { lots } of this.#open.values()) {
      if (open === 0) break;
      open -= lots.draw(open);
    }
    this.#held -= all;
    return all;
  }

  /** Returns what it still holds. */
  close(ticket: number): readonly Dated[] {
    const { lots } = this.#find(ticket);
    this.#held -= lots.total;
    this.#open.delete(ticket);
    return lots.items();
  }

  /** The first whose energy is past its date. */
  lapsedBy(now: Millis): TradeTerms | undefined {
    for (const { terms } of this.#open.values()) if (terms.expires <= now) return terms;
    return undefined;
  }

  #find(ticket: number): Escrow {
    const found = this.#open.get(ticket);
    if (found !== undefined) return found;
    throw new LedgerError("trade", `no open escrow is entry ${ticket}`);
  }
}
