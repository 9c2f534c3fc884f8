import { millis, milliwattHours, moduleUid } from "@wattseal/base";
import { expect, it } from "vitest";
import { ShuntBook } from "./shunt.js";
import { MOST_SUSPECTS, WindowBook } from "./windows.js";

const NOW = millis(1_000_000);
const indices = (book: WindowBook) => [...book.open(NOW)].map(({ interval }) => interval);

it("of more suspects than can be open the oldest leave, also after some were settled, and after a restart", () => {
  const book = new WindowBook((net) => net);
  const suspect = (from: number, to: number, into = book) => {
    for (let i = from; i < to; i += 1) into.suspect(i, 1, NOW);
  };
  const reject = (interval: number) =>
    book.resolve(0, { interval, decision: "reject", evidence: "test", reason: "" }, NOW);
  suspect(0, MOST_SUSPECTS + 10);
  expect(indices(book)[0]).toBe(10);
  for (const interval of [10, 11, 15]) reject(interval);
  suspect(MOST_SUSPECTS + 10, MOST_SUSPECTS + 13);
  expect(indices(book)[0]).toBe(12);
  suspect(MOST_SUSPECTS + 13, MOST_SUSPECTS + 18);
  expect(indices(book).slice(0, 2)).toEqual([18, 19]);
  expect(indices(book)).toHaveLength(MOST_SUSPECTS);

  const restored = new WindowBook((net) => net, book.save());
  suspect(MOST_SUSPECTS + 18, MOST_SUSPECTS + 20, restored);
  suspect(MOST_SUSPECTS + 18, MOST_SUSPECTS + 20);
  expect(restored.save()).toEqual(book.save());
  expect(indices(restored)[0]).toBe(20);
});

it("of more records than a suspect check can doubt the newest are doubted, and what all of them took in", () => {
  const book = new ShuntBook();
  const [t0, t1] = [millis(0), millis(60_000)];
  const zero = milliwattHours(0);
  const record = {
    module: moduleUid("5701000000000001"),
    t0,
    t1,
    in: milliwattHours(1),
    out: zero,
  };
  const add = (index: number) =>
    book.add(
      index,
      { ...record, start: undefined, end: undefined, reason: "silence" },
      { in: 1, out: 0, net: 1 },
    );
  const more = (from: number) => {
    for (let i = 0; i < MOST_SUSPECTS + 5; i += 1) add(from + i);
  };
  more(0);
  book.close();
  more(1_000_000);
  const check = book.next({ shunt: "test", t0, t1, in: zero, out: zero }, 1);
  expect(check?.verdict).toBe("suspect");
  const doubted = book.check(check!, t1, 1);
  expect(doubted.inMwh).toBe(MOST_SUSPECTS + 5);
  expect(doubted.intervals.size).toBe(MOST_SUSPECTS);
  expect([...doubted.intervals.keys()][0]).toBe(1_000_005);
});
