import { createHash } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { decodeSign1, encodeCbor, encodeSign1, lctId, millis, toHex, utf8 } from "@wattseal/base";
import { encode as cborgEncode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { issueLctDocument } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { codeOf, flips, genesisOf, seededEntropy, testPack } from "../lct-keys.fixture.js";
import { authorityKeyId } from "./authority.js";
import { lctIdOf, packHashOf, requireLogDocument, verifyLctDocument } from "./document.js";
import {
  type Binding,
  decodeGenesis,
  encodeGenesis,
  type LctGenesis,
  TRUST_CEILING_BPS,
} from "./genesis.js";

const pack = testPack();
const { authority, document } = pack;
const link = lctId(`lct:module:${"a".repeat(32)}`);

function issue(change: Partial<LctGenesis>): Uint8Array {
  return issueLctDocument(authority, genesisOf(pack.anchor.publicKey, change));
}

describe("genesis body and id", () => {
  it("is this array in deterministic CBOR, its id the base32 of the first 20 bytes of its SHA-256", () => {
    const { publicKey } = pack.anchor;
    const expected = cborgEncode([
      "wattseal-lct-1",
      "pack",
      "responsive",
      ["p256", publicKey],
      "software",
      4000,
      ["fleet test"],
      [authority.publicKey, []],
      1_760_000_000_000,
      [],
      [],
    ]);
    expect(toHex(document.genesisBody)).toBe(toHex(expected));
    const hash = new Uint8Array(createHash("sha256").update(expected).digest());
    const digits = BigInt(`0x${toHex(hash.subarray(0, 20))}`)
      .toString(32)
      .padStart(32, "0");
    const base32 = digits.replace(
      /./g,
      (digit) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(digit, 32)]!,
    );
    expect(document.lct).toBe(`lct:pack:${base32}`);
    expect(document.label).toBe(base32);
    expect(document.origin).toBe(`wattseal/${base32}`);
    expect(toHex(document.packHash)).toBe(toHex(hash));
    expect(lctIdOf(document.genesisBody)).toBe(document.lct);
    expect(packHashOf(document.genesisBody)).toEqual(document.packHash);
  });

  it("returns every field as it was written", () => {
    const texts = fc.array(fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }), {
      maxLength: 4,
    });
    const bindings = Object.keys(TRUST_CEILING_BPS).filter(
      (name): name is Binding => name in TRUST_CEILING_BPS,
    );
    fc.assert(
      fc.property(
        fc.record({
          class: fc.constantFrom("agentic", "responsive", "delegative"),
          binding: fc.constantFrom(...bindings),
          strengthBps: fc.nat(4_000),
          context: texts,
          witnesses: texts,
          created: fc.maxSafeNat().map(millis),
          mrh: fc.array(
            fc.record({
              relation: fc.constantFrom("bound", "paired", "witnessing", "succeeds"),
              lct: fc.constant(link),
            }),
            { maxLength: 3 },
          ),
        }),
        (change) => {
          const issuer = { publicKey: authority.publicKey, lct: link };
          const genesis = { ...genesisOf(pack.anchor.publicKey), ...change, issuer };
          expect(decodeGenesis(encodeGenesis(genesis))).toEqual(genesis);
        },
      ),
    );
  });

  it.each<[string, Partial<LctGenesis>]>([
    ["a strength above its binding's ceiling", { strengthBps: 4_001 }],
    ["a module that has an anchor key", { kind: "module" }],
    [
      "a pack that is known by a device half",
      { anchor: { type: "x25519", publicKey: new Uint8Array(32) } },
    ],
    [
      "a compressed anchor key",
      { anchor: { type: "p256", publicKey: new Uint8Array(33).fill(2) } },
    ],
    [
      "an anchor key of another format",
      { anchor: { type: "p256", publicKey: new Uint8Array(65).fill(6) } },
    ],
    ["an empty context text", { context: [""] }],
    ["a context beyond all measure", { context: Array.from({ length: 33 }, () => "x") }],
  ])("refuses %s", (_, change) => {
    expect(codeOf(() => issue(change))).toBe("decode");
  });

  it.each<[string, Partial<LctGenesis>]>([
    [
      "a module by its device half",
      { kind: "module", anchor: { type: "x25519", publicKey: new Uint8Array(32).fill(9) } },
    ],
    [
      "a policy by its words",
      { kind: "policy", anchor: { type: "policy", text: "solar counts for 30 days" } },
    ],
  ])("knows %s", (_, change) => {
    expect(verifyLctDocument(issue(change), [authority.publicKey])).toMatchObject(change);
  });
});

describe("LCT document", () => {
  it("verifies under a trusted authority, and as self-consistent", () => {
    expect(verifyLctDocument(document.bytes, [authority.publicKey])).toEqual(document);
    expect(verifyLctDocument(document.bytes, "self-consistent")).toEqual(document);
  });

  it("carries an Ed25519 signature that an independent implementation accepts", () => {
    const { signedBytes, signature } = decodeSign1(document.bytes);
    expect(ed25519.verify(signature, signedBytes, authority.publicKey)).toBe(true);
  });

  it("is refused when nobody trusts its issuer", () => {
    const other = Ed25519SecretKey.generate(seededEntropy("other"));
    const verify = () => verifyLctDocument(document.bytes, [other.publicKey]);
    expect(codeOf(verify)).toBe("document-untrusted");
    expect(codeOf(() => verifyLctDocument(document.bytes, []))).toBe("document-untrusted");
  });

  it("is refused when somebody else signed it in the issuer's name", () => {
    const other = Ed25519SecretKey.generate(seededEntropy("other"));
    const forge = (keyId: Uint8Array) =>
      encodeSign1({
        algorithm: "EdDSA",
        keyId,
        payload: document.genesisBody,
        sign: (bytes) => other.sign(bytes),
      });
    const named = forge(authorityKeyId(authority.publicKey));
    const own = forge(authorityKeyId(other.publicKey));
    for (const forged of [named, own]) {
      const trusted = [authority.publicKey, other.publicKey];
      expect(codeOf(() => verifyLctDocument(forged, trusted))).toBe("document-signature");
      expect(codeOf(() => verifyLctDocument(forged, "self-consistent"))).toBe("document-signature");
    }
  });

  it("is refused under ES256, and without key id", () => {
    const { signature } = decodeSign1(document.bytes);
    const sign = () => signature;
    const payload = document.genesisBody;
    const keyId = authorityKeyId(authority.publicKey);
    for (const header of [
      { algorithm: "ES256", keyId } as const,
      { algorithm: "EdDSA" } as const,
    ]) {
      const bytes = encodeSign1({ ...header, payload, sign });
      expect(codeOf(() => verifyLctDocument(bytes, "self-consistent"))).toBe("decode");
    }
  });

  it("names a log only where it is a pack's or a society's", () => {
    const allows = (kind: LctGenesis["kind"]) =>
      codeOf(() => requireLogDocument({ ...document, kind }));
    expect([allows("pack"), allows("society")]).toEqual(["nothing", "nothing"]);
    for (const kind of ["app", "module", "policy", "person", "source", "agent"] as const) {
      expect(allows(kind), kind).toBe("document-kind");
    }
  });

  it("is refused with any single bit flipped", () => {
    for (const { bit, flipped } of flips(document.bytes)) {
      expect(["decode", "document-signature", "document-untrusted"], `bit ${bit}`).toContain(
        codeOf(() => verifyLctDocument(flipped, [authority.publicKey])),
      );
    }
  });

  it("refuses an authority statement that is no document", () => {
    const keyId = authorityKeyId(authority.publicKey);
    const payload = encodeCbor(["wattseal-mint-1", 5]);
    const mint = encodeSign1({
      algorithm: "EdDSA",
      keyId,
      payload,
      sign: (b) => authority.sign(b),
    });
    expect(codeOf(() => verifyLctDocument(mint, [authority.publicKey]))).toBe("decode");
  });

  it("answers arbitrary bytes with a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => verifyLctDocument(bytes, "self-consistent"))).toBe("decode");
        expect(codeOf(() => decodeGenesis(bytes))).toBe("decode");
      }),
    );
    expect(codeOf(() => verifyLctDocument(new Uint8Array(20_000), "self-consistent"))).toBe(
      "decode",
    );
    expect(codeOf(() => decodeGenesis(utf8("wattseal-lct-1")))).toBe("decode");
  });

  it("answers a mutilated genesis body with a DecodeError or what was written", () => {
    const body = document.genesisBody;
    const mutation = fc.record({
      at: fc.nat(body.length - 1),
      bytes: fc.uint8Array({ maxLength: 4 }),
      cut: fc.nat(4),
    });
    fc.assert(
      fc.property(mutation, ({ at, bytes, cut }) => {
        const mutated = Uint8Array.from([
          ...body.subarray(0, at),
          ...bytes,
          ...body.subarray(at + cut),
        ]);
        const outcome = codeOf(() =>
          expect(encodeGenesis(decodeGenesis(mutated))).toEqual(mutated),
        );
        expect(["nothing", "decode"]).toContain(outcome);
      }),
    );
  });
});
