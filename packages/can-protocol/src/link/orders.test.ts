import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { OUTCOME } from "../inner/messages.js";
import { classOf } from "../secured/identifier.js";
import {
  alarmsOf,
  kindsAt,
  LinkPair,
  ofKind,
  outcomesOf,
  readingsOf,
} from "./link-pair.fixture.js";

describe("orders", () => {
  it("wait for the first telemetry, whose tick they carry", () => {
    const pair = new LinkPair().link();
    expect(pair.order({ kind: "isolate", cause: 1 })).toEqual([]);
    pair.run(150);
    const tick = pair.module.tick(pair.now);
    pair.sendReading();
    pair.run(10);
    const isolate = ofKind(pair.moduleEffects, "message").find(
      ({ message }) => message.kind === "isolate",
    );
    expect(isolate?.message).toEqual({ kind: "isolate", cause: 1, tick });
    expect(isolate?.class).toBe("urgent");
  });

  it("that wait 2 s for a tick, or are too many, come back unsent", () => {
    const pair = new LinkPair().link();
    for (let n = 0; n < 17; n += 1) pair.order({ kind: "hardware-request" });
    const results = () => outcomesOf(pair).map(({ result }) => result);
    expect(results()).toEqual([{ kind: "unsent", reason: "queue-full" }]);
    pair.run(2001);
    expect(results().slice(1)).toEqual(Array(16).fill({ kind: "unsent", reason: "no-tick" }));
  });

  it("that do not fit their fields are refused at once, held or not", () => {
    const pair = new LinkPair().link();
    const wrong = { kind: "state-change", state: 3, hvBusVoltage: 1e6 } as const;
    const fieldRange = expect.objectContaining({ code: "field-range" });
    expect(() => pair.order(wrong)).toThrow(fieldRange);
    pair.sendReading();
    pair.run(1);
    expect(() => pair.order(wrong)).toThrow(fieldRange);
    expect(readingsOf(pair)).toHaveLength(1);
  });

  it("without a session come back unsent, as readings do", () => {
    const pair = new LinkPair();
    expect(pair.order({ kind: "erase" })).toEqual([
      {
        kind: "outcome",
        order: { kind: "erase" },
        pdu: undefined,
        result: { kind: "unsent", reason: "no-session" },
      },
    ]);
    expect(pair.send({ kind: "ping", tick: 1 })).toEqual([
      { kind: "unsent", message: { kind: "ping", tick: 1 }, reason: "no-session" },
    ]);
  });

  it("jammed, recorded and released more than 2 s later do nothing but an alarm and an outcome", () => {
    const pair = new LinkPair().link().run(500, 100);
    const jammed: CanFrame[] = [];
    pair.channel = (frame, from) => {
      if (from !== "pack" || classOf(frame.id) !== "urgent") return { delays: [0] };
      jammed.push(frame);
      return { delays: [] };
    };
    pair.order({ kind: "state-change", state: 3, hvBusVoltage: 350 });
    expect(jammed).not.toEqual([]);
    pair.channel = () => ({ delays: [0] });
    pair.run(2200, 100);
    for (const frame of jammed) pair.inject(frame, "pack");
    pair.run(10, 100);
    expect(kindsAt(pair)).not.toContain("state-change");
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject([
      { kind: "stale-command", class: "urgent", counter: 0, type: 4 },
    ]);
    const outcomes = ofKind(pair.packEffects, "message").filter(
      ({ message }) => message.kind === "outcome",
    );
    expect(outcomes[0]?.message).toMatchObject({
      command: 4,
      code: OUTCOME.stale,
      class: 0,
      counter: 0,
    });
  });

  it("are obeyed up to 2 s behind the module's tick", () => {
    const pair = new LinkPair().link();
    pair.sendReading();
    pair.run(0);
    pair.now = millis(pair.now + 2000);
    pair.order({ kind: "isolate", cause: 0 });
    pair.run(0);
    expect(kindsAt(pair)).toContain("isolate");
    pair.now = millis(pair.now + 1);
    pair.order({ kind: "erase" });
    pair.run(0);
    expect(kindsAt(pair)).not.toContain("erase");
  });
});
