import { describe, expect, it } from "vitest";
import { LEGACY_LIMITS } from "./limits.js";
import { type LegacyPhase, type LegacyPhaseEvent, stepLegacy } from "./phase.js";

const NOW = 50_000;
const PHASES: readonly LegacyPhase[] = [
  { kind: "absent" },
  { kind: "registering", until: NOW, tries: 1 },
  { kind: "active", until: NOW },
  { kind: "faulted", until: NOW, strikes: 1 },
  { kind: "dismissed" },
];
const EVENTS: readonly LegacyPhaseEvent[] = ["announce", "heard", "timer", "deregister", "admit"];

/** Where each event leads and what it calls for; "-" is refused. */
const TABLE: Readonly<Record<LegacyPhase["kind"], Readonly<Record<LegacyPhaseEvent, string>>>> = {
  absent: {
    announce: "registering: register",
    heard: "-",
    timer: "-",
    deregister: "dismissed:",
    admit: "absent:",
  },
  registering: {
    announce: "registering: register",
    heard: "active: registered",
    timer: "registering: register",
    deregister: "dismissed: deregister ordered",
    admit: "-",
  },
  active: {
    announce: "registering: restarted register",
    heard: "active:",
    timer: "faulted: fault",
    deregister: "dismissed: deregister ordered",
    admit: "-",
  },
  faulted: {
    announce: "registering: restarted register",
    heard: "active: restore",
    timer: "faulted: fault",
    deregister: "dismissed: deregister ordered",
    admit: "-",
  },
  dismissed: { announce: "-", heard: "-", timer: "-", deregister: "dismissed:", admit: "absent:" },
};

const step = (phase: LegacyPhase, event: LegacyPhaseEvent) =>
  stepLegacy(phase, event, { now: NOW, limits: LEGACY_LIMITS });

describe("a clear-text module's phases", () => {
  for (const phase of PHASES) {
    it.each(EVENTS)(`${phase.kind} on %s`, (event) => {
      const next = step(phase, event);
      const found = next === undefined ? "-" : [`${next.phase.kind}:`, ...next.actions].join(" ");
      expect(found).toBe(TABLE[phase.kind][event]);
    });
  }

  it("counts registrations and strikes to three", () => {
    expect(step({ kind: "registering", until: NOW, tries: 3 }, "timer")).toEqual({
      phase: { kind: "absent" },
      actions: ["lost"],
    });
    expect(step({ kind: "faulted", until: NOW, strikes: 2 }, "timer")).toEqual({
      phase: { kind: "absent" },
      actions: ["deregister", "silent"],
    });
  });
});
