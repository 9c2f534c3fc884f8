import { milliwattHours } from "@wattseal/base";
import { expect, it } from "vitest";
import { counters, interval } from "../samples.fixture.js";
import { verdictOf } from "./verdict.js";

const mwh = milliwattHours;
const measured = (over: Partial<typeof interval>) => ({
  ...interval,
  socStart: 100,
  socEnd: 100,
  ...over,
});
const CAPACITY = 2_000_000;

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

it("is unauthenticated without counters, whatever the figures", () => {
  expect(verdictOf(measured({ start: undefined, end: undefined }), CAPACITY)).toBe(
    "unauthenticated",
  );
  expect(verdictOf(measured({ start: counters(0, 0) }), CAPACITY)).not.toBe("unauthenticated");
});
