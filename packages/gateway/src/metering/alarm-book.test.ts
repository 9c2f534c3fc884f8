import { type Millis, millis, slot } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { AlarmBook } from "./alarm-book.js";

const T0 = 1_800_000_000_000;
const at = (seconds: number): Millis => millis(T0 + 1000 * seconds);
const alarm = (kind: string, place: number, count = 1) => ({
  module: undefined,
  slot: slot(place),
  alarm: kind,
  count,
  detail: "",
});

describe("the alarm book", () => {
  it("enters the first of a kind about a module at once, whatever else is going on", () => {
    const book = new AlarmBook();
    expect(book.note(alarm("injection", 2), at(0))).toMatchObject({ slot: 2, count: 1 });
    expect(book.note(alarm("injection", 7), at(0))).toMatchObject({ slot: 7, count: 1 });
    expect(book.note(alarm("broken", 2), at(0))).toMatchObject({ alarm: "broken" });
  });

  it("counts every one of an hour's flood in a handful of entries", () => {
    const book = new AlarmBook();
    const entered: number[] = [];
    for (let second = 0; second < 3600; second += 1) {
      for (let i = 0; i < 50; i += 1) {
        const body = book.note(alarm("injection", 2, 3), at(second));
        if (body !== undefined) entered.push(body.count);
      }
      for (const body of book.due(at(second))) entered.push(body.count);
    }
    for (const body of book.flush()) entered.push(body.count);
    expect(entered.length).toBeLessThan(12);
    expect(entered.reduce((sum, count) => sum + count, 0)).toBe(3600 * 50 * 3);
  });

  it("tells what was counted although nothing more comes", () => {
    const book = new AlarmBook();
    book.note(alarm("injection", 2), at(0));
    expect(book.note(alarm("injection", 2, 19), at(1))).toBeUndefined();
    expect(book.due(at(5))).toEqual([]);
    expect(book.due(at(60))).toEqual([alarm("injection", 2, 19)]);
    expect(book.flush()).toEqual([]);
  });

  it("starts afresh after ten quiet minutes", () => {
    const book = new AlarmBook();
    for (let second = 0; second < 200; second += 1) book.note(alarm("injection", 2), at(second));
    book.due(at(900));
    expect(book.note(alarm("injection", 2), at(2000))).toMatchObject({ count: 1 });
  });
});
