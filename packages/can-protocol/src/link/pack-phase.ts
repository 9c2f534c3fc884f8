/**
 * When the pack offers a handshake:
 *
 *     closed ─open→ offered ─answered→ proving ─proven→ settled
 *                      ↑  └────timer────┐ └timer┐          │
 *                      └──timer── waiting ←─────┴──wanted──┘   (settled goes straight to offered when pacing allows)
 */
import { FAILURES_TO_REPORT } from "./limits.js";
import { attempted, backedOff, earliest, FRESH_PACING, type Pacing } from "./pacing.js";
import type { PhaseContext, PhaseTable, Step } from "./phase.js";

export type PackPhase =
  /** Attempts are remembered: a bus that flaps is no way around their cap. */
  | { readonly kind: "closed"; readonly pacing: Pacing }
  /** The next attempt is due at `until`. */
  | { readonly kind: "waiting"; readonly until: number; readonly pacing: Pacing }
  /** Message 1 is out; message 2 is awaited. */
  | { readonly kind: "offered"; readonly until: number; readonly pacing: Pacing }
  /** Message 2 verified, a ping is out; the first PDU under the new keys is awaited. */
  | { readonly kind: "proving"; readonly until: number; readonly pacing: Pacing }
  /** The module has proven the newest keys and nothing calls for others. */
  | { readonly kind: "settled"; readonly pacing: Pacing };

export type PackPhaseEvent =
  | "open"
  | "close"
  /** A hello, lost synchronisation, silence, or the session's age calls for new keys. */
  | "wanted"
  /** Message 2 verified. */
  | "answered"
  /** A PDU under the newest keys verified. */
  | "proven"
  /** `until` has passed. */
  | "timer";

export type PackAction =
  | "send-message-1"
  | "send-ping"
  /** Forget the handshake in progress. */
  | "abandon"
  /** Several attempts in a row failed. */
  | "report-failure";

type PackStep = Step<PackPhase, PackAction>;

export const PACK_START: PackPhase = { kind: "closed", pacing: FRESH_PACING };

const offer = (pacing: Pacing, { now, limits }: PhaseContext): PackStep => ({
  phase: { kind: "offered", until: now + limits.answerMs, pacing: attempted(pacing, now) },
  actions: ["send-message-1"],
});

const offerOrWait = (pacing: Pacing, context: PhaseContext): PackStep => {
  const until = earliest(pacing, context.now, context.limits);
  if (until <= context.now) return offer(pacing, context);
  return stay({ kind: "waiting", until, pacing });
};

const fail = (from: { readonly pacing: Pacing }, context: PhaseContext): PackStep => {
  const pacing = { ...from.pacing, failures: from.pacing.failures + 1 };
  const until = backedOff(pacing, context.now, context.limits, context.jitter);
  return {
    phase: { kind: "waiting", until, pacing },
    actions: pacing.failures >= FAILURES_TO_REPORT ? ["abandon", "report-failure"] : ["abandon"],
  };
};

const close = ({ pacing }: { readonly pacing: Pacing }): PackStep => ({
  phase: { kind: "closed", pacing },
  actions: ["abandon"],
});
const stay = (phase: PackPhase): PackStep => ({ phase, actions: [] });
const settle = ({ pacing }: { readonly pacing: Pacing }): PackStep => ({
  phase: { kind: "settled", pacing: { ...pacing, failures: 0 } },
  actions: [],
});

const PACK_PHASES: PhaseTable<PackPhase, PackPhaseEvent, PackAction> = {
  closed: {
    open: ({ pacing }, context) => offerOrWait(pacing, context),
    close: stay,
  },
  waiting: {
    close,
    timer: (from, context) => offer(from.pacing, context),
    // Whoever asks is there: the back-off is of no more use, spacing and cap are.
    wanted: (from, { now, limits }) => {
      const until = Math.min(from.until, earliest(from.pacing, now, limits));
      return stay({ ...from, until });
    },
    proven: settle,
  },
  offered: {
    close,
    timer: fail,
    wanted: stay,
    answered: ({ pacing }, { now, limits }) => ({
      phase: { kind: "proving", until: now + limits.proofMs, pacing },
      actions: ["send-ping"],
    }),
    // Late proof of the keys before these: they serve until these are proven.
    proven: stay,
  },
  proving: {
    close,
    timer: fail,
    wanted: stay,
    proven: settle,
  },
  settled: {
    close,
    wanted: ({ pacing }, context) => offerOrWait(pacing, context),
    proven: stay,
  },
};

/** Undefined: the event is refused in this state, and nothing changes. */
export function stepPack(
  phase: PackPhase,
  event: PackPhaseEvent,
  context: PhaseContext,
): PackStep | undefined {
  switch (phase.kind) {
    case "closed":
      return PACK_PHASES.closed[event]?.(phase, context);
    case "waiting":
      return PACK_PHASES.waiting[event]?.(phase, context);
    case "offered":
      return PACK_PHASES.offered[event]?.(phase, context);
    case "proving":
      return PACK_PHASES.proving[event]?.(phase, context);
    case "settled":
      return PACK_PHASES.settled[event]?.(phase, context);
  }
}
