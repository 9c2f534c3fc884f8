import { ed25519 } from "@noble/curves/ed25519.js";
import { millis, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { Trust } from "../trust/trust.js";
import { isMissingStatement, signMissing, verifyMissing } from "./statement.js";

const secret = new Uint8Array(32).fill(3);
const publicKey = ed25519.getPublicKey(secret);
const signer = {
  name: "fleet",
  publicKey,
  sign: (bytes: Uint8Array) => ed25519.sign(bytes, secret),
};
const origin = `wattseal/${"a".repeat(32)}`;
const said = { origin, from: 0, to: 4096, time: millis(1_760_000_000_000) };
const trust = (name: string): Trust => ({
  authorities: [],
  witnesses: [{ name, publicKeys: [publicKey] }],
  quorum: 1,
});
const bytes = utf8(signMissing(said, signer));

describe("a statement of missing entries", () => {
  it("is a note that says which, of which log, and when", () => {
    expect(signMissing(said, signer).split("\n").slice(0, 5)).toEqual([
      "wattseal-missing-1",
      origin,
      "0 4096",
      "1760000000",
      "",
    ]);
    expect(isMissingStatement(bytes)).toBe(true);
    expect(isMissingStatement(utf8("wattseal"))).toBe(false);
  });

  it("is believed of an accepted witness, and of nobody else", () => {
    expect(verifyMissing(bytes, trust("fleet"))).toEqual({ ...said, witness: "fleet" });
    expect(verifyMissing(bytes, undefined)).toEqual({ ...said, witness: undefined });
    expect(() => verifyMissing(bytes, trust("other"))).toThrow(/no accepted witness/);
  });

  it("is refused with any bit flipped", () => {
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyMissing(flipped, trust("fleet")), `bit ${bit}`).toThrow();
    }
  });
});
