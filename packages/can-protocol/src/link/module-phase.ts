/**
 * When the module asks for a handshake. It answers message 1 in every state but closed:
 *
 *     closed ─open→ asking ─answered→ answered ─proven→ settled
 *                    ↑ ↺ timer: hello     │ timer          │
 *                    └────────────────────┴────wanted──────┘
 */
import { attempted, backedOff, earliest, FRESH_PACING, type Pacing } from "./pacing.js";
import type { PhaseContext, PhaseTable, Step } from "./phase.js";

export type ModulePhase =
  /** Hellos are remembered: a bus that flaps is no way around their cap. */
  | { readonly kind: "closed"; readonly pacing: Pacing }
  /** The next hello is due at `until`. */
  | { readonly kind: "asking"; readonly until: number; readonly pacing: Pacing }
  /** Message 2 is out; the first PDU under the new keys is awaited. `wanted`: ask again if none comes. */
  | {
      readonly kind: "answered";
      readonly until: number;
      readonly pacing: Pacing;
      readonly wanted: boolean;
    }
  | { readonly kind: "settled"; readonly pacing: Pacing };

export type ModulePhaseEvent = "open" | "close" | "wanted" | "answered" | "proven" | "timer";
export type ModuleAction =
  | "send-hello"
  /** Forget the keys that were never proven. */
  | "abandon";

type ModuleStep = Step<ModulePhase, ModuleAction>;

export const MODULE_START: ModulePhase = { kind: "closed", pacing: FRESH_PACING };

const close = ({ pacing }: { readonly pacing: Pacing }): ModuleStep => ({
  phase: { kind: "closed", pacing },
  actions: ["abandon"],
});
const stay = (phase: ModulePhase): ModuleStep => ({ phase, actions: [] });
const ask = (pacing: Pacing, { now, limits }: PhaseContext): ModuleStep =>
  stay({ kind: "asking", until: earliest(pacing, now, limits), pacing });
const answer =
  (wanted: boolean) =>
  ({ pacing }: { readonly pacing: Pacing }, { now, limits }: PhaseContext): ModuleStep =>
    stay({ kind: "answered", until: now + limits.proofMs, pacing, wanted });
const settle = ({ pacing }: { readonly pacing: Pacing }): ModuleStep =>
  stay({ kind: "settled", pacing: { ...pacing, failures: 0 } });

const MODULE_PHASES: PhaseTable<ModulePhase, ModulePhaseEvent, ModuleAction> = {
  closed: {
    // Modules that get power together must not all ask in the same millisecond.
    open: ({ pacing }, { now, limits, jitter }) =>
      stay({
        kind: "asking",
        until: earliest(pacing, now, limits) + Math.round((limits.spacingMs * jitter) / 4),
        pacing,
      }),
    close: stay,
  },
  asking: {
    close,
    wanted: stay,
    answered: answer(true),
    proven: settle,
    timer: (from, { now, limits, jitter }) => {
      const tried = attempted(from.pacing, now);
      const pacing = { ...tried, failures: tried.failures + 1 };
      const until = backedOff(pacing, now, limits, jitter);
      return { phase: { kind: "asking", until, pacing }, actions: ["send-hello"] };
    },
  },
  answered: {
    close,
    wanted: (from) => stay({ ...from, wanted: true }),
    answered: (from, context) => answer(from.wanted)(from, context),
    proven: settle,
    timer: (from, context) => {
      const { phase } = from.wanted ? ask(from.pacing, context) : settle(from);
      return { phase, actions: ["abandon"] };
    },
  },
  settled: {
    close,
    wanted: (from, context) => ask(from.pacing, context),
    answered: answer(false),
    proven: stay,
  },
};

/** Undefined: the event is refused in this state, and nothing changes. */
export function stepModule(
  phase: ModulePhase,
  event: ModulePhaseEvent,
  context: PhaseContext,
): ModuleStep | undefined {
  switch (phase.kind) {
    case "closed":
      return MODULE_PHASES.closed[event]?.(phase, context);
    case "asking":
      return MODULE_PHASES.asking[event]?.(phase, context);
    case "answered":
      return MODULE_PHASES.answered[event]?.(phase, context);
    case "settled":
      return MODULE_PHASES.settled[event]?.(phase, context);
  }
}
