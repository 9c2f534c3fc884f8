import { describe, expect, it } from "vitest";
import { DecodeError } from "./errors.js";
import { Fields } from "./fields.js";
import { lctId, millis } from "./units.js";

const LCT = `lct:pack:${"a".repeat(32)}`;
const VALUE = ["é", Uint8Array.of(1, 2), 7, [], LCT, [3, 4]] as const;
const fields = new Fields(VALUE, "record", 6);
const short = { least: 0, most: 2 };

describe("fields of an array", () => {
  it("are read by position, as the type asked for", () => {
    expect(fields.length).toBe(6);
    expect(fields.text(0, "word", short)).toBe("é");
    expect(fields.oneOf(0, "word", ["e", "é"])).toBe("é");
    expect(fields.bytes(1, "hash", 2)).toEqual(Uint8Array.of(1, 2));
    expect(fields.bytes(1, "hash", short)).toHaveLength(2);
    expect(fields.integer(2, "count", { least: 7, most: 7 })).toBe(7);
    expect(fields.millis(2, "time")).toBe(millis(7));
    expect([2, 3].map((index) => fields.absent(index))).toEqual([false, true]);
    expect(fields.lct(4, "lct")).toBe(lctId(LCT));
    const list = new Fields(fields.value(5), "list", short);
    expect(list.each((i) => list.millis(i, "time"))).toEqual([3, 4]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["no array", () => new Fields("x", "record", 1), /record: is not an array/],
    ["nothing", () => new Fields(undefined, "record", 1), /record: is not an array/],
    ["too few", () => new Fields([1], "record", 2), /has 1 items, not 2/],
    ["too many", () => new Fields([1, 2, 3], "record", short), /has 3 items, not 0 to 2/],
    ["no text", () => fields.text(1, "word", short), /record: word is not text/],
    ["more bytes of text", () => fields.text(0, "word", { least: 0, most: 1 }), /has 2 bytes/],
    ["another word", () => fields.oneOf(0, "word", ["e"]), /word is none of e/],
    ["no bytes", () => fields.bytes(0, "hash", 2), /hash is not a byte string/],
    ["another length", () => fields.bytes(1, "hash", 3), /hash has 2 bytes/],
    ["no integer", () => fields.integer(0, "count", short), /count is not an integer/],
    ["a larger one", () => fields.integer(2, "count", short), /count is out of range/],
    ["no LCT", () => fields.lct(0, "lct"), /lct is not an LCT id/],
    ["a missing field", () => fields.integer(9, "count", short), /count is not an integer/],
  ])("are refused by name: %s", (_, read, reason) => {
    expect(read).toThrow(DecodeError);
    expect(read).toThrow(reason);
  });
});
