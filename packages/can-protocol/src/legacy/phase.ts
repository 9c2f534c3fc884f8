/**
 * One clear-text module, as the pack sees it:
 *
 *     absent ─announce→ registering ─heard→ active ⇄ faulted ─third strike→ absent
 *        ↑  └──── lost (timer) ─┘              └─announce→ registering
 *        └─admit─ dismissed ←─deregister─ (any)
 */
import { REGISTRATIONS, STRIKES } from "./limits.js";
import type { LegacyLimits } from "./types.js";

export type LegacyPhase =
  /** Not registered; it may announce itself. */
  | { readonly kind: "absent" }
  /** Told its id; nothing heard under it yet. */
  | { readonly kind: "registering"; readonly until: number; readonly tries: number }
  | { readonly kind: "active"; readonly until: number }
  /** Silent; ordered Off. */
  | { readonly kind: "faulted"; readonly until: number; readonly strikes: number }
  /** Deregistered by order; not registered again until `admit`. */
  | { readonly kind: "dismissed" };

export type LegacyPhaseEvent =
  | "announce"
  /** Any frame under its id. */
  | "heard"
  /** `until` has passed. */
  | "timer"
  | "deregister"
  | "admit";

export type LegacyAction =
  | "register"
  | "registered"
  /** It announced itself while registered: what was known of it is void. */
  | "restarted"
  | "fault"
  | "restore"
  /** Sends the frame that takes the id back. */
  | "deregister"
  | "lost"
  | "silent"
  | "ordered";

export interface LegacyContext {
  readonly now: number;
  readonly limits: LegacyLimits;
}

export interface LegacyStep {
  readonly phase: LegacyPhase;
  readonly actions: readonly LegacyAction[];
}

type Next<From> = (from: From, context: LegacyContext) => LegacyStep;
type LegacyTable = {
  readonly [K in LegacyPhase["kind"]]: {
    readonly [E in LegacyPhaseEvent]?: Next<Extract<LegacyPhase, { readonly kind: K }>>;
  };
};

const register: Next<LegacyPhase> = (_, { now, limits }) => ({
  phase: { kind: "registering", until: now + limits.retryMs, tries: 1 },
  actions: ["register"],
});

const startOver: Next<LegacyPhase> = (from, context) => {
  const { phase } = register(from, context);
  return { phase, actions: ["restarted", "register"] };
};

const dismiss: Next<LegacyPhase> = () => ({
  phase: { kind: "dismissed" },
  actions: ["deregister", "ordered"],
});

const LEGACY_PHASES: LegacyTable = {
  absent: {
    announce: register,
    deregister: () => ({ phase: { kind: "dismissed" }, actions: [] }),
    admit: (phase) => ({ phase, actions: [] }),
  },
  registering: {
    announce: register,
    heard: (_, { now, limits }) => ({
      phase: { kind: "active", until: now + limits.strikeMs },
      actions: ["registered"],
    }),
    timer: ({ tries }, { now, limits }) =>
      tries < REGISTRATIONS
        ? {
            phase: { kind: "registering", until: now + limits.retryMs, tries: tries + 1 },
            actions: ["register"],
          }
        : { phase: { kind: "absent" }, actions: ["lost"] },
    deregister: dismiss,
  },
  active: {
    announce: startOver,
    heard: (_, { now, limits }) => ({
      phase: { kind: "active", until: now + limits.strikeMs },
      actions: [],
    }),
    timer: (_, { now, limits }) => ({
      phase: { kind: "faulted", until: now + limits.strikeMs, strikes: 1 },
      actions: ["fault"],
    }),
    deregister: dismiss,
  },
  faulted: {
    announce: startOver,
    heard: (_, { now, limits }) => ({
      phase: { kind: "active", until: now + limits.strikeMs },
      actions: ["restore"],
    }),
    timer: ({ strikes }, { now, limits }): LegacyStep =>
      strikes + 1 < STRIKES
        ? {
            phase: { kind: "faulted", until: now + limits.strikeMs, strikes: strikes + 1 },
            actions: ["fault"],
          }
        : { phase: { kind: "absent" }, actions: ["deregister", "silent"] },
    deregister: dismiss,
  },
  dismissed: {
    admit: () => ({ phase: { kind: "absent" }, actions: [] }),
    deregister: (phase) => ({ phase, actions: [] }),
  },
};

/** Undefined: the event is refused in this state, and nothing changes. */
export function stepLegacy(
  phase: LegacyPhase,
  event: LegacyPhaseEvent,
  context: LegacyContext,
): LegacyStep | undefined {
  switch (phase.kind) {
    case "absent":
      return LEGACY_PHASES.absent[event]?.(phase, context);
    case "registering":
      return LEGACY_PHASES.registering[event]?.(phase, context);
    case "active":
      return LEGACY_PHASES.active[event]?.(phase, context);
    case "faulted":
      return LEGACY_PHASES.faulted[event]?.(phase, context);
    case "dismissed":
      return LEGACY_PHASES.dismissed[event]?.(phase, context);
  }
}
