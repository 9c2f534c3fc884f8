import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import { bytesEqual, concatBytes, DecodeError, fromHex, sha256, toHex, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, dayOf, testPack } from "../lct-keys.fixture.js";
import { derOfSignature, signatureOfDer } from "./der.js";
import { encodeOcmf, ocmfPayload, verifyOcmf } from "./ocmf.js";

const pack = testPack("ocmf");
const { document, anchor } = pack;
const signed = (day = dayOf()) => {
  const payload = ocmfPayload(day, document);
  return { payload, record: encodeOcmf(payload, anchor.sign(utf8(payload))) };
};
const sectionsOf = (record: string) => record.split("|");
/** RFC 5480 §2: the header of a P-256 key's SubjectPublicKeyInfo. */
const SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const OPENSSL = "openssl";
const openssl = spawnSync(OPENSSL, ["version"]).status === 0;

describe("an OCMF record of a day", () => {
  it("has the fields and readings of the specification", () => {
    const { record } = signed();
    const [header, payload, signature, ...more] = sectionsOf(record);
    expect([header, more]).toEqual(["OCMF", []]);
    expect(JSON.parse(payload!)).toEqual({
      FV: "1.0",
      GI: "Wattseal",
      GS: document.label,
      GV: "0.1.0",
      PG: "F12",
      MV: "Wattseal",
      MS: document.lct,
      RD: [
        reading("2026-11-19T23:59:59,999+0000 S", 0.5, "1-b:1.8.0", ""),
        reading("2026-11-19T23:59:59,999+0000 S", 0.000001, "1-b:2.8.0", ""),
        reading("2026-11-21T00:00:00,000+0000 S", 12.345678, "1-b:1.8.0", "E"),
        reading("2026-11-21T00:00:00,000+0000 S", 0.000001, "1-b:2.8.0", "E"),
      ],
      WB: "software",
      WD: "2026-11-20",
      WL: { inMwh: 5, outMwh: 0, resets: 0 },
      WP: { origin: document.origin, first: 7, last: 99, size: 100, root: "ab".repeat(32) },
    });
    expect(JSON.parse(signature!)).toMatchObject({ SA: "ECDSA-secp256r1-SHA256", SE: "hex" });
  });

  it("writes kWh with all six decimals, which no JSON printer would", () => {
    const { payload } = signed();
    const values = [...payload.matchAll(/"RV":([0-9.]+)/g)].map(([, value]) => value);
    expect(values).toEqual(["0.500000", "0.000001", "12.345678", "0.000001"]);
  });

  it("flags a clock that was not synchronised, and no energy where none is left out", () => {
    const day = dayOf({ leftOut: { inMwh: 0, outMwh: 0, resets: 0 } });
    const end = { ...day.end, synchronised: false };
    expect(JSON.parse(ocmfPayload({ ...day, end }, document)).RD[2]).toMatchObject({
      TM: "2026-11-21T00:00:00,000+0000 U",
      EF: "t",
    });
    expect(JSON.parse(ocmfPayload(day, document)).RD[2].EF).toBe("");
    const reset = { ...day, leftOut: { inMwh: 0, outMwh: 0, resets: 1 } };
    expect(JSON.parse(ocmfPayload(reset, document)).RD[3].EF).toBe("E");
  });

  it("keeps its three sections whatever a version is called", () => {
    const { record } = signed(dayOf({ softwareVersion: 'a|b"c' }));
    expect(sectionsOf(record)).toHaveLength(3);
    expect(JSON.parse(sectionsOf(record)[1]!).GV).toBe('a|b"c');
  });

  it("verifies by an independent library", () => {
    const { record, payload } = signed();
    const { SD } = JSON.parse(sectionsOf(record)[2]!);
    const options = { format: "der", lowS: false } as const;
    const verify = (text: string) =>
      p256.verify(fromHex(SD), utf8(text), anchor.publicKey, options);
    expect(verify(payload)).toBe(true);
    expect(verify(payload.replace("F12", "F13"))).toBe(false);
  });

  it.skipIf(!openssl)("verifies by openssl (skipped: openssl is not installed)", () => {
    const directory = mkdtempSync(join(tmpdir(), "wattseal-ocmf-"));
    const file = (name: string) => join(directory, name);
    try {
      const { record, payload } = signed();
      writeFileSync(file("key.der"), concatBytes(SPKI, anchor.publicKey));
      writeFileSync(file("payload"), payload);
      writeFileSync(file("other"), `${payload} `);
      writeFileSync(file("signature"), fromHex(JSON.parse(sectionsOf(record)[2]!).SD));
      const verify = (name: string) => {
        const key = ["-keyform", "DER", "-verify", file("key.der")];
        const args = ["dgst", "-sha256", ...key, "-signature", file("signature"), file(name)];
        return spawnSync(OPENSSL, args, { encoding: "utf8" }).stdout.trim();
      };
      expect(verify("payload")).toBe("Verified OK");
      expect(verify("other")).toBe("Verification failure");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("gives its payload back to whoever has the key, and to nobody who changed it", () => {
    const { record, payload } = signed();
    expect(verifyOcmf(record, anchor.publicKey)).toBe(payload);
    const forged = record.replace("12.345678", "12.345679");
    expect(codeOf(() => verifyOcmf(forged, anchor.publicKey))).toBe("ocmf-signature");
    const other = testPack("other").anchor.publicKey;
    expect(codeOf(() => verifyOcmf(record, other))).toBe("ocmf-signature");
  });

  it.each([
    ["", /three sections/],
    ["OCMF|{}", /three sections/],
    ["OCMF|{}|{}|", /three sections/],
    ["XCMF|{}|{}", /three sections/],
    ["OCMF|{}|{", /no JSON/],
    ["OCMF|{}|null", /no SD/],
    ['OCMF|{}|{"SD":"0"}', /no SD/],
    ['OCMF|{}|{"SA":"ECDSA-secp192r1-SHA256","SD":"00"}', /another algorithm/],
    ['OCMF|{}|{"SE":"base64","SD":"00"}', /another algorithm/],
    ['OCMF|{}|{"SD":"3006020101020101ff"}', /not DER/],
  ])("is none: %s", (text, why) => {
    expect(() => verifyOcmf(text, anchor.publicKey)).toThrow(why);
    expect(() => verifyOcmf(text, anchor.publicKey)).toThrow(DecodeError);
  });

  it.each([
    ["page 0", { page: 0 }],
    ["a fraction", { page: 1.5 }],
    ["a register that goes back", { end: { ...dayOf().end, inMwh: 1 } }],
    ["an end before its beginning", { end: { ...dayOf().end, time: 1 } }],
    ["entries that end before they begin", { first: 100 }],
    ["a root of another length", { root: new Uint8Array(31) }],
    ["a year that OCMF cannot write", { end: { ...dayOf().end, time: 300_000_000_000_000 } }],
  ])("is refused for %s", (_, change) => {
    expect(() => ocmfPayload(dayOf(change), document)).toThrow(/contradicts itself/);
  });
});

describe("DER of a signature", () => {
  const coordinate = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.nat(300).map((n) => fromHex(n.toString(16).padStart(64, "0"))),
    fc.constant(new Uint8Array(32).fill(0xff)),
  );

  it("comes back, with or without leading zeros and high bits", () => {
    fc.assert(
      fc.property(coordinate, coordinate, (r, s) => {
        const raw = concatBytes(r, s);
        expect(toHex(signatureOfDer(derOfSignature(raw)))).toBe(toHex(raw));
      }),
    );
  });

  it("is what an independent library writes", () => {
    for (let i = 0; i < 200; i += 1) {
      const raw = anchor.sign(sha256(Uint8Array.of(i)));
      const theirs = p256.Signature.fromBytes(raw, "compact").toBytes("der");
      expect(bytesEqual(derOfSignature(raw), theirs)).toBe(true);
    }
  });

  it("has one form: anything else is refused", () => {
    const der = derOfSignature(anchor.sign(Uint8Array.of(1)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(() => signatureOfDer(bytes)).toThrow(DecodeError);
      }),
    );
    for (let end = 0; end < der.length; end += 1) {
      expect(() => signatureOfDer(der.subarray(0, end))).toThrow(DecodeError);
    }
    expect(() => signatureOfDer(concatBytes(der, Uint8Array.of(0)))).toThrow(DecodeError);
  });
});

function reading(TM: string, RV: number, RI: string, EF: string) {
  return { TM, RV, RI, RU: "kWh", RT: "DC", EF, ST: "G" };
}
