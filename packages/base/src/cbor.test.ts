import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "./bytes.js";
import { type CborKey, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { DecodeError, RangeViolation } from "./errors.js";

const edges = [
  0,
  1,
  23,
  24,
  25,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 48,
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];
const integer = fc.oneof(
  fc.constantFrom(...edges, ...edges.slice(1).map((edge) => -edge)),
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }).filter((string) => string.isWellFormed()),
  fc.string({ maxLength: 300 }),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const key = fc.oneof(integer, text);

/** Values of the subset; maps only where `maps`. */
function valuesOf(maps: boolean): fc.Arbitrary<CborValue> {
  return fc.letrec<{ value: CborValue; array: CborValue[]; map: Map<CborKey, CborValue> }>(
    (tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        integer,
        text,
        bytes,
        tie("array"),
        ...(maps ? [tie("map")] : []),
      ),
      array: fc.array(tie("value"), { maxLength: 6 }),
      map: fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((pairs) => new Map(pairs)),
    }),
  ).value;
}

const outcome = (input: Uint8Array, maps: boolean): CborValue | DecodeError => {
  try {
    return decodeCbor(input, { maps });
  } catch (thrown) {
    if (thrown instanceof DecodeError) return thrown;
    throw thrown;
  }
};

describe("encoding", () => {
  it.each([
    // RFC 8949, appendix A, as far as it lies in the subset
    [0, "00"],
    [1, "01"],
    [10, "0a"],
    [23, "17"],
    [24, "1818"],
    [25, "1819"],
    [100, "1864"],
    [1000, "1903e8"],
    [1_000_000, "1a000f4240"],
    [1_000_000_000_000, "1b000000e8d4a51000"],
    [-1, "20"],
    [-10, "29"],
    [-100, "3863"],
    [-1000, "3903e7"],
    [new Uint8Array(0), "40"],
    [Uint8Array.of(1, 2, 3, 4), "4401020304"],
    ["", "60"],
    ["a", "6161"],
    ["IETF", "6449455446"],
    ['"\\', "62225c"],
    ["\u00fc", "62c3bc"],
    ["\u6c34", "63e6b0b4"],
    ["\u{10151}", "64f0908591"],
    [[], "80"],
    [[1, 2, 3], "83010203"],
    [[1, [2, 3], [4, 5]], "8301820203820405"],
    [
      Array.from({ length: 25 }, (_, i) => i + 1),
      "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    ],
    [new Map(), "a0"],
    [
      new Map([
        [1, 2],
        [3, 4],
      ]),
      "a201020304",
    ],
    [
      new Map<string, CborValue>([
        ["a", 1],
        ["b", [2, 3]],
      ]),
      "a26161016162820203",
    ],
    [["a", new Map([["b", "c"]])], "826161a161626163"],
    [
      new Map([
        ["a", "A"],
        ["b", "B"],
        ["c", "C"],
        ["d", "D"],
        ["e", "E"],
      ]),
      "a56161614161626142616361436164614461656145",
    ],
    // the range's ends
    [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
    [Number.MIN_SAFE_INTEGER, "3b001ffffffffffffe"],
    // RFC 8949 §4.2.1: keys in bytewise order of their encodings
    [
      new Map<CborKey, number>([
        ["aa", 1],
        [-1, 2],
        [100, 3],
        ["z", 4],
        [10, 5],
      ]),
      "a50a05186403200261 7a04626161 01".replaceAll(" ", ""),
    ],
  ] satisfies [CborValue, string][])("of %j is %s, and back", (value, hex) => {
    expect(toHex(encodeCbor(value))).toBe(hex);
    expect(decodeCbor(fromHex(hex), { maps: true })).toEqual(value);
  });

  it("is byte for byte that of an independent deterministic encoder", () => {
    fc.assert(
      fc.property(valuesOf(true), (value) => {
        expect(toHex(encodeCbor(value))).toBe(toHex(cborgEncode(value, rfc8949EncodeOptions)));
      }),
      { numRuns: 1_000 },
    );
  });

  it("does not depend on the order in which a map was filled", () => {
    fc.assert(
      fc.property(fc.uniqueArray(key), fc.infiniteStream(fc.nat()), (keys, order) => {
        const pairs = keys.map((name, i): [CborKey, number] => [name, i]);
        const shuffled = pairs.map((pair) => ({ pair, rank: order.next().value ?? 0 }));
        shuffled.sort((a, b) => a.rank - b.rank);
        const other = new Map(shuffled.map(({ pair }) => pair));
        expect(encodeCbor(other)).toEqual(encodeCbor(new Map(pairs)));
      }),
    );
  });

  it.each([
    [0.5],
    [-0],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [2 ** 53],
    [-(2 ** 53)],
    ["\ud800"],
    [`${"x".repeat(100)}\udfff`],
    [["\ud83d"]],
    [[1, [new Map([[1.5, 1]])]]],
  ] satisfies [CborValue][])("refuses %j, which the subset does not hold", (value) => {
    expect(() => encodeCbor(value)).toThrow(RangeViolation);
  });

  it.each([[null], [undefined], [true], [1n], [{}], [[null]], [new Date(0)]])(
    "refuses what no type lets through: %s",
    (value) => {
      // @ts-expect-error: what untyped callers could pass
      expect(() => encodeCbor(value)).toThrow(RangeViolation);
    },
  );

  it("is whole again after a refusal in the middle of a value", () => {
    expect(() => encodeCbor(["left over", 0.5])).toThrow(RangeViolation);
    expect(toHex(encodeCbor([1]))).toBe("8101");
  });

  it("hands out bytes that a later encoding does not touch", () => {
    const first = encodeCbor(["first"]);
    const copy = first.slice();
    encodeCbor(["other", 1, 2, 3]);
    expect(first).toEqual(copy);
  });

  it("takes what is longer than its buffer", () => {
    const long = [new Uint8Array(100_000).fill(1), "y".repeat(70_000), "\u00e9".repeat(60)];
    expect(decodeCbor(encodeCbor(long))).toEqual(long);
  });
});

describe("decoding", () => {
  it("returns what was encoded, as an independent strict decoder reads it", () => {
    fc.assert(
      fc.property(valuesOf(true), (value) => {
        const encoded = encodeCbor(value);
        expect(decodeCbor(encoded, { maps: true })).toEqual(value);
        const independent = cborgDecode(encoded, { strict: true, useMaps: true });
        expect(independent).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it("accepts of arbitrary bytes only what it would have written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.boolean(), (input, maps) => {
        const value = outcome(input, maps);
        if (!(value instanceof DecodeError)) expect(encodeCbor(value)).toEqual(input);
      }),
      { numRuns: 5_000 },
    );
  });

  it("accepts of mutilated encodings only what it would have written", () => {
    const mutation = fc.record({
      at: fc.nat(),
      cut: fc.nat(9),
      put: fc.uint8Array({ maxLength: 9 }),
    });
    fc.assert(
      fc.property(valuesOf(true), mutation, (value, { at, cut, put }) => {
        const encoded = encodeCbor(value);
        const start = at % (encoded.length + 1);
        const input = Uint8Array.from([
          ...encoded.subarray(0, start),
          ...put,
          ...encoded.subarray(start + cut),
        ]);
        const result = outcome(input, true);
        if (!(result instanceof DecodeError)) expect(encodeCbor(result)).toEqual(input);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ["nothing", ""],
    ["an integer longer than needed: 1 byte", "1817"],
    ["an integer longer than needed: 2 bytes", "1900ff"],
    ["an integer longer than needed: 4 bytes", "1a0000ffff"],
    ["an integer longer than needed: 8 bytes", "1b00000000ffffffff"],
    ["a negative integer longer than needed", "3817"],
    ["a length longer than needed", "5801aa"],
    ["an array count longer than needed", "9800"],
    ["a map count longer than needed", "b800"],
    ["an integer above 2^53 - 1", "1b0020000000000000"],
    ["an integer below -(2^53 - 1)", "3b001fffffffffffff"],
    ["the largest integer", "1bffffffffffffffff"],
    ["an indefinite byte string", "5f4101ff"],
    ["an indefinite text", "7f6161ff"],
    ["an indefinite array", "9f01ff"],
    ["an indefinite map", "bf0101ff"],
    ["a reserved length", "1c"],
    ["false", "f4"],
    ["null", "f6"],
    ["undefined", "f7"],
    ["a half float", "f93c00"],
    ["a double", "fb3ff0000000000000"],
    ["a break", "ff"],
    ["a tag", "c001"],
    ["a bignum", "c240"],
    ["text that is not UTF-8", "61ff"],
    ["overlong UTF-8", "62c080"],
    ["an encoded surrogate", "63eda080"],
    ["two values", "0101"],
    ["a byte string that ends early", "4401"],
    ["a text that ends early", "6461"],
    ["an array that ends early", "8201"],
    ["an array of more items than memory", "9b001fffffffffffff"],
    ["a byte string of more bytes than memory", "5b001fffffffffffff"],
    ["map keys out of order", "a202010101"],
    ["a map key twice", "a201010102"],
    ["a map key that is an array", "a18001"],
    ["a map without its last value", "a101"],
  ])("refuses %s", (_, hex) => {
    expect(outcome(fromHex(hex), true)).toBeInstanceOf(DecodeError);
  });

  it("refuses maps unless the format has them", () => {
    expect(outcome(fromHex("a0"), true)).toEqual(new Map());
    expect(outcome(fromHex("a0"), false)).toBeInstanceOf(DecodeError);
    expect(outcome(fromHex("81a0"), false)).toBeInstanceOf(DecodeError);
  });

  it("names the thing and the offset", () => {
    const decode = () => decodeCbor(fromHex("8201f6"), { what: "entry 7" });
    expect(decode).toThrow(expect.objectContaining({ what: "entry 7", offset: 2, code: "decode" }));
  });

  it("stops at sixteen levels, however deep the bytes go", () => {
    const nested = (levels: number) => Uint8Array.from([...new Uint8Array(levels).fill(0x81), 0]);
    expect(outcome(nested(16), false)).not.toBeInstanceOf(DecodeError);
    expect(outcome(nested(17), false)).toBeInstanceOf(DecodeError);
    expect(outcome(nested(100_000), false)).toBeInstanceOf(DecodeError);
  });

  it("keeps a byte order mark", () => {
    expect(decodeCbor(encodeCbor("\ufeffx"))).toBe("\ufeffx");
  });

  it.each([
    ["Uint8Array", (input: Uint8Array) => input],
    ["Buffer", (input: Uint8Array) => Buffer.from(input.buffer)],
  ])("returns byte strings that do not share memory with the input (%s)", (_, form) => {
    const input = form(fromHex("4401020304"));
    const decoded = decodeCbor(input);
    input.fill(0xff);
    expect(decoded).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(Buffer.isBuffer(decoded)).toBe(false);
  });
});
