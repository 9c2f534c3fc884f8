import { encodeCbor, encodeSign1 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { signAuthorityPayload } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { codeOf, flips, seededEntropy } from "../lct-keys.fixture.js";
import { authorityKeyId, verifyAuthority } from "./authority.js";

const authority = Ed25519SecretKey.generate(seededEntropy("authority"));
const other = Ed25519SecretKey.generate(seededEntropy("other"));
const payload = encodeCbor(["wattseal-mint-1", 80_000_000]);
const statement = signAuthorityPayload(authority, payload);

describe("authority statement", () => {
  it("yields its payload and who signed it, whichever place the key has in the list", () => {
    const { publicKey } = authority;
    const expected = { payload, publicKey, keyId: authorityKeyId(publicKey) };
    expect(verifyAuthority(statement, [publicKey])).toEqual(expected);
    expect(verifyAuthority(statement, [other.publicKey, publicKey])).toEqual(expected);
  });

  it("is refused under a key that is not trusted", () => {
    expect(codeOf(() => verifyAuthority(statement, [other.publicKey]))).toBe("authority-untrusted");
    expect(codeOf(() => verifyAuthority(statement, []))).toBe("authority-untrusted");
  });

  it("is refused when the key id names a trusted key that did not sign", () => {
    const keyId = authorityKeyId(authority.publicKey);
    const sign = (bytes: Uint8Array) => other.sign(bytes);
    const forged = encodeSign1({ algorithm: "EdDSA", keyId, payload, sign });
    const trusted = [authority.publicKey, other.publicKey];
    expect(codeOf(() => verifyAuthority(forged, trusted))).toBe("authority-signature");
  });

  it("is refused with any single bit flipped", () => {
    for (const { bit, flipped } of flips(statement)) {
      const code = codeOf(() => verifyAuthority(flipped, [authority.publicKey]));
      expect(["decode", "authority-untrusted", "authority-signature"], `bit ${bit}`).toContain(
        code,
      );
    }
  });
});
