import { lctId } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, flips } from "../lct-keys.fixture.js";
import { decodeState, encodeState } from "./state.js";

const state = {
  lct: lctId(`lct:pack:${"b".repeat(32)}`),
  epoch: 3,
  size: 4_711,
  root: new Uint8Array(32).fill(5),
};

describe("the signer's state record", () => {
  it("comes back as it was", () => {
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  it("is refused with any single bit flipped, cut anywhere, or lengthened", () => {
    const bytes = encodeState(state);
    for (const { bit, flipped } of flips(bytes)) {
      expect(
        codeOf(() => decodeState(flipped)),
        `bit ${bit}`,
      ).toBe("decode");
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(
        codeOf(() => decodeState(bytes.subarray(0, length))),
        `${length} bytes`,
      ).toBe("decode");
    }
    expect(codeOf(() => decodeState(Uint8Array.of(...bytes, 0)))).toBe("decode");
  });

  it("is refused when it is arbitrary", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => decodeState(bytes))).toBe("decode");
      }),
    );
  });
});
