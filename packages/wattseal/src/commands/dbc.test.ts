import { describe, expect, it } from "vitest";
import { parseModuleIds } from "./dbc.js";

describe("module ids", () => {
  it("are a list with ranges", () => {
    expect(parseModuleIds("5")).toEqual([5]);
    expect(parseModuleIds("1-3,31")).toEqual([1, 2, 3, 31]);
  });

  it.each(["", "0", "32", "3-1", "1,,2", "one", "1-40"])("%j is refused", (text) => {
    expect(() => parseModuleIds(text)).toThrow(/module ids/);
  });
});
