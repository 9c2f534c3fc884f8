import { lctId, millis } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { START } from "../clock.fixture.js";
import { carriedOrders, MOST_REMEMBERED, OrderMemory } from "./memory.js";
import { ALLOW, ISOLATE, idOf, OPERATOR, orderFor } from "./order.fixture.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const FILLER = encodeEntry({
  type: "ops.config",
  timeMs: START,
  body: { software: "x", digest: new Uint8Array(32) },
});
const named = (number: number, ms = number) => ({ id: idOf(number), expires: millis(START + ms) });
const command = (number: number, what = ALLOW) =>
  encodeEntry({
    type: "ops.command",
    timeMs: START,
    body: { order: orderFor(PACK, START, { ...named(number), what }), key: OPERATOR.publicKey },
  });
const logOf = (entries: readonly Uint8Array[], firstEntry = 0) => ({
  firstEntry,
  durableSize: entries.length,
  entries: (from: number) => entries.slice(from),
});

describe("what a pack remembers of its orders", () => {
  it("is in the log: a start with nothing else knows every one of them", () => {
    const log = logOf([FILLER, command(1), FILLER, command(2, ISOLATE)]);
    const memory = OrderMemory.open(log, undefined);
    expect([1, 2, 3].map((number) => memory.has(named(number)))).toEqual([true, true, false]);
    expect([memory.isolated, memory.size]).toEqual([true, 4]);
  });

  it("goes on from what was saved, with the entries that came after", () => {
    const before = [FILLER, command(1), command(2, ISOLATE)];
    const saved = OrderMemory.open(logOf(before), undefined).save();
    const after = [...before, command(3), command(4)];
    const memory = OrderMemory.open(logOf(after), saved);
    expect([1, 2, 3, 4, 5].map((n) => memory.has(named(n)))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(memory.isolated).toBe(false);
    expect(memory.save()).toBe(OrderMemory.open(logOf(after), undefined).save());
  });

  it("keeps what pruning took from the log", () => {
    const saved = OrderMemory.open(logOf([command(1), FILLER]), undefined).save();
    const pruned = { ...logOf([FILLER, FILLER]), firstEntry: 1 };
    expect(OrderMemory.open(pruned, saved).has(named(1))).toBe(true);
  });

  it("keeps all that was saved when pruning has passed it: isolation, ids, and what it forgot", () => {
    const orders = [...Array(MOST_REMEMBERED + 1).keys()].map((n) => command(n + 1, ISOLATE));
    const saved = OrderMemory.open(logOf(orders), undefined).save();
    const after = [...orders, FILLER, FILLER, command(1_000, ISOLATE), FILLER];
    const memory = OrderMemory.open(logOf(after, orders.length + 1), saved);
    expect([memory.isolated, memory.size]).toEqual([true, after.length]);
    // The first was forgotten, and is below the floor.
    for (const n of [1, 2, MOST_REMEMBERED + 1, 1_000]) expect(memory.has(named(n))).toBe(true);
    expect(memory.has(named(1_001))).toBe(false);

    const idle = OrderMemory.open(logOf([...orders, FILLER, FILLER], orders.length + 1), saved);
    expect(idle.isolated).toBe(true);
    expect(idle.save()).toBe(saved.replace(/^size \d+/, `size ${orders.length + 2}`));
  });

  it("is made again from the log where the saved text is of no use", () => {
    const log = logOf([command(1), FILLER]);
    const good = OrderMemory.open(log, undefined).save();
    const bad = ["", "x", good.slice(0, -1), good.slice(1), `${good}x`, `${good}\n`];
    for (const text of bad) expect(OrderMemory.open(log, text).save()).toBe(good);
  });

  it("of a longer log counts in a shorter one, and hides none of its entries, then or when it has grown", () => {
    const longer = [FILLER, command(1), command(2), command(3, ISOLATE), FILLER];
    const saved = OrderMemory.open(logOf(longer), undefined).save();
    const shorter = [FILLER, command(1), FILLER, command(9)];
    const memory = OrderMemory.open(logOf(shorter), saved);
    expect([1, 2, 3, 9, 10].map((n) => memory.has(named(n)))).toEqual([
      ...[true, true, true, true],
      false,
    ]);
    expect([memory.isolated, memory.size]).toEqual([true, 4]);
    const grown = [...shorter, command(11, ALLOW), FILLER];
    const later = OrderMemory.open(logOf(grown), memory.save());
    expect([1, 2, 3, 9, 11].every((n) => later.has(named(n)))).toBe(true);
    expect(later.isolated).toBe(false);
  });

  it("is carried to the log that takes another's place: what either knew, and every entry", () => {
    const former = OrderMemory.open(logOf([command(1), command(2, ISOLATE)]), undefined).save();
    const beside = OrderMemory.open(logOf([command(3), FILLER, FILLER]), undefined).save();
    const carried = carriedOrders(former, beside);
    // It allows, before the entry that isolated and was lost.
    const memory = OrderMemory.open(logOf([FILLER, command(4, ALLOW), FILLER]), carried);
    expect([1, 2, 3, 4, 5].map((n) => memory.has(named(n)))).toEqual([
      ...[true, true, true, true],
      false,
    ]);
    expect(memory.isolated).toBe(true);
    expect(carriedOrders("no text", beside)).toBeUndefined();
    expect(carriedOrders(former, "no text")).toBe(carriedOrders(former, undefined));
  });

  it("is carried with what was forgotten", () => {
    const orders = [...Array(MOST_REMEMBERED).keys()].map((n) => command(n + 1));
    const former = OrderMemory.open(logOf(orders), undefined).save();
    const beside = OrderMemory.open(logOf([command(1_000), command(1_001)]), undefined).save();
    const memory = OrderMemory.open(logOf([FILLER]), carriedOrders(former, beside));
    for (const n of [1, 2, 3, MOST_REMEMBERED, 1_000, 1_001])
      expect(memory.has(named(n))).toBe(true);
    expect(memory.has(named(1_002))).toBe(false);
  });

  it("has room for so many, and then takes none again that it may have forgotten", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.nat(9_999), fc.nat(9_999)), {
          selector: ([id]) => id,
          minLength: MOST_REMEMBERED,
          maxLength: 2 * MOST_REMEMBERED,
        }),
        (orders) => {
          const memory = new OrderMemory();
          for (const [id, ms] of orders) {
            // What was forgotten is refused as repeated, so it is never added again.
            if (!memory.has(named(id, ms))) memory.add(named(id, ms));
            expect(memory.has(named(id, ms))).toBe(true);
          }
          for (const [id, ms] of orders) expect(memory.has(named(id, ms))).toBe(true);
          expect(memory.has(named(10_000, 10_000))).toBe(false);
          expect(memory.save().split("\n").length).toBeLessThan(MOST_REMEMBERED + 5);
        },
      ),
      { numRuns: 30 },
    );
  });
});
