import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesEqual,
  compareBytes,
  concatBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  toBase32,
  toBase64,
  toHex,
  utf8,
  viewOf,
} from "./bytes.js";
import { DecodeError } from "./errors.js";

const bytes = fc.uint8Array({ maxLength: 70 });

describe("hex", () => {
  it("is Buffer's, both ways, in either case", () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const hex = toHex(input);
        expect(hex).toBe(Buffer.from(input).toString("hex"));
        expect(fromHex(hex)).toEqual(input);
        expect(fromHex(hex.toUpperCase())).toEqual(input);
      }),
    );
  });

  it.each(["a", "abc", "0x00", "gg", "0 ", " 00", "00\n", "\uff10\uff10"])("refuses %j", (text) => {
    expect(() => fromHex(text)).toThrow(DecodeError);
  });
});

describe("base64", () => {
  it("is Buffer's, both ways", () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const text = toBase64(input);
        expect(text).toBe(Buffer.from(input).toString("base64"));
        expect(fromBase64(text)).toEqual(input);
      }),
    );
  });

  it("accepts of any text only the one that it writes", () => {
    const alphabet = fc.constantFrom(..."AQZaz09+/==-_ \n");
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (text) => {
        let decoded: Uint8Array;
        try {
          decoded = fromBase64(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(DecodeError);
          return;
        }
        expect(toBase64(decoded)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    "A",
    "AA",
    "AAA",
    "AB==",
    "AAB=",
    "A===",
    "====",
    "AAAA====",
    "AA==AAAA",
    "AA-_",
    "AAA\n",
  ])("refuses %j", (text) => {
    expect(() => fromBase64(text)).toThrow(DecodeError);
  });
});

describe("base32", () => {
  it.each([
    // RFC 4648 §10, in lower case and without padding
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ])("of %j is %j", (text, expected) => {
    expect(toBase32(utf8(text))).toBe(expected);
  });

  it("is the number in base 32 for the 20 bytes of an LCT id", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (input) => {
        const digits = BigInt(`0x${toHex(input)}`)
          .toString(32)
          .padStart(32, "0");
        const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        const expected = digits.replace(/./g, (d) => alphabet[Number.parseInt(d, 32)]!);
        expect(toBase32(input)).toBe(expected);
      }),
    );
  });
});

describe("byte arrays", () => {
  it("compare and are equal as Buffers do", () => {
    const near = fc.uint8Array({ max: 2, maxLength: 4 });
    fc.assert(
      fc.property(near, near, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(bytesEqual(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
      { numRuns: 500 },
    );
  });

  it("concatenate as Buffers do", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
        expect(concatBytes(...parts)).toEqual(new Uint8Array(Buffer.concat(parts)));
      }),
    );
  });

  it("are viewed exactly, wherever they lie in their buffer", () => {
    const inner = Uint8Array.of(9, 9, 1, 2, 9).subarray(2, 4);
    expect(viewOf(inner).byteLength).toBe(2);
    expect(viewOf(inner).getUint16(0)).toBe(0x0102);
  });
});

describe("UTF-8", () => {
  it("comes back as it was, byte order mark and all", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(text.isWellFormed());
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe("\ufeff");
  });

  it.each(["ff", "c080", "eda080", "f4908080", "e282"])("is refused when malformed: %s", (hex) => {
    expect(() => fromUtf8(fromHex(hex), "name")).toThrow(expect.objectContaining({ what: "name" }));
  });
});
