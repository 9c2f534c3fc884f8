/** State machines as data: a table of state × event, where what is not in the table is refused. */
import type { LinkLimits } from "./options.js";

export interface PhaseContext {
  readonly now: number;
  readonly limits: LinkLimits;
  /** Uniform in [0, 1). */
  readonly jitter: number;
}

export interface Step<Phase, Action> {
  readonly phase: Phase;
  readonly actions: readonly Action[];
}

export type Transition<From, Phase, Action> = (
  from: From,
  context: PhaseContext,
) => Step<Phase, Action>;

/** For each state, the events it takes. */
export type PhaseTable<Phase extends { readonly kind: string }, Event extends string, Action> = {
  readonly [K in Phase["kind"]]: {
    readonly [E in Event]?: Transition<Extract<Phase, { readonly kind: K }>, Phase, Action>;
  };
};
