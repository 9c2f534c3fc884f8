import {
  type LogFields,
  type Logger,
  lctId,
  type ModuleUid,
  moduleUid,
  silentLogger,
} from "@wattseal/base";
import type { OrderResult } from "@wattseal/can-protocol";
import type { OrderedAction } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { HandClock } from "../clock.fixture.js";
import type { Draft } from "../ledger/energy-log-options.js";
import { OrderDesk, type OrderDeskOptions } from "./desk.js";
import { OrderMemory } from "./memory.js";
import { ALLOW, ISOLATE, idOf, OPERATOR, orderFor, STRANGER } from "./order.fixture.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const refuse = () => Promise.reject(new Error("the ledger refuses this"));

const SOCIETY = {
  reserve: refuse,
  commit: refuse,
  rollback: refuse,
  certify: refuse,
  resolve: refuse,
};

function deskWith(changes: Partial<OrderDeskOptions> = {}) {
  /** What happened, in its order. */
  const done: string[] = [];
  const entered: Draft<"ops.command" | "ops.outcome">[] = [];
  const refused: string[] = [];
  const lines: { readonly event: string; readonly fields: LogFields }[] = [];
  const clock = new HandClock();
  const logger: Logger = {
    ...silentLogger,
    warn: (event, fields = {}) => void lines.push({ event, fields }),
  };
  let saved = "";
  const memory = new OrderMemory();
  const desk = new OrderDesk({
    pack: PACK,
    keys: [OPERATOR.publicKey],
    memory,
    ordered: {
      isolateAll: async () => {
        done.push("isolate");
        return new Map();
      },
      allow: () => void done.push("allow"),
      society: SOCIETY,
    },
    turn: (input) => input(),
    enter: async (draft) => {
      await Promise.resolve();
      entered.push(draft);
      done.push(draft.type);
      return entered.length - 1;
    },
    save: async (text) => {
      saved = text;
    },
    now: () => clock.now(),
    steady: clock,
    logger,
    onRefused: (reason) => void refused.push(reason),
    ...changes,
  });
  let number = 0;
  const send = (what: OrderedAction = ALLOW, key = OPERATOR) => {
    number += 1;
    const bytes = orderFor(PACK, clock.now(), { id: idOf(number), what }, key);
    desk.receive(bytes, false);
    return bytes;
  };
  return { desk, send, done, entered, refused, lines, clock, memory, saved: () => saved };
}

describe("the desk for orders from afar", () => {
  it("enters an order before it is obeyed, and what became of it after", async () => {
    const { desk, send, done, entered } = deskWith();
    const bytes = send(ALLOW);
    await desk.stop();
    expect(done).toEqual(["ops.command", "allow", "ops.outcome"]);
    expect(entered).toEqual([
      { type: "ops.command", body: { order: bytes, key: OPERATOR.publicKey } },
      {
        type: "ops.outcome",
        body: { command: 0, outcome: "done", detail: "modules may close their relays" },
      },
    ]);
    expect(desk.counts).toEqual({ accepted: 1, refused: {} });
  });

  it("obeys one order once, however often it is brought, and by whichever run", async () => {
    const first = deskWith();
    const bytes = first.send(ISOLATE);
    for (let i = 0; i < 3; i += 1) first.desk.receive(bytes, false);
    await first.desk.stop();
    expect(first.done).toEqual(["ops.command", "isolate", "ops.outcome"]);
    expect(first.desk.counts.refused).toEqual({ repeated: 3 });
    expect(first.refused).toEqual([]);

    const log = { firstEntry: 0, durableSize: 2, entries: () => [] };
    const memory = OrderMemory.open(log, first.saved());
    const next = deskWith({ memory });
    next.desk.receive(bytes, false);
    await next.desk.stop();
    expect([next.done, next.desk.counts.refused]).toEqual([[], { repeated: 1 }]);
  });

  it("obeys nothing that the log does not take, not even when it is brought again", async () => {
    const { desk, send, done, refused } = deskWith({ enter: refuse });
    const bytes = send(ISOLATE);
    desk.receive(bytes, false);
    await desk.stop();
    expect(done).toEqual([]);
    expect(desk.counts).toEqual({ accepted: 0, refused: { repeated: 1, "not-entered": 1 } });
    expect(refused).toEqual(["not-entered"]);
  });

  it("judges an order's time by that of its entry: one that waited too long for its turn is not entered", async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { desk, send, done, refused, clock } = deskWith({
      turn: async (input) => {
        await released;
        return input();
      },
    });
    for (const what of [ISOLATE, ALLOW, { action: "rollback", body: { ticket: 7 } }] as const) {
      send(what);
    }
    clock.advance(60_000);
    release();
    await desk.stop();
    expect(done).toEqual([]);
    expect(desk.counts).toEqual({ accepted: 0, refused: { expired: 3 } });
    expect(refused).toEqual(["expired", "expired", "expired"]);
  });

  it("says what did not come off: modules that did not obey, rules that said no", async () => {
    const results = new Map<ModuleUid, OrderResult>([
      [moduleUid("5701000000000001"), { kind: "acknowledged" }],
      [moduleUid("5701000000000002"), { kind: "timed-out" }],
    ]);
    const { desk, send, entered } = deskWith({
      ordered: {
        isolateAll: async () => results,
        allow: () => {},
        society: SOCIETY,
      },
    });
    send(ISOLATE);
    send({ action: "rollback", body: { ticket: 7 } });
    await desk.stop();
    const outcomes = entered.filter(({ type }) => type === "ops.outcome").map(({ body }) => body);
    expect(outcomes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ outcome: "partial", detail: "1 of 2 modules obeyed" }),
        expect.objectContaining({ outcome: "refused", detail: "the ledger refuses this" }),
      ]),
    );
  });

  it("does not keep an order waiting for modules that do not answer another", async () => {
    let answer = () => {};
    const silent = new Promise<never>(() => {});
    const allowed = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { send } = deskWith({
      ordered: {
        isolateAll: () => silent,
        allow: () => answer(),
        society: SOCIETY,
      },
    });
    send(ISOLATE);
    send(ALLOW);
    await allowed;
  });

  it("takes none that a broker had kept, none while it stops, none of a stranger, and counts each", async () => {
    const { desk, send, done, refused, clock } = deskWith();
    desk.receive(orderFor(PACK, clock.now(), { id: idOf(99) }), true);
    send(ALLOW, STRANGER);
    await desk.stop();
    send(ALLOW);
    expect(done).toEqual([]);
    expect(desk.counts.refused).toEqual({ retained: 1, key: 1, stopping: 1 });
    expect(refused).toEqual(["retained", "key", "stopping"]);
  });

  it("bounds what a key may order, leaves room to isolate, and has room again later", async () => {
    const { desk, send, done, clock } = deskWith();
    for (let i = 0; i < 40; i += 1) send(ALLOW);
    send(ISOLATE);
    clock.advance(5_000);
    send(ALLOW);
    await desk.stop();
    const { accepted, refused } = desk.counts;
    expect(done.filter((what) => what === "isolate")).toHaveLength(1);
    expect(done.filter((what) => what === "allow")).toHaveLength(accepted - 1);
    expect(refused).toEqual({ rate: 42 - accepted });
    expect(accepted).toBeLessThan(20);
    expect(done.lastIndexOf("isolate")).toBeLessThan(done.lastIndexOf("allow"));
  });

  it("writes few lines about a flood, and says how many there were", async () => {
    const { desk, lines, clock } = deskWith();
    const flood = () => {
      for (let i = 0; i < 1_000; i += 1) desk.receive(new Uint8Array(8), false);
    };
    flood();
    expect(lines.length).toBeLessThan(10);
    clock.advance(10_000);
    flood();
    const told = lines.reduce((sum, { fields }) => sum + 1 + Number(fields["unsaid"]), 0);
    expect(told).toBeGreaterThan(1_000);
    expect(desk.counts.refused).toEqual({ malformed: 2_000 });
    await desk.stop();
  });

  it("remembers that the modules are isolated", async () => {
    const { desk, memory, saved } = deskWith();
    desk.isolated(true);
    await desk.stop();
    expect([memory.isolated, saved()]).toEqual([true, expect.stringContaining("isolated 1")]);
    expect(desk.wasIsolated).toBe(true);
  });
});
