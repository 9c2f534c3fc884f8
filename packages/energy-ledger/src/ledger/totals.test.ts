import { expect, it } from "vitest";
import { TotalsBook } from "./totals.js";

const MOST = Number.MAX_SAFE_INTEGER;

it("stay at 2^53 − 1 in every field, so that a snapshot can say them", () => {
  const most = { inMwh: MOST, outMwh: MOST, uncountedMwh: MOST, intervals: MOST, windows: MOST };
  const book = new TotalsBook(most);
  book.interval({ in: 5, out: 7, net: -2 });
  book.window();
  expect(book.save()).toEqual(most);
});

it("go on from where they were saved", () => {
  const book = new TotalsBook();
  book.interval({ in: 5, out: 7, net: -2 });
  const again = new TotalsBook(book.save());
  again.interval({ in: 1, out: 1, net: 0 });
  again.window();
  const sums = { inMwh: 6, outMwh: 8, uncountedMwh: 0, intervals: 2, windows: 1 };
  expect(again.save()).toEqual(sums);
});
