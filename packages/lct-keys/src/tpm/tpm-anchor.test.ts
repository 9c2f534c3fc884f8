import { bytesEqual, sha256, verifyP256 } from "@wattseal/base";
import { makeCredential } from "@wattseal/tpm2";
import { entropy, hasSwtpm } from "@wattseal/tpm2/testing";
import {
  ALG,
  decodeNvPublic,
  decodePublic,
  indexName,
  objectName,
  verifyCertify,
  verifyNvCertify,
  verifyQuote,
} from "@wattseal/tpm2/verify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyAttestation } from "../verify/attestation.js";
import type { LctDocument } from "../verify/document.js";
import { activate, certifications, enrolmentClaim } from "./claim.js";
import type { TpmIdentity } from "./identity.js";
import { retireTpmIdentity } from "./retire.js";
import { approvalOf, Board, documentOf, epochOf, PCRS } from "./tpm.fixture.js";
import type { TpmAnchor } from "./tpm-anchor.js";

const NAME = hasSwtpm() ? "an anchor in a TPM" : "a TPM's anchor (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let board: Board;
  let identity: TpmIdentity;
  let document: LctDocument;
  let anchor: TpmAnchor;
  beforeAll(async () => {
    board = await Board.start();
    identity = await board.provision();
    document = documentOf(identity);
    anchor = await board.anchor(document, [approvalOf(document, 1, await board.pcrDigest())]);
  }, 60_000);
  afterAll(() => board.remove());

  it("signs with the key of its LCT", async () => {
    const message = entropy.bytes(100);
    const signature = await anchor.sign(message);
    expect(document.anchor).toMatchObject({ publicKey: anchor.publicKey });
    expect(verifyP256(anchor.publicKey, message, signature)).toBe(true);
  });

  it("counts on from its base, over every start of the machine", async () => {
    const before = await anchor.counter();
    expect(before).toBeGreaterThanOrEqual(anchor.counterBase);
    expect(await anchor.increment()).toBe(before + 1);
    await board.boot();
    expect(await anchor.counter()).toBe(before + 1);
  });

  it("begins epochs whose evidence anyone can verify, each above the last", async () => {
    const first = await epochOf(anchor, document);
    const second = await epochOf(anchor, document);
    expect(first).toMatchObject({ state: "attested", bootVersion: 1 });
    expect(second.epoch).toBe(first.epoch + 1);
  });

  it("answers a challenge, and nobody else's", async () => {
    const nonce = entropy.bytes(32);
    const answer = await anchor.attest(nonce);
    const verified = verifyAttestation(answer, document, nonce);
    expect(verified).toMatchObject({ state: "attested" });
    expect(Number(verified.claims?.counter)).toBe(await anchor.counter());
    expect(() => verifyAttestation(answer, document, entropy.bytes(32))).toThrow();
  });

  it("stands for the LCT that was issued for it alone", async () => {
    const { attestation } = document;
    const foreign = await Board.during(async (other) => documentOf(await other.provision()));
    const wrong: readonly LctDocument[] = [
      foreign,
      { ...document, attestation: undefined },
      { ...document, attestation: { ...attestation!, pcrs: [0] } },
      { ...document, attestation: { ...attestation!, boot: undefined } },
      { ...document, attestation: { ...attestation!, storage: foreign.attestation!.storage } },
    ];
    for (const each of wrong) {
      await expect(board.anchor(each, [])).rejects.toMatchObject({ code: "anchor-mismatch" });
    }
  });

  it("is not there before it was provisioned", async () => {
    const empty = { ...board.folder, names: () => Promise.resolve([]) };
    const opened = board.anchor(document, [], { folder: empty });
    await expect(opened).rejects.toMatchObject({ code: "key-missing" });
  });

  describe("that is enrolled", () => {
    it("shows public areas alone, of which the TPM's maker knows the first", () => {
      const claim = enrolmentClaim(identity);
      expect(decodePublic(claim.endorsementKey)).toEqual(identity.endorsement);
      // An emulator's endorsement key has no maker.
      expect(claim.certificates).toEqual([]);
      expect(decodeNvPublic(claim.boot!.versionIndex)).toEqual(identity.boot!.version.publicArea);
      expect(claim).toMatchObject({ pcrs: PCRS, boot: { base: identity.boot!.base } });
    });

    it("opens the credential that was made for it, and none for another key", async () => {
      const secret = entropy.bytes(32);
      const { endorsement, attestationKey } = identity;
      const given = makeCredential(endorsement, attestationKey.name, secret, entropy);
      const opened = await activate(board.access, identity, given);
      expect(bytesEqual(opened, secret)).toBe(true);
      const others = makeCredential(endorsement, identity.anchor.name, secret, entropy);
      await expect(activate(board.access, identity, others)).rejects.toMatchObject({
        response: { name: "integrity" },
      });
    });

    it("certifies what it claims, for this challenge alone", async () => {
      const claim = enrolmentClaim(identity);
      const signedBytes = entropy.bytes(48);
      const made = await certifications(board.access, identity, signedBytes);
      const key = decodePublic(claim.attestationKey);
      const check = (qualifyingData: Uint8Array) => {
        const signed = ({ attest, signature }: typeof made.quote) => ({ bytes: attest, signature });
        const by = { key, qualifyingData };
        for (const [statement, area] of [
          [made.anchor, claim.anchor],
          [made.storageRoot, claim.storageRoot],
        ] as const) {
          verifyCertify(signed(statement), { ...by, name: objectName(decodePublic(area)) });
        }
        for (const [statement, index] of [
          [made.counter, claim.counter],
          [made.version!, claim.boot!.versionIndex],
        ] as const) {
          const named = { indexName: indexName(decodeNvPublic(index)), size: 8 };
          verifyNvCertify(signed(statement), { ...by, ...named });
        }
        verifyQuote(signed(made.quote), { ...by, selection: { hash: ALG.sha256, pcrs: PCRS } });
      };
      check(sha256(signedBytes));
      expect(() => check(signedBytes.slice(0, 32))).toThrow("something else");
    });
  });
});

const OTHERS = hasSwtpm() ? "an identity's folder" : "folders (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(OTHERS, () => {
  const provisioned = (work: (board: Board, document: LctDocument) => Promise<void>) =>
    Board.during(async (board) => work(board, documentOf(await board.provision())));

  it("beside another TPM is refused, and says what to do", () =>
    provisioned(async (board, document) => {
      await Board.during(async (other) => {
        const opened = () => board.anchor(document, [], other.access);
        await expect(opened()).rejects.toMatchObject({
          code: "tpm-replaced",
          message: expect.stringContaining("put the board's own back"),
        });
        await other.provision();
        await expect(opened()).rejects.toMatchObject({ code: "tpm-replaced" });
        // Taken out of the wrong TPM, it would stay in its own for ever.
        const retired = retireTpmIdentity(other.access, {}, board.folder);
        await expect(retired).rejects.toMatchObject({ code: "tpm-replaced" });
      });
      await board.anchor(document, []);
    }));

  it("beside its TPM, cleared, is refused, and says what to do", () =>
    provisioned(async (board, document) => {
      await board.clear();
      await expect(board.anchor(document, [])).rejects.toMatchObject({
        code: "tpm-cleared",
        message: expect.stringContaining("succeeds it"),
      });
      await retireTpmIdentity(board.access, {}, board.folder);
      expect(await board.folder.names()).toEqual([]);
    }));

  it("beside a TPM that does not answer says so, and nothing about its keys", () =>
    provisioned(async (board, document) => {
      await board.swtpm.powerCut();
      const opened = board.anchor(document, []);
      await expect(opened).rejects.toMatchObject({ code: "tpm-unreachable" });
    }));
});
