import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { Algorithms, Headers, ProtectedHeaders, Sign1 } from "@auth0/cose";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex } from "./bytes.js";
import { type CborValue, encodeCbor } from "./cbor.js";
import { type CoseAlgorithm, decodeSign1, encodeSign1, verifySign1 } from "./cose.js";
import { DecodeError, RangeViolation } from "./errors.js";

function keyOf(key: KeyObject, ...names: readonly string[]): Uint8Array {
  const jwk = new Map(Object.entries(createPublicKey(key).export({ format: "jwk" })));
  return concatBytes(...names.map((name) => Buffer.from(String(jwk.get(name)), "base64url")));
}

const ed25519 = generateKeyPairSync("ed25519").privateKey;
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

interface Party {
  readonly algorithm: CoseAlgorithm;
  readonly id: Algorithms;
  readonly secret: KeyObject;
  readonly publicKey: Uint8Array;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}
const parties: readonly Party[] = [
  {
    algorithm: "EdDSA",
    id: Algorithms.EdDSA,
    secret: ed25519,
    publicKey: keyOf(ed25519, "x"),
    sign: (bytes) => sign(null, bytes, ed25519),
  },
  {
    algorithm: "ES256",
    id: Algorithms.ES256,
    secret: p256,
    publicKey: concatBytes(Uint8Array.of(4), keyOf(p256, "x", "y")),
    sign: (bytes) => sign("sha256", bytes, { key: p256, dsaEncoding: "ieee-p1363" }),
  },
];
const keyId = Uint8Array.of(1, 2, 3, 4);
const payload = encodeCbor(["wattseal-test-1", 42]);

describe.each(parties)(
  "COSE_Sign1 with $algorithm",
  ({ algorithm, id, secret, publicKey, sign: signBytes }) => {
    const message = encodeSign1({ algorithm, keyId, payload, sign: signBytes });

    it("is verified by an independent implementation", async () => {
      const decoded = Sign1.decode(message);
      await decoded.verify(createPublicKey(secret));
      expect(Uint8Array.from(decoded.payload)).toEqual(payload);
      const header = decoded.protectedHeaders;
      expect(header.get(Headers.Algorithm)).toBe(id);
      expect(header.get(Headers.KeyID)).toEqual(keyId);
    });

    it("accepts what an independent implementation signs", async () => {
      const headers = new ProtectedHeaders([
        [Headers.Algorithm, id],
        [Headers.KeyID, keyId],
      ]);
      const theirs = await Sign1.sign(headers, undefined, payload, secret);
      const decoded = decodeSign1(Uint8Array.from(theirs.encode()));
      expect(decoded).toMatchObject({ algorithm, keyId, payload });
      expect(verifySign1(decoded, publicKey)).toBe(true);
    });

    it("carries any payload, with and without key id", () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 600 }),
          fc.uint8Array({ maxLength: 20 }),
          (body, kid) => {
            const decoded = decodeSign1(
              encodeSign1({ algorithm, keyId: kid, payload: body, sign: signBytes }),
            );
            expect(decoded).toMatchObject({ algorithm, keyId: kid, payload: body });
            expect(verifySign1(decoded, publicKey)).toBe(true);
          },
        ),
        { numRuns: 25 },
      );
    });

    it("with any single bit flipped is refused, or does not verify", () => {
      for (let bit = 0; bit < 8 * message.length; bit += 1) {
        const flipped = message.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        let accepted = false;
        try {
          accepted = verifySign1(decodeSign1(flipped), publicKey);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(DecodeError);
        }
        expect(accepted, `bit ${bit}`).toBe(false);
      }
    });

    it("does not verify under another key", () => {
      const other = parties.find((party) => party.algorithm !== algorithm);
      expect(verifySign1(decodeSign1(message), other!.publicKey)).toBe(false);
    });
  },
);

describe("COSE_Sign1 in any but the one form", () => {
  const signature = new Uint8Array(64);
  const empty = new Map<number, CborValue>();
  const header = fromHex("a10127"); // {1: -8}
  const tagged = (...items: CborValue[]) => concatBytes(Uint8Array.of(0xd2), encodeCbor(items));

  it("has this layout", () => {
    const bytes = encodeSign1({ algorithm: "EdDSA", payload, sign: () => signature });
    expect(toHex(bytes)).toBe(toHex(tagged(header, empty, payload, signature)));
    expect(decodeSign1(bytes).keyId).toHaveLength(0);
  });

  it.each([
    ["no tag", encodeCbor([header, empty, payload, signature])],
    [
      "another tag",
      concatBytes(Uint8Array.of(0xd1), encodeCbor([header, empty, payload, signature])),
    ],
    ["three items", tagged(header, empty, payload)],
    ["five items", tagged(header, empty, payload, signature, 0)],
    ["an unprotected header", tagged(header, new Map([[4, keyId]]), payload, signature)],
    ["no protected header", tagged(new Uint8Array(0), empty, payload, signature)],
    ["an unknown algorithm", tagged(fromHex("a1013822"), empty, payload, signature)],
    ["no algorithm", tagged(fromHex("a1044101"), empty, payload, signature)],
    ["an empty kid", tagged(fromHex("a201270440"), empty, payload, signature)],
    ["a kid that is text", tagged(fromHex("a20127046161"), empty, payload, signature)],
    ["one header more", tagged(fromHex("a201270300"), empty, payload, signature)],
    ["crit", tagged(fromHex("a20127028101"), empty, payload, signature)],
    ["a header that is no map", tagged(fromHex("820127"), empty, payload, signature)],
    ["a payload that is text", tagged(header, empty, "x", signature)],
    ["a signature of 63 bytes", tagged(header, empty, payload, new Uint8Array(63))],
    ["stray bytes", concatBytes(tagged(header, empty, payload, signature), Uint8Array.of(0))],
    ["nothing at all", new Uint8Array(0)],
  ])("is refused: %s", (_, bytes) => {
    expect(() => decodeSign1(bytes)).toThrow(DecodeError);
  });

  it("answers arbitrary bytes with a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decodeSign1(Uint8Array.from([0xd2, ...bytes]))).toThrow(DecodeError);
      }),
    );
  });

  it("is not made from a signature of another length", () => {
    const make = () => encodeSign1({ algorithm: "EdDSA", payload, sign: () => new Uint8Array(63) });
    expect(make).toThrow(RangeViolation);
  });
});
