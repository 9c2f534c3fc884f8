import { concatBytes } from "@wattseal/base";
import { AuthValue, makeCredential, nvDefineSpace, nvIndexOf, nvWrite } from "@wattseal/tpm2";
import { entropy, hasSwtpm, OWNER } from "@wattseal/tpm2/testing";
import { ALG, NV } from "@wattseal/tpm2/verify";
import { describe, expect, it } from "vitest";
import { activate, enrolmentClaim } from "./claim.js";
import { Board } from "./tpm.fixture.js";

const NAME = hasSwtpm()
  ? "the endorsement key"
  : "the endorsement key (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  /** What a maker does: a certificate in its place, the rest of it filled up. */
  async function certify(
    board: Board,
    index: number,
    content: Uint8Array,
    read: number = NV.authRead,
  ): Promise<void> {
    const attributes = NV.ordinary | NV.authWrite | NV.noDa | read;
    const area = { index, nameAlgorithm: ALG.sha256, attributes, authPolicy: new Uint8Array(0) };
    const filled = concatBytes(content, new Uint8Array(300).fill(0xff));
    const place = nvIndexOf({ ...area, size: filled.length });
    await board.swtpm.use(async (tpm) => {
      await nvDefineSpace(tpm, OWNER, place.publicArea, AuthValue.empty);
      await nvWrite(tpm, place, place, filled);
    });
  }

  /** A DER SEQUENCE of so many bytes. */
  const der = (length: number) =>
    concatBytes(Uint8Array.of(0x30, 0x82, length >> 8, length & 0xff), entropy.bytes(length));

  it.each([
    ["P-256", 0x01c0000a, "ecc"],
    ["RSA", 0x01c00002, "rsa"],
  ] as const)(
    "is the one with a certificate, which is shown as it is: %s",
    async (_, index, type) => {
      await Board.during(async (board) => {
        const certificate = der(900);
        await certify(board, index, certificate);
        const identity = await board.provision();
        expect(identity.endorsement.type).toBe(type);
        expect(enrolmentClaim(identity).certificates).toEqual([certificate]);
        const secret = entropy.bytes(32);
        const { endorsement, attestationKey } = identity;
        const given = makeCredential(endorsement, attestationKey.name, secret, entropy);
        expect(await activate(board.access, identity, given)).toEqual(secret);
      });
    },
    120_000,
  );

  it("is that on P-256 where the certificate is not for everybody to read", async () => {
    await Board.during(async (board) => {
      await certify(board, 0x01c0000a, der(900), NV.ownerRead);
      const { endorsement, certificate } = await board.provision();
      expect([endorsement.type, certificate]).toEqual(["ecc", undefined]);
    });
  });

  it.each([
    ["of no certificate", new Uint8Array(64)],
    ["of one that is cut short", Uint8Array.of(0x30, 0x82, 0x10, 0x00, 1)],
  ])("is that on P-256 where its place is full %s", async (_, content) => {
    await Board.during(async (board) => {
      await certify(board, 0x01c0000a, content);
      const { endorsement, certificate } = await board.provision();
      expect([endorsement.type, certificate]).toEqual(["ecc", undefined]);
    });
  });
});
