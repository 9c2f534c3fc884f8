import { millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { OUTCOME, type PackOrder } from "../inner/messages.js";
import { FrameScheduler } from "../scheduler.js";
import { classOf } from "../secured/identifier.js";
import { frameNanos } from "../wire/frame-bits.js";
import { forged, hello } from "./attacker.fixture.js";
import { DEFAULT_LIMITS } from "./limits.js";
import {
  alarmsOf,
  answerOrders,
  kindsAt,
  LinkPair,
  ofKind,
  outcomesOf,
  readingsOf,
} from "./link-pair.fixture.js";
import { OrderBook } from "./order-book.js";
import type { PackLinkEffect } from "./types.js";

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
    for (let cell = 0; cell < 17; cell += 1) pair.order({ kind: "cell-detail-request", cell });
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
    for (let cell = 0; cell < 65; cell += 1) pair.order({ kind: "cell-detail-request", cell });
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

describe("an order that turns a module off", () => {
  const other: fc.Arbitrary<PackOrder> = fc.oneof(
    fc.nat(93).map((cell) => ({ kind: "cell-detail-request" as const, cell })),
    fc.nat(3).map((state) => ({ kind: "state-change" as const, state, hvBusVoltage: 0 })),
    fc.nat(3).map((cause) => ({ kind: "isolate" as const, cause })),
    fc.constant({ kind: "hardware-request" as const }),
  );
  const off = fc.constantFrom<PackOrder[]>(
    { kind: "isolate", cause: 1 },
    { kind: "state-change", state: 0, hvBusVoltage: 0 },
  );
  const others = fc.array(fc.record({ other, times: fc.nat(70) }), { maxLength: 8 });

  it("always leaves, whatever else is pending, and every order has one outcome", () => {
    fc.assert(
      fc.property(others, off, (script, order) => {
        const pair = new LinkPair().link().run(300, 100);
        let orders = 1;
        for (const { other: before, times } of script) {
          for (let n = 0; n < times; n += 1) pair.order({ ...before });
          orders += times;
        }
        const [leaving] = ofKind(pair.order(order), "transmit");
        expect(leaving).toMatchObject({ class: "urgent", queueing: "reserved" });
        pair.run(5);
        answerOrders(pair);
        pair.run(5);
        const told = outcomesOf(pair).filter((outcome) => outcome.order === order);
        expect(told.map(({ result }) => result.kind)).toEqual(["acknowledged"]);
        pair.run(4000, 500);
        expect(outcomesOf(pair)).toHaveLength(orders);
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it("takes the place of no other order, but for the oldest of sixteen of its own", () => {
    const pair = new LinkPair().link().run(500, 100);
    const offs = Array.from({ length: 17 }, () => ({ kind: "isolate", cause: 1 }) as const);
    for (const order of offs.slice(0, 16)) pair.order(order);
    for (let cell = 0; cell < 64; cell += 1) pair.order({ kind: "cell-detail-request", cell });
    expect(outcomesOf(pair)).toEqual([]);
    pair.order(offs[16]!);
    const told = outcomesOf(pair);
    expect(told.map(({ result }) => result.kind)).toEqual(["timed-out"]);
    expect(told[0]!.order).toBe(offs[0]);
  });

  it("waits for a tick beside the others, at the cost of none but the oldest of its own", () => {
    const pair = new LinkPair().link();
    for (let cell = 0; cell < 16; cell += 1) pair.order({ kind: "cell-detail-request", cell });
    const offs = Array.from({ length: 17 }, () => ({ kind: "isolate", cause: 1 }) as const);
    for (const order of offs.slice(0, 16)) pair.order(order);
    expect(outcomesOf(pair)).toEqual([]);
    pair.order(offs[16]!);
    expect(outcomesOf(pair).map(({ order }) => order === offs[0])).toEqual([true]);
  });

  it("leaves with the first tick, whatever else waits for it", () => {
    fc.assert(
      fc.property(others, off, (script, order) => {
        const pair = new LinkPair().link();
        for (const { other: before, times } of script) {
          for (let n = 0; n < times; n += 1) pair.order({ ...before });
        }
        pair.order(order);
        pair.sendReading();
        pair.run(5);
        expect(kindsAt(pair)).toContain(order.kind);
        expect(outcomesOf(pair).filter((outcome) => outcome.order === order)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("an answer", () => {
  const hardware = {
    kind: "hardware",
    maxChargeCurrent: 48,
    maxDischargeCurrent: -48,
    endVoltage: 394.8,
    hwVersion: 1,
    fw: 0x123,
  } as const;
  const results = (pair: LinkPair) =>
    outcomesOf(pair).map(({ result }) => ("reason" in result ? result.reason : result.kind));

  it("to a request that timed out is not taken for that to the next one", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.order({ kind: "hardware-request" });
    pair.run(3001, 100);
    pair.order({ kind: "hardware-request" });
    expect(results(pair)).toEqual(["timed-out", "asked"]);
    pair.send(hardware);
    pair.run(1, 100);
    expect(results(pair)).toHaveLength(2);
    pair.order({ kind: "hardware-request" });
    pair.send(hardware);
    pair.run(1, 100);
    expect(results(pair)).toEqual(["timed-out", "asked", "acknowledged"]);
  });

  it("is waited for before the same is asked again, or for as long as it may still come", () => {
    const pair = new LinkPair().link().run(500, 100);
    const last = { kind: "log-frame-request", counter: 0xffff_ffff } as const;
    pair.order({ ...last, counter: 1 });
    pair.order({ ...last, counter: 2 });
    pair.order(last); // any log frame would answer it
    pair.order({ ...last, counter: 1 });
    pair.order({ kind: "cell-detail-request", cell: 1 });
    pair.order({ kind: "cell-detail-request", cell: 2 });
    expect(results(pair)).toEqual(["asked", "asked"]);
    pair.run(6100, 100);
    pair.order(last);
    expect(results(pair)).toEqual(["asked", "asked", ...Array(4).fill("timed-out")]);
    pair.order({ ...last, counter: 3 });
    expect(results(pair).at(-1)).toBe("asked");
  });

  it("sealed under the session before is none to an order of the present one", () => {
    const told: PackLinkEffect[] = [];
    const book = new OrderBook(DEFAULT_LIMITS, (effect) => {
      told.push(effect);
    });
    const [before, present] = [new Uint8Array(32), new Uint8Array(32)];
    const request = { kind: "hardware-request" } as const;
    const pdu = { class: "normal", type: 3, counter: 0, frames: [] } as const;
    book.sent(request, { ...pdu, handshakeHash: present }, 0);
    const done = { kind: "outcome", tick: 0, command: 3, code: 0, class: 1, counter: 0 } as const;
    for (const message of [hardware, done]) {
      expect(book.hear(message, before, present)).toBeUndefined();
    }
    expect(told).toEqual([]);
    expect(book.hear(hardware, present, present)).toBe(request);
  });
});

describe("an order whose frames found no room", () => {
  it("comes back unsent, once", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.channel = () => ({ delays: [] });
    const order = { kind: "time", utcMs: 1, valid: 1 } as const;
    const { frames } = ofKind(pair.order(order), "transmit")[0]!;
    const outcome = { kind: "outcome", order, pdu: undefined };
    const result = { kind: "unsent", reason: "queue-full" };
    expect(pair.toPack({ kind: "unsent", frames })).toEqual([{ ...outcome, result }]);
    expect(pair.toPack({ kind: "unsent", frames })).toEqual([]);
    pair.run(3500);
    expect(outcomesOf(pair)).toHaveLength(1);
  });
});

describe("an impossible order", () => {
  it("changes nothing: what was due is done by the next event", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.now = millis(pair.now + 1900);
    const { deadline } = pair.pack;
    const before = pair.pack.status;
    expect(deadline).toBeLessThan(pair.now);
    const wrong = { kind: "state-change", state: 3, hvBusVoltage: 1e6 } as const;
    const fieldRange = expect.objectContaining({ code: "field-range" });
    expect(() => pair.order(wrong)).toThrow(fieldRange);
    expect(() => pair.toPack({ kind: "max-state", state: 256 })).toThrow(fieldRange);
    expect(pair.pack.deadline).toBe(deadline);
    expect(pair.pack.status).toEqual(before);
    const effects = pair.toPack({ kind: "timer" });
    expect(ofKind(effects, "transmit")).toHaveLength(1);
    expect(pair.pack.deadline).toBeGreaterThan(pair.now);
    expect(outcomesOf(pair)).toEqual([]);
  });
});

describe("what a link gave out and means no more", () => {
  it("is withdrawn: an attempt that found no answer, and PDUs whose keys are dropped", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.channel = () => ({ delays: [] });
    pair.packEffects.length = 0;
    pair.run(10_000);
    const of = ofKind(pair.packEffects, "withdraw");
    const { handshakes } = pair.pack.status.counts;
    expect(of.filter(({ what }) => what === "sealed")).toHaveLength(1);
    expect(of.filter(({ what }) => what === "handshake")).toHaveLength(handshakes - 1);
    expect(of.every(({ slot }) => slot === 5)).toBe(true);
    const heartbeats = ofKind(pair.packEffects, "transmit").filter(
      (sent) => sent.class === "normal",
    );
    expect(heartbeats.map(({ queueing }) => queueing)).toContain("latest");
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
