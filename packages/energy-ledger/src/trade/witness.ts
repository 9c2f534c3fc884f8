import type { Millis } from "@wattseal/base";
import type { SocietyDecide, SocietyOffer, TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import type { TradedState } from "../snapshot/state.js";
import type { Charter, SocietyContext } from "../society/charter.js";
import { DecisionBook, type TradeState } from "./decisions.js";
import { provenBy } from "./foreign.js";
import { requireOurs, requireSound, sameTerms } from "./terms.js";

/** What a witness answers to whoever asks for a trade's end. */
export type WitnessAnswer =
  /** It is in the log. */
  | { readonly decided: SocietyDecide["decision"] }
  /** It will be, once this is entered. */
  | { readonly enter: SocietyDecide }
  /** Its escrow has to be offered first, or its energy is past its date. */
  | { readonly nothing: TradeState };

/** A log that decides trades of others. Nothing moves in it: it says once what became of each. */
export class WitnessFold {
  readonly #context: SocietyContext;
  readonly #charter: Charter;
  readonly #decisions: DecisionBook;

  constructor(
    { context, charter }: { readonly context: SocietyContext; readonly charter: Charter },
    saved?: TradedState["decisions"],
  ) {
    this.#context = context;
    this.#charter = charter;
    this.#decisions = new DecisionBook(saved);
  }

  save(): TradedState["decisions"] {
    return this.#decisions.save();
  }

  /** Of a trade whose energy is not past its date. */
  stateOf(terms: TradeTerms): TradeState {
    return this.#decisions.stateOf(terms);
  }

  /**
   * The decision, or the entry that makes it: what is wished while there is time, an abort after. Asked again, it
   * answers the same.
   */
  decisionFor(terms: TradeTerms, wish: SocietyDecide["decision"], now: Millis): WitnessAnswer {
    const state = this.stateOf(terms);
    if (state === "committed") return { decided: "commit" };
    if (state === "aborted") return { decided: "abort" };
    if (terms.expires <= now) return { nothing: state };
    if (wish === "abort" || now > terms.decideBy) return { enter: { decision: "abort", terms } };
    return state === "offered" ? { enter: { decision: "commit", terms } } : { nothing: state };
  }

  offer({ terms, proof }: SocietyOffer, now: Millis): void {
    this.#charter.requireOpen();
    requireSound(terms);
    requireOurs(terms.witness, this.#context);
    const next = this.#decisions.next(terms, "offer", now);
    const { lct, index, entry } = provenBy(this.#context, proof, this.#charter.witnesses());
    const shown = entry.type === "society.escrow" && sameTerms(entry.body, terms);
    if (!shown || lct !== terms.seller || index !== terms.ticket) {
      throw new LedgerError("foreign", "the proof is not of this trade's escrow");
    }
    this.#decisions.remember(terms, next, now);
  }

  decide({ decision, terms }: SocietyDecide, now: Millis): void {
    this.#charter.requireOpen();
    requireSound(terms);
    requireOurs(terms.witness, this.#context);
    this.#decisions.remember(terms, this.#decisions.next(terms, decision, now), now);
  }
}
