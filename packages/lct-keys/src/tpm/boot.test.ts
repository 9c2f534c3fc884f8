import { concatBytes, fromHex, sha256, toHex } from "@wattseal/base";
import { entropy, hasSwtpm } from "@wattseal/tpm2/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { P256SecretKey } from "../keys/p256.js";
import type { AnchorHalf } from "../signer/anchor.js";
import { type BootApproval, bootPolicyOf } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { transact } from "./access.js";
import { presentBoot } from "./boot.js";
import { openHalves, sealHalf } from "./halves.js";
import { decodeSealedHalf, encodeSealedHalf } from "./sealed-half.js";
import { approvalOf, Board, documentOf, epochOf, PCRS, updateKey } from "./tpm.fixture.js";

const NAME = hasSwtpm() ? "a boot" : "boots (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let board: Board;
  let document: LctDocument;
  /** The half's public half, sealed while the first boot was approved. */
  let half: string;
  let first: BootApproval;
  beforeEach(async () => {
    board = await Board.start();
    document = documentOf(await board.provision());
    await board.boot("firmware 1");
    first = approvalOf(document, 1, await board.pcrDigest());
    const anchor = await board.anchor(document, [first]);
    half = toHex((await anchor.createHalf()).publicKey);
    await anchor.close();
  }, 60_000);
  afterEach(() => board.remove());

  const outcome = (opened: AnchorHalf | undefined) =>
    opened?.state === "refused" ? opened.reason.split(":")[0] : opened?.half.publicKey;

  /** What a start gives: the only half, open or why not, and the epoch's state. */
  async function start(
    approvals: readonly BootApproval[],
    { confirm = false, options = {} }: { confirm?: boolean; options?: object } = {},
  ) {
    const anchor = await board.anchor(document, approvals, options);
    const halves = await anchor.openHalves();
    const { state } = await epochOf(anchor, document);
    if (confirm) await anchor.confirmBoot();
    await anchor.close();
    expect(halves).toHaveLength(1);
    const found = outcome(halves[0]);
    return { half: found instanceof Uint8Array ? toHex(found) : found, state };
  }

  it("that is approved opens the half and attests", async () => {
    expect(await start([first])).toEqual({ half, state: "attested" });
  });

  it("with other PCRs does neither: the TPM refuses, not only this program", async () => {
    await board.measure("rootkit");
    expect(await start([first])).toEqual({ half: "pcrs-not-approved", state: "unattested" });
    // Somebody who makes this program believe in the approved digest gets no further with the TPM.
    const lying = { ...first, pcrDigest: await board.pcrDigest() };
    expect(await start([lying])).toEqual({ half: "approval-signature", state: "unattested" });
  });

  it("without an approval of this LCT does neither", async () => {
    expect(await start([])).toEqual({ half: "approval-missing", state: "unattested" });
    const identity = await Board.during((other) => other.provision());
    const foreign = { ...first, lct: documentOf(identity).lct };
    expect(await start([foreign])).toEqual({ half: "approval-missing", state: "unattested" });
  });

  /** Another update key, and the document as if it were that one's. */
  function strangers() {
    const stranger = P256SecretKey.generate(entropy);
    const attestation = document.attestation!;
    const boot = { ...attestation.boot!, updateKey: stranger.publicKey };
    return { stranger, theirs: { ...document, attestation: { ...attestation, boot } } };
  }

  it("under an approval by another key does neither", async () => {
    const { stranger, theirs } = strangers();
    const forged = approvalOf(theirs, 1, first.pcrDigest, stranger);
    expect(await start([forged])).toEqual({ half: "approval-signature", state: "unattested" });
  });

  it("that was updated, with the approval staged beside the old one, opens and attests; then the old one is over", async () => {
    const before = await start([first], { confirm: true });
    expect(before).toEqual({ half, state: "attested" });

    await board.boot("firmware 2");
    const second = approvalOf(document, 2, await board.pcrDigest());
    // Not confirmed: the update may be taken back.
    expect(await start([first, second])).toEqual({ half, state: "attested" });
    await board.boot("firmware 1");
    expect(await start([first, second])).toEqual({ half, state: "attested" });

    await board.boot("firmware 2");
    expect(await start([first, second], { confirm: true })).toEqual({ half, state: "attested" });
    expect(await start([first, second], { confirm: true })).toEqual({ half, state: "attested" });
    await board.boot("firmware 1");
    expect(await start([first, second])).toEqual({ half: "rolled-back", state: "unattested" });

    // What went back on purpose is approved anew, under a version of now.
    const again = approvalOf(document, 2, first.pcrDigest);
    expect(await start([first, second, again])).toEqual({ half, state: "attested" });
  });

  it("whose approval is too far ahead is refused before the counter is worn out", async () => {
    const far = approvalOf(document, 101, first.pcrDigest);
    expect(await start([far])).toEqual({ half: "version-too-far", state: "unattested" });
    const near = approvalOf(document, 100, first.pcrDigest);
    expect(await start([far, near], { confirm: true })).toEqual({ half, state: "attested" });
    expect(await start([first])).toEqual({ half: "rolled-back", state: "unattested" });
  });

  describe("judged wrongly by this program", () => {
    /** Opens as if the approval were in force, whatever is: what is left is the TPM's own judgement. */
    async function forced(
      approval: BootApproval,
      like = approval,
      by = { document, updateKey: updateKey.publicKey },
    ) {
      const found = await board.provision();
      const identity = { ...found, boot: { ...found.boot!, updateKey: by.updateKey } };
      const [reference = ""] = (await board.folder.names()).filter((it) => it.endsWith(".sealed"));
      const kept = [{ reference, ...decodeSealedHalf(await board.folder.read(reference)) }];
      const policy = bootPolicyOf(by.document, like);
      const halves = await transact(board.access, identity.root, (tpm) =>
        openHalves(tpm, identity, { approval, policy }, kept),
      );
      return outcome(halves[0]);
    }

    it("is refused by the TPM with other PCRs", async () => {
      expect(await forced(first)).toBeInstanceOf(Uint8Array);
      await board.measure("rootkit");
      expect(await forced(first)).toBe("pcrs-not-approved");
      const lying = { ...first, pcrDigest: await board.pcrDigest() };
      expect(await forced(lying)).toBe("approval-signature");
      expect(await forced(lying, first)).toBe("pcrs-not-approved");
    });

    it("is refused by the TPM under another update key than the one it was sealed for", async () => {
      const { stranger, theirs } = strangers();
      const forged = approvalOf(theirs, 1, first.pcrDigest, stranger);
      const found = await forced(forged, forged, {
        document: theirs,
        updateKey: stranger.publicKey,
      });
      expect(found).toBe("sealed-otherwise");
    });

    it("is refused by the TPM once a newer boot was confirmed", async () => {
      const second = approvalOf(document, 2, first.pcrDigest);
      await start([second], { confirm: true });
      expect(await forced(first)).toBe("rolled-back");
      expect(await forced({ ...first, version: 2 })).toBe("approval-signature");
    });
  });

  it("shows its PCRs as whoever approves needs them: values, and their digest as a quote has it", async () => {
    const { values, pcrDigest } = await presentBoot(board.access, PCRS);
    expect([...values.keys()]).toEqual(PCRS);
    expect(toHex(pcrDigest)).toBe(toHex(sha256(concatBytes(...values.values()))));
    expect(toHex(pcrDigest)).toBe(toHex(first.pcrDigest));
  });

  it("without an update key is nobody's to judge: the half opens in this TPM, whatever was booted", async () => {
    await Board.during(async (unmeasured) => {
      const identity = await unmeasured.provision({ pcrs: PCRS });
      const lct = documentOf(identity, "tpm-unmeasured");
      const anchor = await unmeasured.anchor(lct, []);
      const made = await anchor.createHalf();
      await unmeasured.boot("anything");
      const [opened] = await anchor.openHalves();
      expect(outcome(opened)).toEqual(made.publicKey);
      expect(await epochOf(anchor, lct)).toMatchObject({ state: "unmeasured" });
      await anchor.confirmBoot();
    });
  });

  it("opens every half that is kept, and says which file is damaged or of another TPM", async () => {
    const anchor = await board.anchor(document, [first]);
    const second = await anchor.createHalf();
    const reference = second.reference;
    expect((await anchor.openHalves()).map(outcome).map(String).sort()).toEqual(
      [second.publicKey, fromHex(half)].map(String).sort(),
    );
    const bytes = await board.folder.read(reference);
    await board.folder.write(reference, bytes.with(60, (bytes[60] ?? 0) ^ 1));
    const found = (await anchor.openHalves()).find((each) => each.reference === reference);
    expect(outcome(found)).toBe("unreadable");
    // Altered on purpose, with a checksum that fits.
    const { publicKey, blob } = decodeSealedHalf(bytes);
    for (const at of [0, 2, 40, blob.privateArea.length - 1]) {
      const privateArea = blob.privateArea.with(at, (blob.privateArea[at] ?? 0) ^ 1);
      const altered = encodeSealedHalf({ publicKey, blob: { ...blob, privateArea } });
      await board.folder.write(reference, altered);
      const [one, two] = await anchor.openHalves();
      expect([outcome(one), outcome(two)]).toContain("unreadable");
    }
    await Board.during(async (other) => {
      const identity = await other.provision();
      const sealed = await sealHalf(other.access, identity, second.half);
      await board.folder.write(reference, encodeSealedHalf(sealed));
    });
    const foreign = (await anchor.openHalves()).find((each) => each.reference === reference);
    expect(outcome(foreign)).toBe("unreadable");
  });
});
