import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS as limits } from "./limits.js";
import { type ModulePhase, type ModulePhaseEvent, stepModule } from "./module-phase.js";
import { attempted, backedOff, earliest, FRESH_PACING, type Pacing } from "./pacing.js";
import { type PackPhase, type PackPhaseEvent, stepPack } from "./pack-phase.js";

const now = 1_000_000;
const context = { now, limits, jitter: 0.5 };
const pacing: Pacing = { recent: [now - 10_000], failures: 0 };
const recent: Pacing = { recent: [now - 500], failures: 0 };
const until = now;

describe("the pack's handshake, state × event", () => {
  const states: Record<PackPhase["kind"], PackPhase> = {
    closed: { kind: "closed", pacing },
    waiting: { kind: "waiting", until, pacing },
    agreeing: { kind: "agreeing", until, pacing },
    offered: { kind: "offered", until, pacing },
    checking: { kind: "checking", until, answerUntil: now + 1, pacing },
    proving: { kind: "proving", until, pacing },
    settled: { kind: "settled", pacing },
  };
  const refused = "refused";
  const given = "waiting abandon";
  const away = "waiting abandon report-custody";
  const closed = "closed abandon";
  /** Next state and actions; what is not named is refused. */
  const table: Record<PackPhase["kind"], Partial<Record<PackPhaseEvent, string>>> = {
    closed: { open: "agreeing ask-ss", close: "closed" },
    waiting: { close: closed, wanted: "waiting", proven: "settled", timer: "agreeing ask-ss" },
    agreeing: {
      close: closed,
      wanted: "agreeing",
      agreed: "offered send-message-1",
      unanswered: away,
      proven: "agreeing",
      timer: away,
    },
    offered: {
      close: closed,
      wanted: "offered",
      received: "checking",
      proven: "offered",
      timer: given,
    },
    checking: {
      close: closed,
      wanted: "checking",
      refused: "offered",
      unanswered: away,
      answered: "proving send-ping",
      proven: "checking",
      timer: away,
    },
    proving: { close: closed, wanted: "proving", proven: "settled", timer: given },
    settled: { close: closed, wanted: "agreeing ask-ss", proven: "settled" },
  };
  const events: readonly PackPhaseEvent[] = [
    "open",
    "close",
    "wanted",
    "agreed",
    "received",
    "refused",
    "unanswered",
    "answered",
    "proven",
    "timer",
  ];
  for (const [kind, expected] of Object.entries(table)) {
    it.each(events.map((event) => [event, expected[event] ?? refused] as const))(
      `${kind} × %s: %s`,
      (event, result) => {
        const step = stepPack(states[kind as PackPhase["kind"]], event, context);
        const told = step === undefined ? refused : [step.phase.kind, ...step.actions].join(" ");
        expect(told).toBe(result);
      },
    );
  }

  it("reports from the third failure on, and forgets failures when proven", () => {
    const failing = (failures: number): PackPhase => ({
      kind: "offered",
      until,
      pacing: { ...pacing, failures },
    });
    expect(stepPack(failing(1), "timer", context)?.actions).toEqual(["abandon"]);
    expect(stepPack(failing(2), "timer", context)?.actions).toEqual(["abandon", "report-failure"]);
    const proving: PackPhase = { kind: "proving", until, pacing: { ...pacing, failures: 5 } };
    expect(stepPack(proving, "proven", context)?.phase).toMatchObject({ pacing: { failures: 0 } });
  });

  it("awaits the true message 2 no longer for a stranger's that was checked meanwhile", () => {
    const offered: PackPhase = { kind: "offered", until: now + 700, pacing };
    const checking = stepPack(offered, "received", context)?.phase;
    expect(checking).toMatchObject({ until: now + limits.custodyMs, answerUntil: now + 700 });
    expect(stepPack(checking!, "refused", context)?.phase).toEqual(offered);
    const late = stepPack(checking!, "refused", { ...context, now: now + 700 });
    expect(late).toMatchObject({ phase: { kind: "waiting" }, actions: ["abandon"] });
  });

  it("waits out the spacing when asked too soon", () => {
    const step = stepPack({ kind: "settled", pacing: recent }, "wanted", context);
    expect(step).toMatchObject({ phase: { kind: "waiting", until: now + 1500 }, actions: [] });
  });

  it("keeps to its spacing over a bus that comes and goes", () => {
    const step = stepPack({ kind: "closed", pacing: recent }, "open", context);
    expect(step).toMatchObject({ phase: { kind: "waiting", until: now + 1500 }, actions: [] });
  });

  it("cuts a back-off short for who asks, but not the spacing", () => {
    const waiting: PackPhase = { kind: "waiting", until: now + 30_000, pacing: recent };
    expect(stepPack(waiting, "wanted", context)?.phase).toMatchObject({ until: now + 1500 });
  });
});

describe("the module's, state × event", () => {
  const states: Record<ModulePhase["kind"], ModulePhase> = {
    closed: { kind: "closed", pacing },
    asking: { kind: "asking", until, pacing },
    answered: { kind: "answered", until, pacing, wanted: false },
    settled: { kind: "settled", pacing },
  };
  const events: readonly ModulePhaseEvent[] = [
    "open",
    "close",
    "wanted",
    "answered",
    "proven",
    "timer",
  ];
  const refused = "refused";
  const table: Record<ModulePhase["kind"], readonly string[]> = {
    closed: ["asking", "closed", refused, refused, refused, refused],
    asking: [refused, "closed abandon", "asking", "answered", "settled", "asking send-hello"],
    answered: [refused, "closed abandon", "answered", "answered", "settled", "settled abandon"],
    settled: [refused, "closed abandon", "asking", "answered", "settled", refused],
  };
  for (const [kind, expected] of Object.entries(table)) {
    it.each(events.map((event, i) => [event, expected[i]!]))(
      `${kind} × %s: %s`,
      (event, result) => {
        const step = stepModule(states[kind as ModulePhase["kind"]], event, context);
        const told = step === undefined ? refused : [step.phase.kind, ...step.actions].join(" ");
        expect(told).toBe(result);
      },
    );
  }

  it("keeps to its spacing over a bus that comes and goes", () => {
    const closed: ModulePhase = { kind: "closed", pacing: recent };
    const step = stepModule(closed, "open", { ...context, jitter: 0 });
    expect(step?.phase).toMatchObject({ kind: "asking", until: now + 1500 });
  });

  it("asks again after an answer that came to nothing, if keys were wanted", () => {
    const answered: ModulePhase = { kind: "answered", until, pacing, wanted: true };
    expect(stepModule(answered, "timer", context)?.phase.kind).toBe("asking");
  });

  it("first asks within half a second, at a random time", () => {
    const first = (jitter: number) =>
      stepModule({ kind: "closed", pacing }, "open", { ...context, jitter })?.phase;
    expect(first(0)).toMatchObject({ until: now });
    expect(first(0.999)).toMatchObject({ until: now + 500 });
  });
});

describe("pacing", () => {
  it("spaces attempts 2 s apart and caps them at six a minute", () => {
    let state = FRESH_PACING;
    const times: number[] = [];
    let at = now;
    for (let n = 0; n < 8; n += 1) {
      at = earliest(state, at, limits);
      times.push(at - now);
      state = attempted(state, at);
    }
    expect(times).toEqual([0, 2000, 4000, 6000, 8000, 10_000, 60_000, 62_000]);
  });

  it("doubles the step up to 30 s, give or take a quarter", () => {
    const delay = (failures: number, jitter: number) =>
      backedOff({ recent: [], failures }, now, limits, jitter) - now;
    expect([1, 2, 3, 4, 5, 6, 60].map((n) => delay(n, 0.5))).toEqual([
      2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ]);
    expect([delay(3, 0), delay(3, 1)]).toEqual([6000, 10_000]);
  });
});
