/**
 * When the pack offers a handshake:
 *
 *     closed ─open→ agreeing ─agreed→ offered ←received/refused→ checking ─answered→ proving ─proven→ settled
 *                      ↑  └unanswered┐   └timer┐     unanswered┘     timer┘                      │
 *                      └──timer── waiting ←────┴───────────┴───────────────┴──────────wanted──────┘
 *
 * (settled goes straight to agreeing when pacing allows). Agreeing and checking wait for what holds the pack's half.
 */
import { FAILURES_TO_REPORT } from "./limits.js";
import { attempted, backedOff, earliest, FRESH_PACING, type Pacing } from "./pacing.js";
import type { PhaseContext, PhaseTable, Step } from "./phase.js";

export type PackPhase =
  /** Attempts are remembered: a bus that flaps is no way around their cap. */
  | { readonly kind: "closed"; readonly pacing: Pacing }
  /** The next attempt is due at `until`. */
  | { readonly kind: "waiting"; readonly until: number; readonly pacing: Pacing }
  /** ss is asked for; message 1 is made with it. */
  | { readonly kind: "agreeing"; readonly until: number; readonly pacing: Pacing }
  /** Message 1 is out; message 2 is awaited. */
  | { readonly kind: "offered"; readonly until: number; readonly pacing: Pacing }
  /** se of a message 2 is asked for. Should it be a stranger's, the true one is awaited until `answerUntil`. */
  | {
      readonly kind: "checking";
      readonly until: number;
      readonly answerUntil: number;
      readonly pacing: Pacing;
    }
  /** Message 2 verified, a ping is out; the first PDU under the new keys is awaited. */
  | { readonly kind: "proving"; readonly until: number; readonly pacing: Pacing }
  /** The module has proven the newest keys and nothing calls for others. */
  | { readonly kind: "settled"; readonly pacing: Pacing };

export type PackPhaseEvent =
  | "open"
  | "close"
  /** A hello, lost synchronisation, silence, or the session's age calls for new keys. */
  | "wanted"
  /** ss is there. */
  | "agreed"
  /** A message 2 is there to be checked. */
  | "received"
  /** It does not authenticate. */
  | "refused"
  /** What holds the pack's half cannot say. */
  | "unanswered"
  /** Message 2 verified. */
  | "answered"
  /** A PDU under the newest keys verified. */
  | "proven"
  /** `until` has passed. */
  | "timer";

export type PackAction =
  | "ask-ss"
  | "send-message-1"
  | "send-ping"
  /** Forget the handshake in progress. */
  | "abandon"
  /** Several attempts in a row failed. */
  | "report-failure"
  /** What holds the pack's half is away: no fault of the module's. */
  | "report-custody";

type PackStep = Step<PackPhase, PackAction>;

export const PACK_START: PackPhase = { kind: "closed", pacing: FRESH_PACING };

const begin = (pacing: Pacing, { now, limits }: PhaseContext): PackStep => ({
  phase: { kind: "agreeing", until: now + limits.custodyMs, pacing: attempted(pacing, now) },
  actions: ["ask-ss"],
});

const beginOrWait = (pacing: Pacing, context: PhaseContext): PackStep => {
  const until = earliest(pacing, context.now, context.limits);
  if (until <= context.now) return begin(pacing, context);
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

const unanswered = (from: { readonly pacing: Pacing }, context: PhaseContext): PackStep => ({
  phase: fail(from, context).phase,
  actions: ["abandon", "report-custody"],
});

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
    open: ({ pacing }, context) => beginOrWait(pacing, context),
    close: stay,
  },
  waiting: {
    close,
    timer: (from, context) => begin(from.pacing, context),
    // Whoever asks is there: the back-off is of no more use, spacing and cap are.
    wanted: (from, { now, limits }) => {
      const until = Math.min(from.until, earliest(from.pacing, now, limits));
      return stay({ ...from, until });
    },
    proven: settle,
  },
  agreeing: {
    close,
    timer: unanswered,
    unanswered,
    wanted: stay,
    agreed: ({ pacing }, { now, limits }) => ({
      phase: { kind: "offered", until: now + limits.answerMs, pacing },
      actions: ["send-message-1"],
    }),
    // Late proof of the keys before these: they serve until these are proven.
    proven: stay,
  },
  offered: {
    close,
    timer: fail,
    wanted: stay,
    received: ({ until, pacing }, { now, limits }) =>
      stay({ kind: "checking", until: now + limits.custodyMs, answerUntil: until, pacing }),
    proven: stay,
  },
  checking: {
    close,
    timer: unanswered,
    unanswered,
    wanted: stay,
    answered: ({ pacing }, { now, limits }) => ({
      phase: { kind: "proving", until: now + limits.proofMs, pacing },
      actions: ["send-ping"],
    }),
    refused: (from, context) => {
      const { answerUntil: until, pacing } = from;
      return context.now < until ? stay({ kind: "offered", until, pacing }) : fail(from, context);
    },
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
    wanted: ({ pacing }, context) => beginOrWait(pacing, context),
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
    case "agreeing":
      return PACK_PHASES.agreeing[event]?.(phase, context);
    case "checking":
      return PACK_PHASES.checking[event]?.(phase, context);
    case "offered":
      return PACK_PHASES.offered[event]?.(phase, context);
    case "proving":
      return PACK_PHASES.proving[event]?.(phase, context);
    case "settled":
      return PACK_PHASES.settled[event]?.(phase, context);
  }
}
