import {
  bytesEqual,
  DecodeError,
  decodeCbor,
  MAX_ENTRY_LENGTH,
  milliwattHours,
  RangeViolation,
} from "@wattseal/base";
import * as cborg from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FieldReader } from "../codec/reader.js";
import { encodeAs } from "../codec/schema.js";
import { NOON, PACK, SAMPLES } from "../samples.fixture.js";
import { energyInterval, energyIntervalByFields } from "./energy.js";
import { decodeEntry, ENTRY_TYPES, type Entry, encodeEntry } from "./entry.js";

/** What the entry is as a plain array, written by hand from the schema's order of fields. */
function plain(value: unknown): unknown {
  if (value === undefined) return [];
  if (typeof value === "string" && /^[0-9a-f]{16}$/.test(value)) {
    return Uint8Array.from(Buffer.from(value, "hex"));
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    return Object.values(value).map(plain);
  }
  return value;
}
const asArray = (entry: Entry) => [1, entry.type, entry.timeMs, plain(entry.body)];
const independent = (value: unknown) => new Uint8Array(cborg.encode(value));

describe("an entry", () => {
  it("has a sample of each type here, and no type twice", () => {
    expect(new Set(ENTRY_TYPES).size).toBe(ENTRY_TYPES.length);
    expect(new Set(SAMPLES.map(({ type }) => type))).toEqual(new Set(ENTRY_TYPES));
  });

  it.each(SAMPLES)("of type $type is what an independent encoder writes", (entry) => {
    const bytes = encodeEntry(entry);
    expect(bytes).toEqual(independent(asArray(entry)));
    expect(decodeEntry(bytes)).toEqual(entry);
  });

  it("is refused with each bit flipped, or says something else in its only form", () => {
    for (const entry of SAMPLES) {
      const bytes = encodeEntry(entry);
      for (let bit = 0; bit < 8 * Math.min(bytes.length, 160); bit += 1) {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expectOneForm(flipped);
      }
    }
  });

  it("is refused where random bytes are no entry", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expectOneForm(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is refused cut short or followed by more", () => {
    for (const entry of SAMPLES) {
      const bytes = encodeEntry(entry);
      for (let length = 0; length < Math.min(bytes.length, 200); length += 1) {
        expect(() => decodeEntry(bytes.subarray(0, length))).toThrow(DecodeError);
      }
      expect(() => decodeEntry(Buffer.concat([bytes, Uint8Array.of(0)]))).toThrow(/stray/);
    }
  });

  it("may not be longer than 16 KiB", () => {
    const body = { sign1: new Uint8Array(15_000) };
    const entry = encodeEntry({ type: "lct.document", timeMs: SAMPLES[0]!.timeMs, body });
    expect(decodeEntry(entry).body).toEqual(body);
    const long = cborg.encode([1, "lct.document", 0, [new Uint8Array(MAX_ENTRY_LENGTH)]]);
    expect(() => decodeEntry(long)).toThrow(/longer than 16384/);
    const item = { charge: 2 ** 52, since: SAMPLES[0]!.timeMs, amount: milliwattHours(2 ** 47) };
    const full = { lots: Array(256).fill(item), withheld: Array(256).fill(item) };
    expect(
      encodeEntry({ type: "society.expire", timeMs: item.since, body: full }).length,
    ).toBeLessThan(16_000);
  });

  it("of a type or version that this program does not know is refused by name", () => {
    expect(() => decodeEntry(cborg.encode([1, "trust.bond", 0, []]))).toThrow(
      /"trust.bond", which is no entry type known to this version/,
    );
    expect(() => decodeEntry(cborg.encode([2, "ops.config", 0, []]))).toThrow(/version 2/);
  });

  it("reads an interval field by field as it does in one go", () => {
    for (const { body } of SAMPLES.filter(({ type }) => type === "energy.interval")) {
      const bytes = independent(plain(body));
      const slow = energyIntervalByFields.read(new FieldReader(bytes, "interval"));
      const fast = energyInterval.read(new FieldReader(bytes, "interval"));
      expect(fast).toEqual(slow);
      expect(Object.keys(fast)).toEqual(Object.keys(slow));
      expect(encodeAs(energyInterval, fast)).toEqual(bytes);
    }
  });
});

/** Either a typed error, or bytes that the one encoder gives back, and that the strict generic decoder takes. */
function expectOneForm(bytes: Uint8Array): void {
  let entry: Entry;
  try {
    entry = decodeEntry(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return;
    throw error;
  }
  if (!bytesEqual(encodeEntry(entry), bytes)) expect(encodeEntry(entry)).toEqual(bytes);
  decodeCbor(bytes);
}

describe("amounts", () => {
  const charge = (amount: unknown) =>
    cborg.encode([1, "society.charge", NOON, [amount, [["roof", amount]], 6_000]]);

  it.each([
    ["zero", 0],
    ["negative", -1],
    ["fractional", 1.5],
    ["above 48 bits", 2 ** 48],
    ["above 2^53", 2n ** 53n],
    ["text", "10"],
  ])("that are %s are refused when read", (_, amount) => {
    expect(() => decodeEntry(charge(amount))).toThrow(DecodeError);
  });

  it.each([0, -1, 1.5, 2 ** 48, Number.NaN, -0])("of %s are refused when written", (value) => {
    const entry = decodeEntry(charge(10));
    if (entry.type !== "society.charge") throw new Error("not a charge");
    const amount = value as typeof entry.body.amount;
    const wrong = { ...entry, body: { ...entry.body, amount } };
    expect(() => encodeEntry(wrong)).toThrow(RangeViolation);
  });

  const work = (amount: unknown): readonly unknown[] => [
    ["society.certify", [amount, "load", "pump", []]],
    ["society.reserve", [amount, PACK, "compute", []]],
    ["society.commit", [7, amount, 10_000, []]],
    ["society.rollback", [7, "failure", [[1, NOON, amount]]]],
  ];
  const encoded = (amount: unknown) =>
    work(amount).map((each) =>
      cborg.encode([1, (each as unknown[])[0], NOON, (each as unknown[])[1]]),
    );

  it.each([0, -1, 1.5, 2 ** 48, 2n ** 63n, "10"])(
    "of %s are refused in certified and reserved work",
    (value) => {
      for (const bytes of encoded(value)) expect(() => decodeEntry(bytes)).toThrow(DecodeError);
      for (const bytes of encoded(1)) expect(decodeEntry(bytes).timeMs).toBe(NOON);
    },
  );

  it("up to 48 bits pass", () => {
    expect(decodeEntry(charge(2 ** 48 - 1)).body).toMatchObject({ amount: 2 ** 48 - 1 });
  });
});
