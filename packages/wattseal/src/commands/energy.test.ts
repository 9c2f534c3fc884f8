import { describe, expect, it } from "vitest";
import { parseEnergy, parseEntry, parseHash, parsePercent } from "./energy.js";

describe("an energy on the command line", () => {
  it("has a unit and is exact", () => {
    expect(parseEnergy("1mWh")).toBe(1);
    expect(parseEnergy("500Wh")).toBe(500_000);
    expect(parseEnergy("1.005kWh")).toBe(1_005_000);
    expect(parseEnergy("0.001Wh")).toBe(1);
    expect(parseEnergy("281474976710655mWh")).toBe(2 ** 48 - 1);
  });

  it.each([
    "500",
    "0Wh",
    "-1Wh",
    "1.5mWh",
    "0.0001Wh",
    "1e3Wh",
    "1 Wh",
    "wh",
    "281474976710656mWh",
    "999999MWh",
  ])("is not %s", (text) => {
    expect(() => parseEnergy(text)).toThrow(/whole mWh/);
  });
});

it("per cent are hundredths of a per cent", () => {
  expect(["0", "100", "99.5", "0.01%", "7%"].map(parsePercent)).toEqual([0, 10_000, 9950, 1, 700]);
  for (const text of ["", "100.01", "101", "-1", "1.234", "x"]) {
    expect(() => parsePercent(text)).toThrow(/0 to 100/);
  }
});

it("entries and hashes are what they look like", () => {
  expect(parseEntry("42")).toBe(42);
  expect(parseHash("0f".repeat(32))).toBe("0f".repeat(32));
  for (const text of ["-1", "1.0", "0x1", "9".repeat(17)]) expect(() => parseEntry(text)).toThrow();
  for (const text of ["0F".repeat(32), "0f"]) expect(() => parseHash(text)).toThrow();
});
