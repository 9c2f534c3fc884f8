import { millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { counters, interval } from "../samples.fixture.js";
import { judge, NOTHING_USED } from "./verdict.js";
import { WINDOW, windowOf } from "./window.js";

const mwh = milliwattHours;
const measured = (over: Partial<typeof interval>) => ({
  ...interval,
  socStart: 100,
  socEnd: 100,
  ...over,
});
const CAPACITY = 2_000_000;
const verdictOf = (figures: ReturnType<typeof measured>, capacity: number) =>
  judge(figures, capacity, NOTHING_USED).verdict;

it.each([
  ["within 1 % of what went through and 100 mWh", 10_000, 10_200, "consistent"],
  ["a milliwatt-hour beyond", 10_000, 10_201, "suspect"],
  ["counters below the integral alike", 10_000, 9_799, "suspect"],
  ["nothing measured, 100 mWh apart", 0, 100, "consistent"],
  ["nothing measured, 101 mWh apart", 0, 101, "suspect"],
])("counters against the integral: %s", (_, out, integralOut, verdict) => {
  const figures = { in: mwh(0), out: mwh(out), integralIn: mwh(0), integralOut: mwh(integralOut) };
  expect(verdictOf(measured(figures), CAPACITY)).toBe(verdict);
});

it("adds the differences of both directions", () => {
  const figures = { in: mwh(100), out: mwh(100), integralIn: mwh(151), integralOut: mwh(48) };
  expect(verdictOf(measured(figures), 0)).toBe("suspect");
});

it.each([
  ["below 5 % abstains", 9, 0, CAPACITY, "consistent"],
  ["fits the energy", 20, 200_000, CAPACITY, "consistent"],
  ["fits a pack worn to 80 %", 20, 160_000, CAPACITY, "consistent"],
  ["moved without energy", 20, 0, CAPACITY, "suspect"],
  ["moved the other way", -20, 200_000, CAPACITY, "suspect"],
  ["without a known capacity abstains", 20, 0, 0, "consistent"],
])("state of charge: %s", (_, steps, charged, capacity, verdict) => {
  const energy = mwh(charged);
  const figures = { in: energy, integralIn: energy, out: mwh(0), integralOut: mwh(0) };
  const soc = { socStart: 100, socEnd: 100 + steps };
  expect(verdictOf(measured({ ...figures, ...soc }), capacity)).toBe(verdict);
});

/** From the rule's own words: (|ΔSOC| / 4 + 2) · capacity / 200 either way of ΔSOC · capacity / 200, cut to whole mWh. */
it.each([
  [20, 2_000_000, 130_000, 270_000],
  // 5 mWh is the edge itself, of which binary fractions fall short
  [11, 160, 5, 12],
  [11, 1_563_136, 48_848, 123_096],
  [11, 123_299_954_167_232, 3_853_123_567_726, 9_709_871_390_669],
  // the edge lies a part of a milliwatt-hour before 11,669,158,608,499
  [27, 65_282_006_201_393, 5_956_983_065_878, 11_669_158_608_498],
])(
  "state of charge: %i steps of %i mWh allow %i to %i, to the milliwatt-hour",
  (steps, capacity, least, most) => {
    const verdicts = (moved: number) =>
      [1, -1].map((way) => {
        const [inward, out] = way === 1 ? [moved, 0] : [0, moved];
        const energy = {
          in: mwh(inward),
          integralIn: mwh(inward),
          out: mwh(out),
          integralOut: mwh(out),
        };
        const soc = { socStart: 30 - 15 * way, socEnd: 30 - 15 * way + way * steps };
        return verdictOf(measured({ ...energy, ...soc }), capacity);
      });
    const consistent = ["consistent", "consistent"];
    expect([verdicts(least), verdicts(most)]).toEqual([consistent, consistent]);
    const suspect = ["suspect", "suspect"];
    expect(verdicts(most + 1)).toEqual(suspect);
    if (least > 0) expect(verdicts(least - 1)).toEqual(suspect);
  },
);

it("is unauthenticated without counters, whatever the figures", () => {
  expect(verdictOf(measured({ start: undefined, end: undefined }), CAPACITY)).toBe(
    "unauthenticated",
  );
  expect(verdictOf(measured({ start: counters(0, 0) }), CAPACITY)).not.toBe("unauthenticated");
});

describe("the tolerance of a window", () => {
  const MINUTE_START = windowOf(interval.t1) * WINDOW;
  const apart = (difference: number, ms: number, through = 0) =>
    measured({
      t1: millis(MINUTE_START + ms),
      in: mwh(through + difference),
      integralIn: mwh(through),
      out: mwh(0),
      integralOut: mwh(0),
    });

  it("is one for all intervals that end in the minute", () => {
    const first = judge(apart(60, 1_000), 0, NOTHING_USED);
    const second = judge(apart(40, 2_000), 0, first.used);
    expect([first.verdict, second.verdict]).toEqual(["consistent", "consistent"]);
    // one in a hundred goes through, and is tolerated
    expect(judge(apart(2, 59_999), 0, second.used).verdict).toBe("suspect");
    expect(judge(apart(100, 60_000), 0, second.used).verdict).toBe("consistent");
  });

  it("is not used by what is suspect, and grows with what goes through", () => {
    const suspect = judge(apart(102, 1_000), 0, NOTHING_USED);
    expect(suspect).toEqual({ verdict: "suspect", used: NOTHING_USED });
    const through = judge(apart(100, 2_000, 9_900), 0, suspect.used);
    expect(judge(apart(100, 3_000), 0, through.used).verdict).toBe("consistent");
    expect(judge(apart(104, 3_000), 0, through.used).verdict).toBe("suspect");
  });

  it("has differences of either sign add up, not cancel out", () => {
    const more = judge(apart(80, 1_000, 100), 0, NOTHING_USED);
    expect(judge(apart(-80, 2_000, 100), 0, more.used).verdict).toBe("suspect");
  });
});
