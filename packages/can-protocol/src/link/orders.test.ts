import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { OUTCOME } from "../inner/messages.js";
import { FrameScheduler } from "../scheduler.js";
import { classOf } from "../secured/identifier.js";
import { frameNanos } from "../wire/frame-bits.js";
import { forged, hello } from "./attacker.fixture.js";
import {
  alarmsOf,
  answerOrders,
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

  it("have one outcome each, by class and counter: done, or refused with the module's reason", () => {
    const pair = new LinkPair().link().run(500, 100);
    const codes = [0, 1, 2, 3, 4, 5, 99];
    for (const code of codes) {
      pair.moduleEffects.length = 0;
      pair.order({ kind: "state-change", state: 2, hvBusVoltage: 300 });
      pair.run(2);
      expect(answerOrders(pair, code)).toBe(1);
      pair.run(2);
    }
    expect(outcomesOf(pair)).toEqual(
      ["done", "stale", "state", "unsupported", "malformed", "failed", "unknown"].map(
        (reason, counter) => ({
          kind: "outcome",
          order: { kind: "state-change", state: 2, hvBusVoltage: 300 },
          pdu: { class: "urgent", counter },
          result: reason === "done" ? { kind: "acknowledged" } : { kind: "refused", reason },
        }),
      ),
    );
    pair.run(10_000, 100);
    expect(outcomesOf(pair)).toHaveLength(codes.length);
  });

  it("give back the very object that was sent, whatever order the outcomes come in", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.moduleEffects.length = 0;
    const orders = [1, 2, 3].map((cause) => ({ kind: "isolate", cause }) as const);
    for (const order of orders) pair.order(order);
    pair.run(1);
    pair.moduleEffects.reverse();
    answerOrders(pair);
    pair.run(1);
    const told = outcomesOf(pair).map(({ order }) => order);
    expect(told.map((order) => orders.findIndex((sent) => Object.is(sent, order)))).toEqual([
      2, 1, 0,
    ]);
  });

  it("are answered by the very message that they ask for", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.order({ kind: "cell-detail-request", cell: 4 });
    pair.order({ kind: "cell-detail-request", cell: 3 });
    pair.order({ kind: "telemetry-request", periodMs: 0 });
    pair.run(1);
    const values = { cells: 94, temperature: 20, voltage: 3.7, soc: 50, soh: 100 };
    pair.send({ kind: "cell-detail", cell: 3, ...values });
    pair.sendReading();
    pair.run(1);
    const told = outcomesOf(pair);
    expect(told.map(({ order }) => ("cell" in order ? order.cell : order.kind))).toEqual([
      3,
      "telemetry-request",
    ]);
    expect(told.every(({ result }) => result.kind === "acknowledged")).toBe(true);
  });

  it("that nothing answers time out once; an answer that comes later changes nothing", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.moduleEffects.length = 0;
    pair.order({ kind: "isolate", cause: 1 });
    pair.run(2990, 100);
    expect(outcomesOf(pair)).toEqual([]);
    pair.run(20, 100);
    expect(outcomesOf(pair)).toMatchObject([
      { pdu: { class: "urgent", counter: 0 }, result: { kind: "timed-out" } },
    ]);
    answerOrders(pair);
    pair.run(5000, 100);
    expect(outcomesOf(pair)).toHaveLength(1);
  });

  it("time out at once when the session ends under them", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.order({ kind: "isolate", cause: 1 });
    pair.toPack({ kind: "bus", state: "bus-off" });
    expect(outcomesOf(pair)).toMatchObject([{ result: { kind: "timed-out" } }]);
  });

  it("that twice found no answer call for new keys", () => {
    const pair = new LinkPair().link().run(500, 100);
    for (let n = 0; n < 2; n += 1) pair.order({ kind: "isolate", cause: 1 });
    pair.run(4000, 100);
    expect(pair.pack.status.counts.handshakes).toBe(2);
  });

  it("are answered under the next session too, and not for another order of the same counter", () => {
    const pair = new LinkPair().link().run(2500, 100);
    pair.moduleEffects.length = 0;
    pair.order({ kind: "isolate", cause: 1 });
    pair.inject(hello(), "module");
    pair.run(200, 100);
    expect(ofKind(pair.packEffects, "session")).toHaveLength(2);
    const second = { kind: "isolate", cause: 2 } as const;
    pair.order(second);
    pair.run(1);
    pair.moduleEffects.reverse(); // the second, whose counter is 0 as well, is answered first
    answerOrders(pair);
    pair.run(10);
    expect(outcomesOf(pair).map(({ order }) => order)).toEqual([
      second,
      { kind: "isolate", cause: 1 },
    ]);
  });

  it("are 64 at most in waiting; the next comes back unsent", () => {
    const pair = new LinkPair().link().run(500, 100);
    for (let n = 0; n < 65; n += 1) pair.order({ kind: "hardware-request" });
    expect(outcomesOf(pair).map(({ result }) => result)).toEqual([
      { kind: "unsent", reason: "queue-full" },
    ]);
  });

  it("wait for the next reading when the last one is too old for the module", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.run(2300);
    pair.order({ kind: "isolate", cause: 1 });
    pair.run(1);
    expect(kindsAt(pair)).not.toContain("isolate");
    pair.sendReading();
    pair.run(1);
    expect(kindsAt(pair)).toContain("isolate");
    expect(alarmsOf(pair, "moduleEffects")).toEqual([]);
  });
});

describe("isolate-all", () => {
  it("has 31 orders on the wire within 30 ms at 500 kbit/s, whatever else waits, and 31 outcomes", () => {
    const pairs = Array.from({ length: 31 }, (_, i) => new LinkPair({ seed: i + 1 }));
    for (const pair of pairs) pair.link().run(500, 100);
    const info = { nominalBitRate: 500_000, dataBitRate: undefined };
    let nanos = 0;
    let listener: CanFrame | undefined;
    const scheduler = new FrameScheduler({
      info,
      state: "active",
      send: (frame) => {
        if (listener !== undefined) return false;
        listener = frame;
        return true;
      },
      listen: () => () => {},
      close: () => {},
    });
    scheduler.offer("bulk", forged(0x636, 1, 1024));
    scheduler.offer("normal", forged(0x632, 1, 48));
    for (const pair of pairs) {
      pair.moduleEffects.length = 0;
      for (const { class: cls, frames } of ofKind(
        pair.order({ kind: "isolate", cause: 2 }),
        "transmit",
      )) {
        scheduler.offer(cls, frames);
      }
    }
    while (scheduler.waiting("urgent") > 0 && listener !== undefined) {
      const sent: CanFrame = listener;
      nanos += frameNanos(sent, info);
      listener = undefined;
      scheduler.sent(sent);
    }
    expect(nanos).toBeLessThan(30e6);
    for (const pair of pairs) {
      pair.run(1);
      answerOrders(pair);
      pair.run(1);
      expect(outcomesOf(pair)).toMatchObject([{ result: { kind: "acknowledged" } }]);
    }
  });
});
