/** tpm2-tools of the tpm2-software project as an independent peer: it names, checks and opens what was made here. */
import { concatBytes, decodeCbor, sha256, toHex } from "@wattseal/base";
import { flush, handlesFrom } from "@wattseal/tpm2";
import { entropy, hasTools, pem, publicFile, Tools, tpm2b } from "@wattseal/tpm2/testing";
import { ALG } from "@wattseal/tpm2/verify";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attestSignedBytes } from "../verify/attestation.js";
import { type BootApproval, bootPolicyOf, updateKeyPublic } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import type { TpmIdentity } from "./identity.js";
import { decodeSealedHalf } from "./sealed-half.js";
import { approvalOf, Board, documentOf, updateKey } from "./tpm.fixture.js";

const TRANSIENT = 0x80000000;
const SESSIONS = 0x02000000;
const PCR_LIST = "sha256:7,16";
const hex = (handle: number) => `0x${handle.toString(16)}`;

const NAME = hasTools() ? "tpm2-tools" : "tpm2-tools (skipped: they or swtpm are not installed)";
describe.skipIf(!hasTools())(NAME, () => {
  let board: Board;
  let tools: Tools;
  let identity: TpmIdentity;
  let document: LctDocument;
  let approval: BootApproval;
  /** The authorisation value, as the tools take it. */
  let word: string;
  beforeAll(async () => {
    board = await Board.start();
    tools = new Tools(board.swtpm);
    identity = await board.provision();
    document = documentOf(identity);
    approval = approvalOf(document, 3, await board.pcrDigest());
    const record = (await board.folder.read("tpm.cbor")).subarray(0, -32);
    const items = decodeCbor(record, { what: "record" });
    const auth = Array.isArray(items) ? items[1] : undefined;
    word = auth instanceof Uint8Array ? `hex:${toHex(auth)}` : "none";
  }, 60_000);
  afterAll(() => board.remove());

  /** Without a resource manager the tools leave behind what they load. */
  beforeEach(() =>
    board.swtpm.use(async (tpm) => {
      for (const type of [TRANSIENT, SESSIONS]) {
        for (const handle of await handlesFrom(tpm, type)) await flush(tpm, handle);
      }
    }),
  );

  it("show keys and counters under the Names on record", async () => {
    for (const { handle, name } of [identity.root, identity.attestationKey, identity.anchor]) {
      await tools.run("readpublic", "-c", hex(handle), "-n", "name");
      expect(toHex(await tools.get("name"))).toBe(toHex(name));
    }
    for (const { handle, name } of [identity.counter, identity.boot!.version]) {
      const shown = await tools.run("nvreadpublic", hex(handle));
      expect(shown.toLowerCase()).toContain(toHex(name));
    }
  });

  it("accept the quote of an attestation, and not for another nonce", async () => {
    const nonce = entropy.bytes(32);
    const anchor = await board.anchor(document, [approval]);
    const { quote } = await anchor.attest(nonce);
    await tools.put("ak.pem", pem(identity.attestationKey.publicArea));
    await tools.put("quote.msg", quote!.attest);
    await tools.put("quote.sig", quote!.signature);
    const check = (qualification: Uint8Array) => {
      const files = ["-u", "ak.pem", "-m", "quote.msg", "-s", "quote.sig"];
      return tools.offline("checkquote", ...files, "-q", toHex(qualification));
    };
    await check(sha256(attestSignedBytes(nonce)));
    await expect(check(sha256(attestSignedBytes(entropy.bytes(32))))).rejects.toThrow();
  });

  it("open a sealed half under an approval of the boot, and not in another boot", async () => {
    const anchor = await board.anchor(document, [approval]);
    const { half, reference } = await anchor.createHalf();
    const { blob } = decodeSealedHalf(await board.folder.read(reference));
    const policy = bootPolicyOf(document, approval);
    const { signature } = approval;
    await tools.put("half.pub", publicFile(blob.publicArea));
    await tools.put("half.priv", tpm2b(blob.privateArea));
    await tools.put("update.pub", publicFile(updateKeyPublic(updateKey.publicKey)));
    await tools.put("approval", policy.signedBytes);
    await tools.put(
      "approval.sig",
      concatBytes(
        Uint8Array.of(0, ALG.ecdsa, 0, ALG.sha256),
        tpm2b(signature.slice(0, 32)),
        tpm2b(signature.slice(32)),
      ),
    );
    await tools.put("approved", policy.approved);
    await tools.put("reference", policy.reference);
    await tools.put("limit", policy.limit);

    const root = ["-C", hex(identity.root.handle), "-P", word];
    await tools.run("load", ...root, "-u", "half.pub", "-r", "half.priv", "-c", "half.ctx");
    await tools.run("flushcontext", "-t");
    await tools.run("loadexternal", "-C", "o", "-u", "update.pub", "-c", "u.ctx", "-n", "u.name");
    const signed = ["-m", "approval", "-s", "approval.sig", "-g", "sha256", "-t", "ticket"];
    await tools.run("verifysignature", "-c", "u.ctx", ...signed);
    await tools.run("flushcontext", "-t");
    const opened = async () => {
      await tools.run("startauthsession", "--policy-session", "-S", "session");
      try {
        await tools.run("policypcr", "-S", "session", "-l", PCR_LIST);
        const index = hex(identity.boot!.version.handle);
        const by = ["-S", "session", "-C", index, "-P", word, "-i", "limit"];
        await tools.run("policynv", ...by, index, "ule");
        const approved = ["-i", "approved", "-q", "reference", "-n", "u.name", "-t", "ticket"];
        await tools.run("policyauthorize", "-S", "session", ...approved);
        await tools.run("unseal", "-c", "half.ctx", "-p", "session:session", "-o", "half.out");
        return toHex(await tools.get("half.out"));
      } finally {
        await tools.run("flushcontext", "session");
        await tools.run("flushcontext", "-t");
      }
    };
    expect(await opened()).toBe(half.lend((secret) => toHex(secret)));
    await board.measure("rootkit");
    await expect(opened()).rejects.toThrow("policyauthorize");
  }, 60_000);
});
