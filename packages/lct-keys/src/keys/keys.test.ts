import { inspect } from "node:util";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { type Entropy, fromHex, toBase64, toHex, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, seededEntropy } from "../lct-keys.fixture.js";
import { Ed25519SecretKey } from "./ed25519.js";
import { P256SecretKey } from "./p256.js";

function draws(...hex: string[]): Entropy {
  const queue = hex.map((text) => fromHex(text));
  return { bytes: () => queue.shift()! };
}

// RFC 8032 §7.1, test 1
const SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const SIGNATURE =
  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
// RFC 6979 §A.2.5
const SCALAR = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const POINT =
  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

describe("Ed25519 key", () => {
  it("is the published one for a published seed", () => {
    const key = Ed25519SecretKey.generate(draws(SEED));
    expect(toHex(key.publicKey)).toBe(PUBLIC);
    expect(toHex(key.sign(new Uint8Array(0)))).toBe(SIGNATURE);
  });

  it("signs what an independent implementation accepts", () => {
    const key = Ed25519SecretKey.generate(seededEntropy("a"));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        expect(ed25519.verify(key.sign(message), message, key.publicKey)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("leaves no copy of its seed with the entropy source", () => {
    const seed = fromHex(SEED);
    Ed25519SecretKey.generate({ bytes: () => seed });
    expect(seed.every((byte) => byte === 0)).toBe(true);
  });
});

describe("P-256 key", () => {
  it("is the published one for a published scalar", () => {
    expect(toHex(P256SecretKey.generate(draws(SCALAR)).publicKey)).toBe(POINT);
  });

  it("draws again instead of using zero, the order, or more", () => {
    const key = P256SecretKey.generate(draws("00".repeat(32), ORDER, "ff".repeat(32), SCALAR));
    expect(toHex(key.publicKey)).toBe(POINT);
    expect(codeOf(() => P256SecretKey.generate({ bytes: () => new Uint8Array(32) }))).toBe(
      "invariant",
    );
  });

  it("signs what an independent implementation accepts", () => {
    const key = P256SecretKey.generate(seededEntropy("a"));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const signature = key.sign(message);
        expect(signature).toHaveLength(64);
        expect(p256.verify(signature, message, key.publicKey, { lowS: false })).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe.each([
  ["Ed25519", () => Ed25519SecretKey.generate(draws(SEED)), SEED],
  ["P-256", () => P256SecretKey.generate(draws(SCALAR)), SCALAR],
])("any secret key (%s)", (_, make, secret) => {
  it("shows nothing of itself", () => {
    const key = make();
    const forms = [
      secret,
      toBase64(fromHex(secret)),
      Buffer.from(secret, "hex").toString("base64url"),
    ];
    const shown = [
      inspect(key, { showHidden: true, depth: 9 }),
      inspect({ nested: [key] }),
      JSON.stringify({ key }),
      String(key),
      `${Object.values(key).map((value) => toHex(value))}`,
    ].join("\n");
    for (const form of forms) expect(shown).not.toContain(form);
    expect(inspect(key)).toMatch(/^\w+ \[secret\]$/);
  });

  it("is gone once disposed of", () => {
    const key = make();
    key.dispose();
    key.dispose();
    expect(codeOf(() => key.sign(utf8("x")))).toBe("key-disposed");
  });
});
