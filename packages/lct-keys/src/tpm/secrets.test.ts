/** Somebody who records every byte between this program and the TPM, from provisioning to a half's opening. */
import { decodeCbor, toHex } from "@wattseal/base";
import { AuthValue, hierarchyChangeAuth, makeCredential } from "@wattseal/tpm2";
import { ENDORSEMENT, entropy, hasSwtpm, OWNER, tapped } from "@wattseal/tpm2/testing";
import { describe, expect, it } from "vitest";
import { activate, certifications } from "./claim.js";
import { provision } from "./provision.js";
import { retireTpmIdentity } from "./retire.js";
import { accessTo, approvalOf, Board, documentOf, epochOf, OPTIONS } from "./tpm.fixture.js";

/** The authorisation value, the record's second item, without the checksum behind the record. */
function authIn(record: Uint8Array): Uint8Array {
  const items = decodeCbor(record.subarray(0, -32), { what: "record" });
  if (Array.isArray(items) && items[1] instanceof Uint8Array) return items[1];
  throw new Error("no record");
}

const NAME = hasSwtpm() ? "on the TPM's bus" : "the bus (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  it("no secret is to be read: not a half, nor an authorisation value, nor a credential", async () => {
    await Board.during(async (board) => {
      const owner = entropy.bytes(24);
      const endorsement = entropy.bytes(24);
      const auths = { owner: new AuthValue(owner), endorsement: new AuthValue(endorsement) };
      await board.swtpm.use(async (tpm) => {
        await hierarchyChangeAuth(tpm, OWNER, auths.owner);
        await hierarchyChangeAuth(tpm, ENDORSEMENT, auths.endorsement);
      });
      let seen = "";
      const access = accessTo(
        tapped(board.swtpm.transport, {
          command: (bytes) => {
            seen += ` ${toHex(bytes)}`;
            return undefined;
          },
          response: (bytes) => {
            seen += ` ${toHex(bytes)}`;
            return bytes;
          },
        }),
      );

      const identity = await provision(access, { ...OPTIONS, ...auths }, board.folder);
      const document = documentOf(identity);
      const approval = approvalOf(document, 2, await board.pcrDigest());
      const credential = entropy.bytes(32);
      const { endorsement: key, attestationKey } = identity;
      const given = makeCredential(key, attestationKey.name, credential, entropy);
      await activate(access, identity, given, auths.endorsement);
      await certifications(access, identity, entropy.bytes(32));
      const anchor = await board.anchor(document, [approval], access);
      const { half } = await anchor.createHalf();
      await epochOf(anchor, document);
      await anchor.confirmBoot();
      const [opened] = await anchor.openHalves();
      expect(opened).toMatchObject({ state: "open" });
      const auth = authIn(await board.folder.read("tpm.cbor"));
      await retireTpmIdentity(access, auths, board.folder);

      // What is public is there to be read: the record is one.
      expect(seen).toContain(toHex(anchor.publicKey.subarray(1, 33)));
      expect(seen).toContain(toHex(approval.pcrDigest));
      const secrets = { owner, endorsement, credential, auth, half: half.lend((it) => it.slice()) };
      for (const [name, secret] of Object.entries(secrets)) {
        for (let at = 0; at + 8 <= secret.length; at += 1) {
          expect(seen.includes(toHex(secret.subarray(at, at + 8))), name).toBe(false);
        }
      }
    });
  });
});
