import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBundle, encodeBundle, entriesPath, tilePath } from "./tiles.js";

const refusal = (code: string, message?: RegExp) =>
  expect.objectContaining({
    name: "TlogError",
    code,
    ...(message && { message: expect.stringMatching(message) }),
  });

describe("tile paths", () => {
  it("are those of C2SP tlog-tiles", () => {
    expect(tilePath(0, 1234067)).toBe("tile/0/x001/x234/067");
    expect(tilePath(63, 0)).toBe("tile/63/000");
    expect(tilePath(1, 999)).toBe("tile/1/999");
    expect(tilePath(1, 1000, 17)).toBe("tile/1/x001/000.p/17");
    expect(entriesPath(273, 112)).toBe("tile/entries/273.p/112");
  });

  it("are refused outside the format", () => {
    for (const make of [
      () => tilePath(64, 0),
      () => tilePath(0, -1),
      () => tilePath(0, 0, 0),
      () => entriesPath(0, 257),
      () => entriesPath(0.5),
    ]) {
      expect(make).toThrow(refusal("range"));
    }
  });
});

describe("entry bundle", () => {
  it("prefixes each entry with its length, big-endian", () => {
    expect([...encodeBundle([Uint8Array.of(7), new Uint8Array(0)])]).toEqual([0, 1, 7, 0, 0]);
    expect(encodeBundle([new Uint8Array(258)]).subarray(0, 2)).toEqual(Uint8Array.of(1, 2));
    expect(() => encodeBundle([new Uint8Array(65536)])).toThrow(refusal("range"));
  });

  it("comes back as it went, and says where it is broken", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }),
        (entries) => {
          const bundle = encodeBundle(entries);
          const width = entries.length;
          expect(decodeBundle(bundle, width).map((e) => [...e])).toEqual(
            entries.map((e) => [...e]),
          );
          expect(() => decodeBundle(bundle.subarray(0, -1), width, "b")).toThrow(
            refusal("tile", /b: ends inside entry \d+ \(at byte \d+\)/),
          );
          expect(() => decodeBundle(bundle, width + 1)).toThrow(refusal("tile"));
          expect(() => decodeBundle(bundle, width - 1)).toThrow(refusal("tile", /stray/));
        },
      ),
    );
  });

  it("of arbitrary bytes decodes to what encodes back, or is refused", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.integer({ min: 0, max: 8 }),
        (bytes, width) => {
          try {
            expect([...encodeBundle(decodeBundle(bytes, width))]).toEqual([...bytes]);
          } catch (error) {
            expect(error).toMatchObject({ name: "TlogError", code: "tile" });
          }
        },
      ),
    );
  });
});
