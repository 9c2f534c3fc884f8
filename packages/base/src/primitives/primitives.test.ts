import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../bytes.js";
import { isEd25519KeyEncoding } from "./ed25519-keys.js";
import * as noble from "./noble.js";
import * as node from "./node.js";
import type { Primitives } from "./types.js";

const platforms: readonly [string, Primitives][] = [
  ["node", node],
  ["browser", noble],
];

/** One answer, or the platforms disagree. */
function agreed(ask: (primitives: Primitives) => boolean): boolean {
  const [a, b] = [ask(node), ask(noble)];
  expect(b, "node and browser disagree").toBe(a);
  return a;
}

function coordinates(key: KeyObject, ...names: readonly string[]): Uint8Array {
  const jwk = new Map(Object.entries(createPublicKey(key).export({ format: "jwk" })));
  return concatBytes(...names.map((name) => Buffer.from(String(jwk.get(name)), "base64url")));
}

const L = (1n << 252n) + 27742317777372353535851937790883648493n;
function plusOrder(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + L;
  return concatBytes(
    signature.subarray(0, 32),
    fromHex(s.toString(16).padStart(64, "0")).reverse(),
  );
}

describe.each(platforms)("SHA-256 (%s)", (_, { sha256 }) => {
  it.each([
    // FIPS 180-4, examples of NIST's cryptographic toolkit
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ])("of %j", (text, digest) => {
    expect(toHex(sha256(utf8(text)))).toBe(digest);
  });

  it("is a plain array of its own memory", () => {
    const digest = sha256(utf8("abc"));
    expect(Buffer.isBuffer(digest)).toBe(false);
    const copy = digest.slice();
    digest.fill(0);
    expect(copy).not.toEqual(digest);
  });
});

describe.each(platforms)("Ed25519 (%s)", (_, { verifyEd25519 }) => {
  it.each([
    // RFC 8032 §7.1, tests 1 to 3
    [
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
  ])("accepts the published signature under %s", (key, message, signature) => {
    expect(verifyEd25519(fromHex(key), fromHex(message), fromHex(signature))).toBe(true);
    expect(verifyEd25519(fromHex(key), fromHex(`${message}00`), fromHex(signature))).toBe(false);
  });
});

describe("Ed25519 at its edges: every platform gives the same answer", () => {
  // Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", test vectors 0 to 9 (ed25519-speccheck, cases.json)
  it.each([
    [
      "key and R of small order",
      false,
      "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
    ],
    [
      "key of small order, R mixed",
      false,
      "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
    ],
    [
      "key mixed, R of small order",
      true,
      "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
    ],
    [
      "key and R mixed",
      true,
      "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
    ],
    [
      "only the equation with cofactor holds",
      false,
      "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
    ],
    [
      "the same, before reduction of the hash",
      false,
      "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
    ],
    [
      "S above the order",
      false,
      "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
      "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
      "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
    ],
    [
      "S far above the order",
      false,
      "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
      "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
      "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
    ],
    [
      "R not canonical",
      false,
      "fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
    ],
    [
      "R not canonical, hashed as reduced",
      false,
      "84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09",
    ],
  ])("%s: %s", (_, accepted, message, key, signature) => {
    const answer = agreed(({ verifyEd25519 }) =>
      verifyEd25519(fromHex(key), fromHex(message), fromHex(signature)),
    );
    expect(answer).toBe(accepted);
  });

  it("refuses keys of small order and keys that are not canonical, under any signature", () => {
    const little = (value: bigint) => fromHex(value.toString(16).padStart(64, "0")).reverse();
    const p = (1n << 255n) - 19n;
    const signBit = 1n << 255n;
    const values = [0n, 1n, p - 1n, p, p + 1n, p + 18n, (1n << 255n) - 1n];
    const half = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc";
    const other = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03";
    const ofOrderEight = [`${half}05`, `${half}85`, `${other}7a`, `${other}fa`].map((y) =>
      fromHex(y),
    );
    for (const key of ofOrderEight) expect(ed25519.Point.fromBytes(key).isSmallOrder()).toBe(true);
    const others = values.flatMap((y) => [little(y), little(y | signBit)]);
    const keys = [...others, ...ofOrderEight];
    for (const key of keys) {
      expect(isEd25519KeyEncoding(key), toHex(key)).toBe(false);
      const identity = concatBytes(little(1n), new Uint8Array(32));
      expect(agreed((each) => each.verifyEd25519(key, utf8("any"), identity))).toBe(false);
    }
    for (const y of [2n, 3n, p - 2n, (1n << 254n) + 5n]) {
      expect(isEd25519KeyEncoding(little(y)), `${y}`).toBe(true);
    }
  });

  it("agrees on random signatures and on damaged ones", () => {
    const keys = generateKeyPairSync("ed25519");
    const publicKey = coordinates(keys.privateKey, "x");
    const damage = fc.option(fc.record({ part: fc.nat(2), bit: fc.nat(255) }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), damage, (message, damaged) => {
        const signature = new Uint8Array(sign(null, message, keys.privateKey));
        const parts = [publicKey.slice(), message.slice(), signature];
        if (damaged !== null) {
          const part = parts[damaged.part]!;
          part[(damaged.bit >> 3) % part.length]! ^= 1 << (damaged.bit & 7);
        }
        const [key, text, bytes] = parts;
        const answer = agreed((each) => each.verifyEd25519(key!, text!, bytes!));
        expect(answer).toBe(damaged === null);
      }),
      { numRuns: 60 },
    );
  });

  it("refuses S + L: one signature has one form", () => {
    const keys = generateKeyPairSync("ed25519");
    const publicKey = coordinates(keys.privateKey, "x");
    const signature = new Uint8Array(sign(null, utf8("once"), keys.privateKey));
    const twin = plusOrder(signature);
    expect(agreed((each) => each.verifyEd25519(publicKey, utf8("once"), signature))).toBe(true);
    expect(agreed((each) => each.verifyEd25519(publicKey, utf8("once"), twin))).toBe(false);
  });

  it.each([
    [0, 64],
    [31, 64],
    [33, 64],
    [32, 0],
    [32, 63],
    [32, 65],
  ])("refuses a key of %d and a signature of %d bytes", (key, signature) => {
    const ask = (each: Primitives) =>
      each.verifyEd25519(new Uint8Array(key), utf8("x"), new Uint8Array(signature));
    expect(agreed(ask)).toBe(false);
  });

  it("agrees on arbitrary keys and signatures", () => {
    const arbitrary = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(arbitrary, arbitrary, arbitrary, (key, r, s) => {
        expect(agreed((each) => each.verifyEd25519(key, utf8("x"), concatBytes(r, s)))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe.each(platforms)("ECDSA P-256 with SHA-256 (%s)", (_, { verifyP256 }) => {
  // RFC 6979 §A.2.5: key, and its signatures over "sample" and "test"
  const publicKey = fromHex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
  );
  it.each([
    [
      "sample",
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ],
    [
      "test",
      "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ],
  ])("accepts the published signature over %j", (text, signature) => {
    expect(verifyP256(publicKey, utf8(text), fromHex(signature))).toBe(true);
    expect(verifyP256(publicKey, utf8(`${text}.`), fromHex(signature))).toBe(false);
  });
});

describe("ECDSA P-256 at its edges: every platform gives the same answer", () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = concatBytes(Uint8Array.of(4), coordinates(keys.privateKey, "x", "y"));
  const signed = (message: Uint8Array) =>
    new Uint8Array(sign("sha256", message, { key: keys.privateKey, dsaEncoding: "ieee-p1363" }));

  it("agrees on random signatures and on damaged ones", () => {
    const damage = fc.option(fc.record({ part: fc.nat(2), bit: fc.nat(511) }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), damage, (message, damaged) => {
        const parts = [publicKey.slice(), message.slice(), signed(message)];
        if (damaged !== null) {
          const part = parts[damaged.part]!;
          part[(damaged.bit >> 3) % part.length]! ^= 1 << (damaged.bit & 7);
        }
        const [key, text, bytes] = parts;
        expect(agreed((each) => each.verifyP256(key!, text!, bytes!))).toBe(damaged === null);
      }),
      { numRuns: 60 },
    );
  });

  it("accepts both forms of s: TPMs do not normalise it", () => {
    const signature = signed(utf8("x"));
    const n = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    const s = n - BigInt(`0x${toHex(signature.subarray(32))}`);
    const twin = concatBytes(signature.subarray(0, 32), fromHex(s.toString(16).padStart(64, "0")));
    expect(agreed((each) => each.verifyP256(publicKey, utf8("x"), signature))).toBe(true);
    expect(agreed((each) => each.verifyP256(publicKey, utf8("x"), twin))).toBe(true);
  });

  it.each([
    ["a point off the curve", fromHex(`04${"11".repeat(64)}`), 64],
    ["the origin", fromHex(`04${"00".repeat(64)}`), 64],
    ["coordinates beyond the field", fromHex(`04${"ff".repeat(64)}`), 64],
    ["a compressed key", publicKey.slice(0, 33).fill(2, 0, 1), 64],
    ["a hybrid key", publicKey.slice().fill(6, 0, 1), 64],
    ["no key", new Uint8Array(0), 64],
    ["a signature of zeros", publicKey, 64],
    ["a short signature", publicKey, 63],
  ])("refuses %s", (_, key, length) => {
    const ask = (each: Primitives) => each.verifyP256(key, utf8("x"), new Uint8Array(length));
    expect(agreed(ask)).toBe(false);
  });
});
