/** Boards, disks and emulators that were stolen, copied and put back: what each copy can do, and how it shows. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasSwtpm } from "@wattseal/tpm2/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BootApproval } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { isCloneProof } from "../verify/epoch.js";
import { approvalOf, Board, documentOf, startSigner } from "./tpm.fixture.js";

const NAME = hasSwtpm() ? "a pack's signer" : "copies (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let board: Board;
  let other: Board;
  let document: LctDocument;
  let approvals: readonly BootApproval[];
  let snapshot: string;
  beforeEach(async () => {
    snapshot = await mkdtemp(join(tmpdir(), "wattseal-snapshot-"));
    board = await Board.start();
    other = await Board.start();
    document = documentOf(await board.provision());
    approvals = [approvalOf(document, 1, await board.pcrDigest())];
    await start(board, 1);
  }, 60_000);
  afterEach(async () => {
    await board.remove();
    await other.remove();
    await rm(snapshot, { recursive: true });
  });

  const start = (at: Board, size: number) => startSigner(at, { document, approvals, size });

  it("starts without anybody's help: no registry is asked, whatever the clock says", async () => {
    const { epoch, state, halves } = await start(board, 10);
    expect([state, halves.map((half) => half.state)]).toEqual(["attested", ["open"]]);
    expect((await start(board, 20)).epoch).toBe(epoch + 1);
  });

  it("is nothing on a stolen disk, or an image, without its TPM", async () => {
    await board.copyDisk(other.directory);
    await expect(start(other, 10)).rejects.toMatchObject({ code: "tpm-replaced" });
    // The board that it was copied from goes on.
    expect(await start(board, 10)).toMatchObject({ state: "attested" });
  });

  it("speaks twice where an emulator's state was copied with the disk, and both speeches prove it", async () => {
    await board.copyTo(other, { disk: true });
    const one = await start(board, 10);
    const two = await start(other, 10);
    expect(two.epoch).toBe(one.epoch);
    expect(isCloneProof(document, one.evidence, two.evidence)).toBe(true);
  });

  it("does not start on a disk that was put back: the TPM has counted on", async () => {
    await board.copyDisk(snapshot);
    await start(board, 10);
    const { directory, folder } = board;
    await rm(directory, { recursive: true });
    await cp(snapshot, directory, { recursive: true });
    expect(await folder.names()).toContain("tpm.cbor");
    await expect(start(board, 20)).rejects.toMatchObject({ code: "state-rolled-back" });
  });

  it("does not start on an emulator that was put back: the disk has counted on", async () => {
    await board.copyTo(other);
    await start(board, 10);
    await other.copyTo(board);
    await expect(start(board, 20)).rejects.toMatchObject({ code: "counter-rolled-back" });
  });
});
