import { describe, expect, it } from "vitest";
import { RangeViolation } from "./errors.js";
import {
  labelOf,
  lctId,
  micros,
  millis,
  milliwattHours,
  moduleUid,
  originOf,
  slot,
} from "./units.js";

const label = "abcdefghijklmnopqrstuvwxyz234567";

describe.each([
  ["millis", millis],
  ["micros", micros],
  ["milliwattHours", milliwattHours],
])("%s", (_, make) => {
  it.each([0, 1, Number.MAX_SAFE_INTEGER])("accepts %d", (value) => {
    expect(make(value)).toBe(value);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses %d", (value) => {
    expect(() => make(value)).toThrow(RangeViolation);
  });
});

describe("slot", () => {
  it.each([1, 31])("accepts %d", (value) => {
    expect(slot(value)).toBe(value);
  });

  it.each([0, 32, -1, 1.5, Number.NaN])("refuses %d", (value) => {
    expect(() => slot(value)).toThrow(RangeViolation);
  });
});

describe("ids", () => {
  it("name the log of their LCT", () => {
    expect(labelOf(lctId(`lct:pack:${label}`))).toBe(label);
    expect(originOf(label)).toBe(`wattseal/${label}`);
  });

  it.each(["app", "pack", "module", "policy", "person", "society", "source", "agent"])(
    "accept an LCT of kind %s",
    (kind) => {
      expect(lctId(`lct:${kind}:${label}`)).toBe(`lct:${kind}:${label}`);
    },
  );

  it.each([
    "",
    label,
    `lct:pack:${label}a`,
    `lct:pack:${label.slice(1)}`,
    `lct:pack:${label.toUpperCase()}`,
    `lct:pack:${label.replace("2", "1")}`,
    `lct:robot:${label}`,
    `xlct:pack:${label}`,
    `lct:pack:${label}\n`,
  ])("refuse %j as an LCT", (text) => {
    expect(() => lctId(text)).toThrow(RangeViolation);
  });

  it("accept a module uid of 16 lower-case digits and refuse the rest", () => {
    expect(moduleUid("0123456789abcdef")).toBe("0123456789abcdef");
    for (const text of [
      "",
      "0123456789abcde",
      "0123456789ABCDEF",
      "0123456789abcdef0",
      "0123456789abcdeg",
      "0123456789abcdef\n",
    ]) {
      expect(() => moduleUid(text), JSON.stringify(text)).toThrow(RangeViolation);
    }
  });
});
