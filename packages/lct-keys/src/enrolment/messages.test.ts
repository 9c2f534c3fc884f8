import { DecodeError, decodeCbor, encodeCbor, lctId, millis, sha256, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flips, genesisOf, testPack } from "../lct-keys.fixture.js";
import { encodeGenesis } from "../verify/genesis.js";
import type { EnrolmentClaim, EnrolmentProof, TpmClaim } from "./claim.js";
import {
  decodeEnrolmentActivation,
  decodeEnrolmentChallenge,
  decodeEnrolmentRequest,
  decodeEnrolmentResult,
  ENROLLED_KINDS,
  encodeEnrolmentActivation,
  encodeEnrolmentChallenge,
  encodeEnrolmentRequest,
  encodeEnrolmentResult,
  enrolmentSignedBytes,
} from "./messages.js";

const bytes = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most });
const point = bytes(64, 64).map((xy) => Uint8Array.of(4, ...xy));
const statement = fc.record({ attest: bytes(1, 300), signature: bytes(1, 100) });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const lct = bytes(20, 20).map((hash) =>
  lctId(
    `lct:pack:${[...hash, ...hash]
      .slice(0, 32)
      .map((b) => "abcdefghijklmnopqrstuvwxyz234567"[b % 32])
      .join("")}`,
  ),
);

const claims: fc.Arbitrary<EnrolmentClaim> = fc.oneof(
  fc.record({ type: fc.constant("software" as const), publicKey: point }),
  fc.record({
    type: fc.constant("tpm" as const),
    endorsementKey: bytes(1, 700),
    certificates: fc.array(bytes(1, 900), { maxLength: 4 }),
    storageRoot: bytes(1, 120),
    attestationKey: bytes(1, 120),
    anchor: bytes(1, 120),
    counter: bytes(1, 60),
    pcrs: fc
      .uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 24 })
      .map((pcrs) => pcrs.sort((a, b) => a - b)),
    boot: optional(fc.record({ updateKey: point, versionIndex: bytes(1, 60), base: fc.nat() })),
  }),
);
const proofs: fc.Arbitrary<EnrolmentProof> = fc.oneof(
  fc.record({ type: fc.constant("software" as const), signature: bytes(64, 64) }),
  fc.record({
    type: fc.constant("tpm" as const),
    secret: bytes(1, 64),
    anchor: statement,
    storageRoot: statement,
    counter: statement,
    version: optional(statement),
    quote: statement,
  }),
);
const requests = fc.record({
  kind: fc.constantFrom(...ENROLLED_KINDS),
  context: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 16 }),
  claim: claims,
  succeeds: optional(lct),
});
const genesisBody = encodeGenesis({
  ...genesisOf(testPack().anchor.publicKey),
  issuer: { publicKey: testPack().authority.publicKey, lct: undefined },
});
const challenges = fc.record({
  id: bytes(16, 16),
  genesisBody: fc.constant(genesisBody),
  salt: bytes(32, 32),
  credential: optional(fc.record({ blob: bytes(1, 100), secret: bytes(1, 512) })),
  expires: fc.nat().map((ms) => millis(ms)),
});

const DECODERS = [
  decodeEnrolmentRequest,
  decodeEnrolmentChallenge,
  decodeEnrolmentActivation,
  decodeEnrolmentResult,
];

/** "taken", or the name of what was thrown. */
function outcome(decode: (bytes: Uint8Array) => unknown, given: Uint8Array): string {
  try {
    decode(given);
    return "taken";
  } catch (error) {
    return error instanceof DecodeError ? "refused" : String(error);
  }
}

describe("enrolment messages", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(requests, challenges, bytes(16, 16), proofs, (request, challenge, id, proof) => {
        expect(decodeEnrolmentRequest(encodeEnrolmentRequest(request))).toEqual(request);
        const { lct: named, ...rest } = decodeEnrolmentChallenge(
          encodeEnrolmentChallenge(challenge),
        );
        expect(rest).toEqual(challenge);
        expect(named).toMatch(/^lct:pack:/);
        const activation = { id, proof };
        expect(decodeEnrolmentActivation(encodeEnrolmentActivation(activation))).toEqual(
          activation,
        );
      }),
      { numRuns: 200 },
    );
    const result = { document: utf8("document"), status: utf8("status") };
    expect(decodeEnrolmentResult(encodeEnrolmentResult(result))).toEqual(result);
  });

  it("are taken as one sort of message only", () => {
    const challenge = fc.sample(challenges, 1)[0]!;
    const written = [
      encodeEnrolmentRequest(fc.sample(requests, 1)[0]!),
      encodeEnrolmentChallenge(challenge),
      encodeEnrolmentActivation({ id: challenge.id, proof: fc.sample(proofs, 1)[0]! }),
      encodeEnrolmentResult({ document: utf8("document"), status: utf8("status") }),
    ];
    for (const [i, message] of written.entries()) {
      const takers = DECODERS.map((decode) => outcome(decode, message));
      expect(takers).toEqual(DECODERS.map((_, j) => (i === j ? "taken" : "refused")));
    }
  });

  it("of arbitrary, cut, lengthened and altered bytes give a DecodeError or a message, never anything else", () => {
    let tried = 0;
    const probe = (given: Uint8Array) => {
      for (const decode of DECODERS) {
        expect(["taken", "refused"]).toContain(outcome(decode, given));
        tried += 1;
      }
    };
    fc.assert(
      fc.property(bytes(0, 400), (given) => probe(given)),
      { numRuns: 2_000 },
    );
    const proof = fc.sample(proofs, { numRuns: 1, seed: 2 })[0]!;
    const request = fc.sample(requests, { numRuns: 1, seed: 5 })[0]!;
    for (const message of [
      encodeEnrolmentActivation({ id: new Uint8Array(16), proof }),
      encodeEnrolmentRequest(request),
    ]) {
      for (const { flipped } of flips(message.subarray(0, 700))) probe(flipped);
      for (let length = 0; length < message.length; length += 1) probe(message.slice(0, length));
    }
    expect(tried).toBeGreaterThan(20_000);
  });

  it("refuse what is out of bounds, by name", () => {
    const claim: TpmClaim = {
      type: "tpm",
      endorsementKey: new Uint8Array(1),
      certificates: [],
      storageRoot: new Uint8Array(1),
      attestationKey: new Uint8Array(1),
      anchor: new Uint8Array(1),
      counter: new Uint8Array(1),
      pcrs: [0, 7],
      boot: undefined,
    };
    const request = { kind: "pack", context: [], claim, succeeds: undefined } as const;
    const refusal = (change: Partial<TpmClaim>) => {
      try {
        encodeEnrolmentRequest({ ...request, claim: { ...claim, ...change } });
        return "taken";
      } catch (error) {
        return error instanceof DecodeError ? error.message : "not a DecodeError";
      }
    };
    expect(refusal({})).toBe("taken");
    expect(refusal({ pcrs: [7, 0] })).toMatch(/do not ascend/);
    expect(refusal({ pcrs: [7, 7] })).toMatch(/do not ascend/);
    expect(refusal({ pcrs: [] })).toMatch(/0 items/);
    expect(refusal({ pcrs: [24] })).toMatch(/out of range/);
    expect(refusal({ anchor: new Uint8Array(1_025) })).toMatch(/anchor has 1025 bytes/);
    expect(refusal({ certificates: Array(5).fill(new Uint8Array(1)) })).toMatch(/5 items/);
    const [tag, , ...rest] = [...asArray(encodeEnrolmentRequest(request))];
    expect(outcome(decodeEnrolmentRequest, encodeCbor([tag!, "module", ...rest]))).toBe("refused");
  });

  it("name a proof that serves for one document and one challenge only", () => {
    const salt = new Uint8Array(32);
    const signed = enrolmentSignedBytes({ salt, genesisBody });
    const nonce = sha256(Uint8Array.of(...salt, ...genesisBody));
    expect(signed).toEqual(Uint8Array.of(...utf8("wattseal-enrol-1"), ...nonce));
    expect(enrolmentSignedBytes({ salt: salt.map(() => 1), genesisBody })).not.toEqual(signed);
  });
});

function asArray(message: Uint8Array) {
  const value = decodeCbor(message, { what: "message" });
  return Array.isArray(value) ? value : [];
}
