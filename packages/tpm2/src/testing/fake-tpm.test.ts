// The fake's structures are what a TPM emits: an emulator's own statements, built again from what they say.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quote } from "../commands/attestation.js";
import { nvCertify, nvDefineSpace, nvIncrement, nvReadPublic } from "../commands/nv.js";
import { createPrimary } from "../commands/objects.js";
import { AuthValue } from "../session/auth-value.js";
import { ATTESTATION_KEY } from "../structures/templates.js";
import { encodeSignature, p256Point, verifyNvCertify, verifyQuote } from "../verify/attestation.js";
import { attestationKeyOf } from "../verify/keys.js";
import { encodePublic } from "../verify/names.js";
import { ALG, NV, OBJECT } from "../wire/constants.js";
import { type FakeKey, fakeAttest, fakeCounter, fakeNvCertify, fakeQuote } from "./fake-tpm.js";
import { ENDORSEMENT, hasSwtpm, OWNER, Swtpm } from "./swtpm.js";

const PCRS = { hash: ALG.sha256, pcrs: [0, 2, 4, 7, 11, 23] } as const;
const extraData = new Uint8Array(createHash("sha256").update("asked for").digest());

function memoryKey(): FakeKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const point = [Uint8Array.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")];
  return {
    publicKey: new Uint8Array(Buffer.concat(point)),
    sign: (message) =>
      new Uint8Array(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  };
}

it("what the fake signs verifies as a TPM's, under the public area that its point stands for", () => {
  const fake = memoryKey();
  const key = attestationKeyOf(fake.publicKey);
  const pcrDigest = new Uint8Array(32).fill(7);
  const quoted = fakeQuote(fake, { extraData, selection: [PCRS], pcrDigest });
  const asked = { key, qualifyingData: extraData };
  expect(verifyQuote(quoted, { ...asked, selection: PCRS }).pcrDigest).toEqual(pcrDigest);
  const index = fakeCounter(0x01800001);
  const contents = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9);
  const certified = fakeNvCertify(fake, index, { extraData, contents });
  const indexName = new Uint8Array(34);
  expect(() => verifyNvCertify(certified, { ...asked, indexName, size: 8 })).toThrow(/another NV/);
});

it("what the key of a TPM signs that signs anything is no TPM's word, however it looks", () => {
  const fake = memoryKey();
  const pcrDigest = new Uint8Array(32);
  const forged = fakeQuote(fake, { extraData, selection: [PCRS], pcrDigest });
  const key = attestationKeyOf(fake.publicKey);
  for (const needed of ["restricted", "sign", "fixedTpm", "sensitiveDataOrigin"] as const) {
    const loose = { ...key, attributes: key.attributes & ~OBJECT[needed] };
    const asked = { key: loose, qualifyingData: extraData, selection: PCRS };
    expect(() => verifyQuote(forged, asked), needed).toThrow(/no attestation key/);
  }
});

const NAME = hasSwtpm() ? "the fake" : "the fake (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
  }, 60_000);
  afterAll(() => swtpm.remove());

  it("builds a TPM's quote, certification, key and index again, byte for byte", async () => {
    await swtpm.use(async (tpm) => {
      const template = { publicArea: ATTESTATION_KEY };
      const key = await createPrimary(tpm, ENDORSEMENT, template);
      const point = p256Point(key.publicArea);
      expect(encodePublic(attestationKeyOf(point))).toEqual(encodePublic(key.publicArea));

      const counter = fakeCounter(0x01800001);
      const area = { ...counter, attributes: counter.attributes & ~NV.written };
      await nvDefineSpace(tpm, OWNER, area, AuthValue.empty);
      const fresh = await nvReadPublic(tpm, area.index);
      const index = await nvIncrement(tpm, fresh, fresh);
      expect(index.publicArea).toEqual(counter);

      const quoted = await quote(tpm, key, [PCRS], extraData);
      const certified = await nvCertify(tpm, key, OWNER, index, {
        qualifyingData: extraData,
        size: 8,
      });
      const other = memoryKey();
      for (const { bytes, signature, said } of [quoted, certified]) {
        const again = fakeAttest(other, said);
        expect(again.bytes).toEqual(bytes);
        const [ours, theirs] = [again.signature, encodeSignature(signature)];
        expect(ours.subarray(0, 4)).toEqual(theirs.subarray(0, 4));
      }
      const { pcrDigest, selection, clockInfo, firmwareVersion, qualifiedSigner } = quoted.said;
      expect(selection).toEqual([PCRS]);
      const common = { extraData, clockInfo, firmwareVersion, qualifiedSigner };
      const quotedAgain = fakeQuote(other, { ...common, selection, pcrDigest });
      expect(quotedAgain.bytes).toEqual(quoted.bytes);
      const { contents, clockInfo: clockThen } = certified.said;
      const nvAgain = { ...common, clockInfo: clockThen, contents };
      expect(fakeNvCertify(other, counter, nvAgain).bytes).toEqual(certified.bytes);
    });
  });
});
