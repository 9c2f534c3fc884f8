/** What anybody may have sent: over 20,000 structures, drawn and altered, for every decoder of this package. */
import { generateKeyPairSync, sign as signWith } from "node:crypto";
import { concatBytes, DecodeError } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { getRandom, handlesFrom, pcrBanks, property, readClock } from "./commands/basic.js";
import { nvReadPublic } from "./commands/nv.js";
import { createPrimary, loadExternal, readPublic } from "./commands/objects.js";
import { pcrRead } from "./commands/pcr.js";
import { policyGetDigest } from "./commands/policy.js";
import { startPolicy } from "./session/start.js";
import { attest, clockInfo } from "./structures/attest.js";
import { nvPublic } from "./structures/nv.js";
import { digests, digestValues, pcrSelections } from "./structures/pcr.js";
import { publicArea } from "./structures/public.js";
import { signature } from "./structures/signature.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_RSA,
  SEALED,
  SIGNING_KEY,
  STORAGE_ROOT,
} from "./structures/templates.js";
import { ticket } from "./structures/ticket.js";
import { scripted } from "./testing/wiretap.js";
import { Tpm } from "./tpm.js";
import { verifyCertify, verifyNvCertify, verifyQuote } from "./verify/attestation.js";
import { eventLogOf } from "./verify/event-log.fixture.js";
import { parseEventLog, replayEvents } from "./verify/event-log.js";
import { decodeNvPublic, decodePublic } from "./verify/names.js";
import type { Codec } from "./wire/codec.js";
import { ALG, NV } from "./wire/constants.js";
import { TpmError } from "./wire/errors.js";
import { Reader } from "./wire/reader.js";
import { Writer } from "./wire/writer.js";

const RUNS = 1500;
const DIGEST = new Uint8Array(32).fill(0xd1);
const NAME = concatBytes(Uint8Array.of(0, 0x0b), DIGEST);
const CLOCK = { clock: 77n, resetCount: 3, restartCount: 1, safe: true };
const COMMON = {
  qualifiedSigner: NAME,
  extraData: DIGEST,
  clockInfo: CLOCK,
  firmwareVersion: 1n,
} as const;
const PCRS = { hash: ALG.sha256, pcrs: [0, 7] };
const INDEX = {
  index: 0x01800001,
  nameAlgorithm: ALG.sha256,
  attributes: NV.counter | NV.authRead,
  authPolicy: DIGEST,
  size: 8,
} as const;

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.done();
}

/** Valid bytes with some of them changed, taken out, put in or cut off; and bytes of no origin. */
function hostile(...valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat(),
    bytes: fc.uint8Array({ maxLength: 3 }),
    over: fc.nat({ max: 3 }),
  });
  const altered = fc
    .tuple(fc.constantFrom(...valid), fc.array(change, { maxLength: 4 }), fc.nat({ max: 9 }))
    .map(([bytes, changes, cut]) => {
      let now = bytes;
      for (const { at, bytes: put, over } of changes) {
        const from = at % (now.length + 1);
        now = concatBytes(now.subarray(0, from), put, now.subarray(from + over));
      }
      return cut === 0 ? now.subarray(0, now.length >> 1) : now;
    });
  return fc.oneof({ weight: 4, arbitrary: altered }, fc.uint8Array({ maxLength: 300 }));
}

function refusedByType(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof DecodeError || thrown instanceof TpmError)) throw thrown;
  }
}

const ATTESTS = [
  encode(attest, { type: "quote", ...COMMON, selection: [PCRS], pcrDigest: DIGEST }),
  encode(attest, { type: "certify", ...COMMON, name: NAME, qualifiedName: NAME }),
  encode(attest, { type: "nv", ...COMMON, indexName: NAME, offset: 0, contents: DIGEST }),
];
const PUBLICS = [STORAGE_ROOT, SIGNING_KEY, ATTESTATION_KEY, SEALED, ENDORSEMENT_RSA].map((each) =>
  encode(publicArea, each),
);
const SIGNATURES = [
  encode(signature, { scheme: "ecdsa", hash: ALG.sha256, r: DIGEST, s: DIGEST }),
  encode(signature, { scheme: "rsapss", hash: ALG.sha256, signature: new Uint8Array(256) }),
];
const INDICES = [encode(nvPublic, INDEX)];

/** `exact`: one value has one encoding, so that what is read is what would be written. */
function read<T>(name: string, codec: Codec<T>, valid: readonly Uint8Array[], exact = true) {
  const whole = (bytes: Uint8Array) => {
    const reader = new Reader(bytes, name);
    const value = codec.read(reader);
    reader.end();
    return value;
  };
  return {
    name,
    valid,
    decode: (bytes: Uint8Array) => {
      const value = whole(bytes);
      if (exact && Buffer.compare(encode(codec, value), bytes) !== 0) throw new Error("not exact");
    },
  };
}

const DECODERS = [
  read("TPMS_ATTEST", attest, ATTESTS, false),
  read("TPMT_PUBLIC", publicArea, PUBLICS),
  read("TPMT_SIGNATURE", signature, SIGNATURES),
  read("TPMS_NV_PUBLIC", nvPublic, INDICES),
  read("TPMS_CLOCK_INFO", clockInfo, [encode(clockInfo, CLOCK)]),
  read("TPMT_TK", ticket, [encode(ticket, { tag: 0x8022, hierarchy: 0x40000001, digest: DIGEST })]),
  read("TPML_PCR_SELECTION", pcrSelections, [encode(pcrSelections, [PCRS])], false),
  read("TPML_DIGEST", digests, [encode(digests, [DIGEST, DIGEST])]),
  read("TPML_DIGEST_VALUES", digestValues, [
    encode(digestValues, [{ hash: ALG.sha256, digest: DIGEST }]),
  ]),
  { name: "decodePublic", valid: PUBLICS, decode: decodePublic },
  { name: "decodeNvPublic", valid: INDICES, decode: decodeNvPublic },
  {
    name: "an event log",
    valid: [eventLogOf([{ pcr: 0, type: 8, data: DIGEST }])],
    decode: (bytes: Uint8Array) => replayEvents(parseEventLog(bytes)),
  },
];

describe("a decoder", () => {
  it.each(DECODERS)("of $name reads what is valid", ({ valid, decode }) => {
    for (const bytes of valid) decode(bytes);
  });

  it.each(DECODERS)("of $name refuses by type what is not", ({ valid, decode }) => {
    fc.assert(
      fc.property(hostile(...valid), (bytes) => refusedByType(() => decode(bytes))),
      { numRuns: RUNS },
    );
  });
});

describe("a verifier", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = publicKey.export({ format: "jwk" });
  const coordinate = (text = "") => new Uint8Array(Buffer.from(text, "base64url"));
  const key = { ...ATTESTATION_KEY, point: { x: coordinate(jwk.x), y: coordinate(jwk.y) } };
  const context = { key, qualifyingData: DIGEST };
  const asked = { selection: PCRS, name: NAME, indexName: NAME, size: 32 };

  function signed(bytes: Uint8Array) {
    const raw = new Uint8Array(
      signWith("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    );
    const made = {
      scheme: "ecdsa",
      hash: ALG.sha256,
      r: raw.slice(0, 32),
      s: raw.slice(32),
    } as const;
    return { bytes, signature: encode(signature, made) };
  }
  const verifiers = [verifyQuote, verifyCertify, verifyNvCertify];

  it("believes a key that signs well-formed statements", () => {
    for (const [i, verify] of verifiers.entries()) {
      verify(signed(ATTESTS[i] ?? DIGEST), { ...context, ...asked });
    }
  });

  it("refuses by type whatever such a key signs otherwise, and says nothing that was not signed", () => {
    fc.assert(
      fc.property(hostile(...ATTESTS), (bytes) => {
        for (const verify of verifiers) {
          refusedByType(() => verify(signed(bytes), { ...context, ...asked }));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("refuses by type altered signatures and keys", () => {
    fc.assert(
      fc.property(hostile(...SIGNATURES), hostile(...PUBLICS), (altered, keyBytes) => {
        const statement = signed(ATTESTS[0] ?? DIGEST);
        refusedByType(() =>
          verifyQuote({ ...statement, signature: altered }, { ...context, ...asked }),
        );
        refusedByType(() =>
          verifyQuote(statement, { ...context, ...asked, key: decodePublic(keyBytes) }),
        );
      }),
      { numRuns: RUNS },
    );
  });
});

describe("a response", () => {
  const commands: readonly ((tpm: Tpm) => Promise<unknown>)[] = [
    (tpm) => getRandom(tpm, 16),
    (tpm) => readClock(tpm),
    (tpm) => property(tpm, 0x100),
    (tpm) => pcrBanks(tpm),
    (tpm) => handlesFrom(tpm, 0x81000000),
    (tpm) => pcrRead(tpm, PCRS),
    (tpm) => readPublic(tpm, 0x81000001),
    (tpm) => nvReadPublic(tpm, 0x01800001),
    (tpm) => loadExternal(tpm, SIGNING_KEY),
    (tpm) => startPolicy(tpm).then((session) => policyGetDigest(tpm, session)),
    (tpm) => createPrimary(tpm, { handle: 0x40000001, name: DIGEST }, { publicArea: SEALED }),
  ];
  const entropy = { bytes: (length: number) => new Uint8Array(length) };
  const pause = () => Promise.resolve();

  /** As long as it says that it is, or not; refused, or not; with sessions, or not. */
  const responses = fc
    .record({
      tag: fc.constantFrom(0x8001, 0x8002, 0xc4),
      code: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 0xfff })),
      wrongBy: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -9, max: 9 })),
      body: hostile(...ATTESTS, ...PUBLICS, ...SIGNATURES, ...INDICES, DIGEST),
    })
    .map(({ tag, code, wrongBy, body }) => {
      const header = new Writer();
      header.u16(tag);
      header.u32(10 + body.length + wrongBy);
      header.u32(code);
      return concatBytes(header.done(), body);
    });

  it("of any bytes to any command is an answer or refused by type", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(responses, { minLength: 1, maxLength: 3 }), async (answers) => {
        const none = new TpmError("tpm-unreachable", "no more answers");
        for (const command of commands) {
          await Tpm.transact(scripted(...answers, none), { entropy, pause }, command).catch(
            (thrown: unknown) => {
              const typed = thrown instanceof DecodeError || thrown instanceof TpmError;
              expect(typed ? "typed" : thrown).toBe("typed");
            },
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});
