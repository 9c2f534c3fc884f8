import { X509Certificate } from "node:crypto";
import { millis } from "@wattseal/base";
import { ENDORSEMENT_ECC, ENDORSEMENT_RSA } from "@wattseal/tpm2";
import type { Public } from "@wattseal/tpm2/verify";
import { describe, expect, it } from "vitest";
import { codeOf, flips } from "../lct-keys.fixture.js";
import { CERTIFICATES as C } from "./certificates.fixture.js";
import { hardwareRoot, provenanceOf } from "./certificates.js";

const NOW = millis(Date.UTC(2026, 0, 1));
const ROOTS = [hardwareRoot(C.root)];

function keyOf(certificate: Uint8Array): Public {
  const jwk = new X509Certificate(certificate).publicKey.export({ format: "jwk" });
  const value = (name: "x" | "y" | "n") =>
    new Uint8Array(Buffer.from(jwk[name] ?? "", "base64url"));
  return jwk.kty === "RSA"
    ? { ...ENDORSEMENT_RSA, modulus: value("n") }
    : { ...ENDORSEMENT_ECC, point: { x: value("x"), y: value("y") } };
}

const KEY = keyOf(C.endorsement);
const hardware = (chain: readonly Uint8Array[], roots = ROOTS, key = KEY, now = NOW) =>
  provenanceOf(key, chain, roots, now);
const refusal = (chain: readonly Uint8Array[], key = KEY) =>
  codeOf(() => provenanceOf(key, chain, ROOTS, NOW));

describe("the provenance of an endorsement key", () => {
  it("is hardware where its certificate leads to an accepted root", () => {
    const root = { hardware: true, root: "CN=Maker root" };
    expect(hardware([C.endorsement, C.issuing])).toEqual(root);
    expect(hardware([C.underRoot])).toEqual(root);
    expect(hardware([C.withoutUse, C.issuing])).toEqual(root);
    expect(hardware([C.rsa, C.issuing], ROOTS, keyOf(C.rsa))).toEqual(root);
    // The authority in between may be accepted itself.
    expect(hardware([C.endorsement], [hardwareRoot(C.issuing)])).toMatchObject({ hardware: true });
  });

  it("is nobody's where the chain has a gap, or ends elsewhere", () => {
    const why = (chain: readonly Uint8Array[], roots = ROOTS, now = NOW) => {
      const found = hardware(chain, roots, KEY, now);
      return found.hardware ? "hardware" : found.why;
    };
    expect(why([])).toBe("there is no endorsement certificate");
    expect(why([C.endorsement])).toMatch(/leads to no accepted root/);
    expect(why([C.endorsement, C.issuing], [])).toMatch(/leads to no accepted root/);
    // The same name, and another key.
    expect(why([C.underRoot], [hardwareRoot(C.impostor)])).toMatch(/leads to no accepted root/);
    expect(why([C.endorsement, C.revoking])).toMatch(/is not its follower's/);
    expect(why([C.endorsement, C.endorsement])).toMatch(/is not its follower's/);
    // Its key may sign revocation lists, and no certificates.
    expect(why([C.byRevoking, C.revoking])).toMatch(/is not its follower's/);
  });

  it("is nobody's where a holder of a certificate, and no authority, signed another one", () => {
    const later = millis(Date.UTC(2400, 0, 1));
    const roots = [hardwareRoot(C.carelessRoot)];
    expect(hardware([C.holder], roots, keyOf(C.holder), later).hardware).toBe(true);
    expect(hardware([C.byHolder, C.holder], roots, KEY, later)).toEqual({
      hardware: false,
      why: "the certificate of CN=TPM is not its follower's",
    });
  });

  it("is nobody's outside the time that every certificate is good for", () => {
    const isHardware = (chain: readonly Uint8Array[], now = NOW) =>
      hardware(chain, ROOTS, KEY, now).hardware;
    expect(isHardware([C.expired, C.issuing])).toBe(false);
    expect(isHardware([C.endorsement, C.expiredIssuing])).toBe(false);
    // An accepted root is held to its time too.
    expect(hardware([C.endorsement], [hardwareRoot(C.expiredIssuing)]).hardware).toBe(false);
    expect(isHardware([C.expired, C.issuing], millis(Date.UTC(2020, 5, 1)))).toBe(true);
    expect(isHardware([C.endorsement, C.issuing], millis(Date.UTC(2019, 5, 1)))).toBe(false);
  });

  it("refuses a certificate of another key, for another use, or an authority's", () => {
    expect(refusal([C.rsa, C.issuing])).toBe("enrol-certificate");
    expect(refusal([C.endorsement, C.issuing], keyOf(C.rsa))).toBe("enrol-certificate");
    expect(refusal([C.issuing])).toBe("enrol-certificate");
    expect(refusal([C.forServers, C.issuing])).toBe("enrol-certificate");
    expect(refusal([C.asAuthority, C.issuing])).toBe("enrol-certificate");
    const rsa = keyOf(C.rsa);
    const other = { ...rsa, exponent: 3 };
    expect(refusal([C.rsa, C.issuing], other)).toBe("enrol-certificate");
  });

  it("of altered certificates is refused or nobody's, never hardware by another key", () => {
    let tried = 0;
    for (const { bit, flipped } of flips(C.underRoot)) {
      if (bit % 5 !== 0) continue;
      tried += 1;
      let found: string;
      try {
        found = hardware([flipped]).hardware ? "hardware" : "nobody's";
      } catch (error) {
        found = codeOf(() => {
          throw error;
        });
      }
      expect(["nobody's", "enrol-certificate"]).toContain(found);
    }
    expect(tried).toBeGreaterThan(600);
  });

  it("takes for a root what is an authority's certificate", () => {
    expect(codeOf(() => hardwareRoot(C.endorsement))).toBe("enrol-certificate");
    expect(codeOf(() => hardwareRoot("no certificate"))).toBe("enrol-certificate");
  });
});
