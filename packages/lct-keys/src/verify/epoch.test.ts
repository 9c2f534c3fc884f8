import { p256 } from "@noble/curves/nist.js";
import { concatBytes, millis, toHex, utf8 } from "@wattseal/base";
import { encode as cborgEncode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import {
  codeOf,
  epochBody,
  evidenceOf,
  flips,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { EPOCH_MAX_AGE_MS, type EpochContext, isCloneProof, verifyEpoch } from "./epoch.js";
import { decodeEpochEvidence, encodeEpochEvidence } from "./evidence.js";

const pack = testPack();
const key = Ed25519SecretKey.generate(seededEntropy("epoch"));
const otherKey = Ed25519SecretKey.generate(seededEntropy("other epoch"));
const body = epochBody(pack, key);
const evidence = evidenceOf(pack, body);
const log = tree("log", 4);
const context: EpochContext = {
  document: pack.document,
  previousCounter: 0,
  previousBootVersion: 0,
  treeSize: 1,
  treeRoot: log.root(1),
  time: START,
};
const statement = { attest: Uint8Array.of(1), signature: Uint8Array.of(2) };

describe("epoch evidence", () => {
  it("is body, signature and two empty arrays, signed over the prefixed body", () => {
    const { bodyBytes, signature } = decodeEpochEvidence(evidence);
    const { lct, publicKey, treeRoot } = body;
    const expected = cborgEncode([lct, 1, publicKey, "0.1.0", 1, treeRoot, START, 1]);
    expect(toHex(bodyBytes)).toBe(toHex(expected));
    expect(toHex(evidence)).toBe(toHex(cborgEncode([bodyBytes, signature, [], []])));
    const signed = concatBytes(utf8("wattseal-epoch-1"), bodyBytes);
    expect(p256.verify(signature, signed, pack.anchor.publicKey, { lowS: false })).toBe(true);
  });

  it("carries TPM statements where there are some", () => {
    const bytes = evidenceOf(pack, body, { quote: statement, nvCertify: statement });
    expect(decodeEpochEvidence(bytes)).toMatchObject({
      body,
      quote: statement,
      nvCertify: statement,
    });
  });

  it("answers arbitrary and mutilated bytes with a DecodeError or what was written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(() => decodeEpochEvidence(bytes))).toBe("decode");
      }),
    );
    const mutation = fc.record({
      at: fc.nat(evidence.length - 1),
      bytes: fc.uint8Array({ maxLength: 4 }),
      cut: fc.nat(4),
    });
    fc.assert(
      fc.property(mutation, ({ at, bytes, cut }) => {
        const mutated = Uint8Array.from([
          ...evidence.subarray(0, at),
          ...bytes,
          ...evidence.subarray(at + cut),
        ]);
        const outcome = codeOf(() => {
          expect(encodeEpochEvidence(decodeEpochEvidence(mutated))).toEqual(mutated);
        });
        expect(["nothing", "decode"]).toContain(outcome);
      }),
    );
  });
});

describe("verifyEpoch", () => {
  it("accepts a software anchor's epoch, and calls it so", () => {
    expect(verifyEpoch(evidence, context)).toEqual({
      ...body,
      state: "software",
      bootVersion: 0,
      expiresAt: START + EPOCH_MAX_AGE_MS,
      evidence,
    });
  });

  it.each([
    ["epoch-counter", { previousCounter: 1 }],
    ["epoch-counter", { previousCounter: 7 }],
    ["epoch-tree", { treeSize: 2 }],
    ["epoch-tree", { treeRoot: log.root(2) }],
    ["epoch-tree", { treeSize: 2, treeRoot: log.root(2) }],
    ["epoch-time", { time: START - 1 }],
    ["epoch-lct", { document: testPack("another pack").document }],
    [
      "epoch-signature", // another anchor under the same id
      { document: { ...pack.document, anchor: testPack("another pack").document.anchor } },
    ],
  ] as const)("refuses with %s in context %j", (code, change) => {
    expect(codeOf(() => verifyEpoch(evidence, { ...context, ...change }))).toBe(code);
  });

  it("refuses every single flipped bit", () => {
    for (const { bit, flipped } of flips(evidence)) {
      const code = codeOf(() => verifyEpoch(flipped, context));
      expect(["decode", "epoch-lct", "epoch-signature"], `bit ${bit}`).toContain(code);
    }
  });

  it("holds a TPM's epoch unattested until its quote is checked", () => {
    const bound = testPack("bound", { binding: "tpm" });
    const bytes = evidenceOf(bound, epochBody(bound, key), {
      quote: statement,
      nvCertify: statement,
    });
    expect(verifyEpoch(bytes, { ...context, document: bound.document }).state).toBe("unattested");
  });

  it("refuses a software anchor that shows TPM statements", () => {
    for (const pretended of [{ quote: statement }, { nvCertify: statement }]) {
      const bytes = evidenceOf(pack, body, pretended);
      expect(codeOf(() => verifyEpoch(bytes, context))).toBe("epoch-attestation");
    }
  });
});

describe("clone proof", () => {
  const clone = evidenceOf(pack, epochBody(pack, otherKey));

  it("is two validly signed bodies with one counter", () => {
    expect(isCloneProof(pack.document, evidence, clone)).toBe(true);
    expect(isCloneProof(pack.document, clone, evidence)).toBe(true);
  });

  it("is not the same body twice, though ECDSA signs it differently each time", () => {
    const again = evidenceOf(pack, body);
    expect(again).not.toEqual(evidence);
    expect(isCloneProof(pack.document, evidence, again)).toBe(false);
  });

  it("is not two counters", () => {
    const next = evidenceOf(pack, epochBody(pack, otherKey, { epoch: 2 }));
    expect(isCloneProof(pack.document, evidence, next)).toBe(false);
  });

  it("is nothing that another anchor signed: unsigned bodies slash nobody", () => {
    const stranger = testPack("stranger");
    const forged = evidenceOf(stranger, epochBody(pack, otherKey));
    expect(isCloneProof(pack.document, evidence, forged)).toBe(false);
    const foreign = evidenceOf(pack, epochBody(stranger, otherKey, { time: millis(START + 1) }));
    expect(isCloneProof(pack.document, evidence, foreign)).toBe(false);
  });
});
