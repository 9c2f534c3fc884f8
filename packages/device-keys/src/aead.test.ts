import { hkdfSync } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { fromHex, toHex } from "@wattseal/base";
import fc from "fast-check";
import sodium from "libsodium-wrappers";
import { describe, expect, it } from "vitest";
import { newNonce, setNonce } from "./aead.js";
import { createAead, deriveKey, hmacSha256, noiseHkdf, TransportCipher } from "./index.js";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("ChaCha20-Poly1305", () => {
  it("is what two independent implementations compute, and refuse", async () => {
    await sodium.ready;
    const cases = fc.tuple(
      bytes(32),
      bytes(12),
      fc.uint8Array(),
      fc.uint8Array({ maxLength: 300 }),
    );
    fc.assert(
      fc.property(cases, ([key, nonce, ad, plaintext]) => {
        const sealed = createAead(key).seal(nonce, ad, plaintext);
        expect(toHex(sealed)).toBe(toHex(chacha20poly1305(key, nonce, ad).encrypt(plaintext)));
        const { crypto_aead_chacha20poly1305_ietf_encrypt: encrypt } = sodium;
        expect(toHex(sealed)).toBe(toHex(encrypt(plaintext, ad, null, nonce, key)));
        expect(createAead(key).open(nonce, ad, sealed)).toEqual(plaintext);
        sealed[sealed.length - 1]! ^= 1;
        expect(createAead(key).open(nonce, ad, sealed)).toBeUndefined();
        const { crypto_aead_chacha20poly1305_ietf_decrypt: decrypt } = sodium;
        expect(() => decrypt(null, sealed, ad, nonce, key)).toThrow();
        expect(() => chacha20poly1305(key, nonce, ad).decrypt(sealed)).toThrow();
      }),
      { numRuns: 200 },
    );
  });

  it("opens nothing that was altered or cut", () => {
    const aead = createAead(new Uint8Array(32).fill(1));
    const nonce = newNonce();
    const ad = Uint8Array.of(1, 2, 3);
    const sealed = aead.seal(nonce, ad, Uint8Array.of(4, 5, 6));
    for (let bit = 0; bit < 8 * sealed.length; bit += 1) {
      const altered = Uint8Array.from(sealed);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(aead.open(nonce, ad, altered)).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(aead.open(nonce, ad, sealed.subarray(0, length))).toBeUndefined();
    }
    expect(aead.open(nonce, Uint8Array.of(1, 2), sealed)).toBeUndefined();
    expect(() => createAead(new Uint8Array(31))).toThrow(/32 bytes/);
  });
});

describe("the nonce", () => {
  it("is 4 zero bytes ‖ LE64(domain << 56 | counter)", () => {
    const cases = fc.tuple(fc.integer({ min: 0, max: 254 }), fc.nat({ max: 2 ** 48 - 1 }));
    fc.assert(
      fc.property(cases, ([domain, counter]) => {
        const nonce = newNonce().fill(0xff, 4);
        setNonce(nonce, domain, counter);
        const n = (BigInt(domain) << 56n) | BigInt(counter);
        expect(new DataView(nonce.buffer).getUint32(0)).toBe(0);
        expect(new DataView(nonce.buffer).getBigUint64(4, true)).toBe(n);
      }),
    );
  });

  it("has no room for the reserved one, negative or fractional parts", () => {
    for (const [domain, counter] of [
      [255, 0],
      [0, 2 ** 48],
      [-1, 0],
      [0, -1],
      [0, 0.5],
    ] as const) {
      expect(() => setNonce(newNonce(), domain, counter)).toThrow(
        expect.objectContaining({ code: "bad-parameter" }),
      );
    }
  });

  it("set by a transport cipher keeps domains apart", () => {
    const cipher = new TransportCipher(new Uint8Array(32).fill(3));
    const none = new Uint8Array(0);
    const sealed = cipher.seal(1, 7, none, Uint8Array.of(9));
    expect(cipher.open(1, 7, none, sealed)).toEqual(Uint8Array.of(9));
    expect(cipher.open(0, 7, none, sealed)).toBeUndefined();
    expect(cipher.open(1, 8, none, sealed)).toBeUndefined();
  });
});

describe("HKDF and HMAC", () => {
  it("meets RFC 5869 test case 3 in its first 32 bytes", () => {
    expect(toHex(deriveKey(new Uint8Array(22).fill(0x0b), new Uint8Array(0)))).toBe(
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
    );
  });

  it("is the platform's HKDF, with two outputs as Noise takes them", () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), fc.uint8Array(), (salt, input, info) => {
        const both = noiseHkdf(salt, input).map(toHex).join("");
        expect(both).toBe(Buffer.from(hkdfSync("sha256", input, salt, "", 64)).toString("hex"));
        const one = Buffer.from(hkdfSync("sha256", input, "", info, 32)).toString("hex");
        expect(toHex(deriveKey(input, info))).toBe(one);
      }),
      { numRuns: 50 },
    );
  });

  it("meets RFC 4231 test case 2", () => {
    const key = fromHex("4a656665");
    const data = fromHex("7768617420646f2079612077616e7420666f72206e6f7468696e673f");
    expect(toHex(hmacSha256(key, data.subarray(0, 5), data.subarray(5)))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });
});
