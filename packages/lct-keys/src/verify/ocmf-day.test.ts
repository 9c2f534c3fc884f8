import { DecodeError } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayOf, testPack } from "../lct-keys.fixture.js";
import { ocmfPayload } from "./ocmf.js";
import { ocmfDayOf } from "./ocmf-day.js";

const { document } = testPack("ocmf");
const DAY = 86_400_000;
const energy = fc.maxSafeNat().map((mwh) => mwh % 2 ** 51);
const reading = fc.record({
  time: fc.nat(4 * 10 ** 12),
  synchronised: fc.boolean(),
  inMwh: energy,
  outMwh: energy,
});
const day = fc
  .record({
    page: fc.integer({ min: 1, max: 10 ** 6 }),
    start: fc.nat(40_000).map((days) => days * DAY),
    begin: reading,
    leftOut: fc.record({ inMwh: energy, outMwh: energy, resets: fc.nat(10 ** 6) }),
    softwareVersion: fc.string({ unit: "binary", maxLength: 40 }),
    first: fc.nat(10 ** 9),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    more: fc.record({ ms: fc.nat(DAY), inMwh: fc.nat(10 ** 9), outMwh: fc.nat(10 ** 9) }),
    synchronised: fc.boolean(),
    entries: fc.nat(10 ** 6),
  })
  .map(({ more, synchronised, entries, ...rest }) => ({
    ...rest,
    last: rest.first + entries,
    end: {
      time: rest.begin.time + more.ms,
      synchronised,
      inMwh: rest.begin.inMwh + more.inMwh,
      outMwh: rest.begin.outMwh + more.outMwh,
    },
  }));

describe("the day that a payload tells", () => {
  it("is the day that it was written from, to the milliwatt-hour", () => {
    fc.assert(
      fc.property(day, (told) => {
        expect(ocmfDayOf(ocmfPayload(told, document), document)).toEqual(told);
      }),
      { numRuns: 300 },
    );
  });

  const payload = ocmfPayload(dayOf(), document);
  const changed = (from: string, to: string) => {
    expect(payload).toContain(from);
    return payload.replace(from, to);
  };

  it.each([
    ["white space", `${payload} `, /not a day's record/],
    ["a field more", changed('"WB"', '"XA":1,"WB"'), /not a day's record/],
    ["another order", changed('"FV":"1.0","GI":"Wattseal"', '"GI":"Wattseal","FV":"1.0"'), /not a/],
    ["a value with fewer digits", changed("0.500000", "0.5"), /not a day's record/],
    ["a page with a leading zero", changed('"F12"', '"F012"'), /not a day's record/],
    ["page 0", changed('"F12"', '"F0"'), /contradicts itself/],
    ["a transaction's page", changed('"F12"', '"T12"'), /not a day's record/],
    ["no root", changed('"root":"', '"root":"zz'), /no root/],
    ["no readings", changed('"RD":[', '"RX":['), /no RD/],
    ["a date that is none", changed("2026-11-20", "2026-13-20"), /contradicts|not a day/],
    ["no JSON", "{", /no JSON/],
    ["an array", "[]", /has no/],
    ["nothing", "null", /has no/],
    ["more than a record can be", `"${"x".repeat(20_000)}"`, /characters long/],
  ])("is not taken from %s", (_, text, why) => {
    expect(() => ocmfDayOf(text, document)).toThrow(why);
    expect(() => ocmfDayOf(text, document)).toThrow(DecodeError);
  });

  it("is none of another pack's", () => {
    expect(() => ocmfDayOf(payload, testPack("other").document)).toThrow(/not a day's record/);
  });

  it("is refused, and nothing worse, for any text", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => ocmfDayOf(text, document)).toThrow(DecodeError);
      }),
    );
  });
});
