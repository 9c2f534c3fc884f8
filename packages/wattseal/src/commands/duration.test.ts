import { describe, expect, it } from "vitest";
import { parseDuration, parseModules, parseSpeed } from "./duration.js";

describe("command line values", () => {
  it("reads durations", () => {
    expect(["500ms", "20s", "1.5m", "1h"].map(parseDuration)).toEqual([
      500, 20_000, 90_000, 3_600_000,
    ]);
    for (const text of ["", "20", "s", "-5s", "0s", "1d", "1s2"]) {
      expect(() => parseDuration(text)).toThrow(/duration/);
    }
  });

  it("reads numbers of modules", () => {
    expect(parseModules("31")).toBe(31);
    for (const text of ["0", "32", "1.5", "x", ""])
      expect(() => parseModules(text)).toThrow(/1 to 31/);
  });

  it("reads speeds", () => {
    expect([parseSpeed("0.5"), parseSpeed("max")]).toEqual([0.5, Number.POSITIVE_INFINITY]);
    for (const text of ["0", "-1", "fast", "Infinity"])
      expect(() => parseSpeed(text)).toThrow(/number above 0/);
  });
});
