import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { codeOfThrown, seededEntropy } from "../lct-keys.fixture.js";
import { P256SecretKey } from "./p256.js";
import { formatP256PublicKey, parseP256PublicKey } from "./public-key.js";

const PEM = { format: "pem" } as const;
const pair = (curve: string) => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const spki = publicKey.export({ ...PEM, type: "spki" }).toString();
  return { spki, pkcs8: privateKey.export({ ...PEM, type: "pkcs8" }).toString() };
};
const refusal = (pem: string) => {
  try {
    return parseP256PublicKey(pem).length;
  } catch (error) {
    return codeOfThrown(error);
  }
};

it("reads what OpenSSL writes, and writes the same", () => {
  const { spki } = pair("prime256v1");
  const point = parseP256PublicKey(spki);
  expect(point).toHaveLength(65);
  expect(formatP256PublicKey(point)).toBe(spki);
});

it("gives the point of a key of ours back", () => {
  const { publicKey } = P256SecretKey.generate(seededEntropy("public key"));
  expect(parseP256PublicKey(formatP256PublicKey(publicKey))).toEqual(publicKey);
});

it("refuses private keys, other curves and other kinds", () => {
  const ed25519 = generateKeyPairSync("ed25519").publicKey.export({ ...PEM, type: "spki" });
  const given = [pair("prime256v1").pkcs8, pair("secp384r1").spki, ed25519.toString(), "", "x"];
  for (const pem of given) expect(refusal(pem)).toBe("key-malformed");
  expect(refusal("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")).toBe(
    "key-malformed",
  );
  expect(() => formatP256PublicKey(new Uint8Array(65))).toThrow(/no uncompressed point/);
});
