// Boot approvals and answers to challenges: docs/ledger-format.md, Boot approval and Attestation file.
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { concatBytes, RangeViolation, toHex, utf8 } from "@wattseal/base";
import { encodePublic } from "@wattseal/tpm2/verify";
import { encode as cborgEncode } from "cborg";
import { describe, expect, it } from "vitest";
import { signBootApproval } from "../boot-approval.js";
import { enrolmentSignedBytes } from "../enrolment/messages.js";
import { P256SecretKey } from "../keys/p256.js";
import { codeOf, flips, seededEntropy, testPack } from "../lct-keys.fixture.js";
import { approvalOf, BASE, BOOT, OTHER_BOOT, statementsOf, tpmPack } from "../tpm-pack.fixture.js";
import {
  attestSignedBytes,
  decodeAttestationFile,
  encodeAttestationFile,
  verifyAttestation,
} from "./attestation.js";
import {
  bootPolicyOf,
  bootReferenceOf,
  decodeBootApproval,
  encodeBootApproval,
  sealingPolicyOf,
  updateKeyPublic,
  verifyBootApproval,
} from "./boot-approval.js";
import { epochSignedBytes } from "./evidence.js";

const sha = (...parts: readonly Uint8Array[]) =>
  new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const ZERO = new Uint8Array(32);

const updateKey = P256SecretKey.generate(seededEntropy("tpm pack: update key"));
const pack = tpmPack("tpm");
const { document } = pack;
const approval = approvalOf(pack.keys, document, { version: 3 });
const file = encodeBootApproval(approval);

describe("a boot approval", () => {
  it("is this array, signed over what the page says", () => {
    const { lct, signature } = approval;
    const expected = cborgEncode(["wattseal-boot-1", lct, 3, BOOT, signature]);
    expect(toHex(file)).toBe(toHex(expected));
    expect(decodeBootApproval(file)).toEqual(approval);

    // by hand, from Part 3 §23.7, §23.9 and Part 2 §13.5
    const selection = hex("00000001 000b 03 950000");
    const pcr = sha(ZERO, hex("0000017f"), selection, BOOT);
    const index = hex("01800002 000b 22060014 0000 0008");
    const name = concatBytes(hex("000b"), sha(index));
    const operand = concatBytes(hex("000000000000002b"), hex("0000"), hex("0009"));
    const approved = sha(pcr, hex("00000149"), sha(operand), name);
    const reference = sha(utf8("wattseal-boot-1"), pack.anchor.publicKey);
    const message = concatBytes(approved, reference);
    expect(p256.verify(signature, message, updateKey.publicKey, { lowS: false })).toBe(true);
    expect(BASE + 3).toBe(0x2b);
    expect(bootReferenceOf(pack.anchor.publicKey)).toEqual(reference);

    // PolicyAuthorize, Part 3 §23.16: by the Name of the key as it is loaded to verify
    const [x, y] = [updateKey.publicKey.slice(1, 33), updateKey.publicKey.slice(33)];
    const area = concatBytes(
      hex("0023 000b 00040040 0000 0010 0018 000b 0003 0010 0020"),
      x,
      hex("0020"),
      y,
    );
    expect(toHex(encodePublic(updateKeyPublic(updateKey.publicKey)))).toBe(toHex(area));
    const keyName = concatBytes(hex("000b"), sha(area));
    const sealing = sha(sha(ZERO, hex("0000016a"), keyName), reference);
    const made = sealingPolicyOf(pack.anchor.publicKey, updateKey.publicKey);
    expect(toHex(made)).toBe(toHex(sealing));
  });

  it("is signed for a document by its update key alone", () => {
    const choice = { version: 3, pcrDigest: BOOT };
    const made = decodeBootApproval(signBootApproval(updateKey, document, choice));
    expect(verifyBootApproval(document, made)).toEqual(bootPolicyOf(document, choice));
    const stranger = P256SecretKey.generate(seededEntropy("stranger"));
    expect(codeOf(() => signBootApproval(stranger, document, choice))).toBe("boot-approval");
    for (const version of [0, -1, 2 ** 31, 1.5]) {
      const wrong = () => signBootApproval(updateKey, document, { ...choice, version });
      expect(wrong, String(version)).toThrow(RangeViolation);
    }
    const short = { ...choice, pcrDigest: new Uint8Array(31) };
    expect(() => signBootApproval(updateKey, document, short)).toThrow(RangeViolation);
    const plain = testPack("plain").document;
    expect(codeOf(() => signBootApproval(updateKey, plain, choice))).toBe("boot-approval");
    const unmeasured = tpmPack("tpm-unmeasured").document;
    expect(codeOf(() => verifyBootApproval(unmeasured, approval))).toBe("boot-approval");
  });

  it("is refused with any single bit flipped", () => {
    for (const { bit, flipped } of flips(file)) {
      const code = codeOf(() => verifyBootApproval(document, decodeBootApproval(flipped)));
      expect(["decode", "boot-approval"], `bit ${bit}`).toContain(code);
    }
  });
});

describe("an answer to a challenge", () => {
  const nonce = utf8("a nonce of enough bytes");
  const signedBytes = attestSignedBytes(nonce);
  const statement = {
    signature: pack.anchor.sign(signedBytes),
    ...statementsOf(pack.keys, { counter: 12, signedBytes }),
    approval,
  };

  it("says which boot and which epoch the TPM is in", () => {
    const { claims, ...said } = verifyAttestation(statement, document, nonce);
    expect(said).toEqual({ state: "attested", bootVersion: 3 });
    expect(claims).toMatchObject({ pcrDigest: BOOT, counter: 12n, clock: { resetCount: 3 } });
    const bare = { ...statement, approval: undefined };
    expect(verifyAttestation(bare, document, nonce).state).toBe("unattested");
  });

  it("is over bytes that begin as nothing else does that an anchor signs", () => {
    expect(signedBytes).toEqual(concatBytes(utf8("wattseal-attest-1"), nonce));
    const begun = [epochSignedBytes, attestSignedBytes].map((of) => of(utf8("{")));
    begun.push(enrolmentSignedBytes({ salt: nonce, genesisBody: nonce }), utf8("{"));
    for (const [i, one] of begun.entries()) {
      for (const [j, other] of begun.entries()) {
        const least = Math.min(one.length, other.length, 15);
        if (i !== j) expect(one.subarray(0, least)).not.toEqual(other.subarray(0, least));
      }
    }
  });

  it("is refused for another nonce, from another anchor, with other statements", () => {
    const refused = (change: Partial<typeof statement>, asked = nonce) =>
      codeOf(() => verifyAttestation({ ...statement, ...change }, document, asked));
    expect(refused({}, utf8("another nonce, as long"))).toBe("attestation");
    const stranger = P256SecretKey.generate(seededEntropy("stranger"));
    expect(refused({ signature: stranger.sign(signedBytes) })).toBe("attestation");
    const old = statementsOf(pack.keys, { counter: 12, signedBytes: attestSignedBytes(BOOT) });
    expect(refused(old)).toBe("attestation");
    expect(refused({ quote: statement.nvCertify })).toBe("attestation");
    const { document: other } = tpmPack("tpm", { seed: "other" });
    expect(codeOf(() => verifyAttestation(statement, other, nonce))).toBe("attestation");
    const elsewhere = statementsOf(pack.keys, { counter: 12, signedBytes, pcrDigest: OTHER_BOOT });
    const moved = { ...statement, ...elsewhere };
    expect(verifyAttestation(moved, document, nonce).state).toBe("unattested");
  });

  it("of a software anchor is its signature, and no more", () => {
    const plain = testPack("plain");
    const signature = plain.anchor.sign(signedBytes);
    const bare = { signature, quote: undefined, nvCertify: undefined };
    expect(verifyAttestation(bare, plain.document, nonce)).toEqual({
      state: "software",
      bootVersion: 0,
      claims: undefined,
    });
    const pretended = { ...statement, signature };
    expect(codeOf(() => verifyAttestation(pretended, plain.document, nonce))).toBe("attestation");
  });

  it("travels as a file with the document and the nonce", () => {
    const made = { document: document.bytes, nonce, ...statement };
    const bytes = encodeAttestationFile(made);
    expect(decodeAttestationFile(bytes)).toEqual(made);
    const { quote, nvCertify, signature } = statement;
    const both = [quote, nvCertify].map((each) => [each.attest, each.signature]);
    const under = ["wattseal-boot-1", approval.lct, 3, BOOT, approval.signature];
    const array = ["wattseal-attestation-1", document.bytes, nonce, signature, ...both, under];
    expect(toHex(bytes)).toBe(toHex(cborgEncode(array)));
    const software = { ...made, quote: undefined, nvCertify: undefined, approval: undefined };
    expect(decodeAttestationFile(encodeAttestationFile(software))).toEqual(software);
    for (const length of [0, 15, 65]) {
      const short = { ...made, nonce: new Uint8Array(length) };
      expect(codeOf(() => encodeAttestationFile(short))).toBe("decode");
    }
  });
});
