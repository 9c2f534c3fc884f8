import { readdir, rm } from "node:fs/promises";
import { Swtpm } from "@wattseal/tpm2/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Board, statusOnce } from "./support/board.js";
import { hasMaker, NEEDS_MAKER } from "./support/maker.js";
import { wattseal } from "./support/program.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

const shown = async ({ state }: Board) => {
  const args = ["identity", "show", "--state", state, "--trust", `${state}/gateway/trust.json`];
  const { stdout } = await wattseal([...args, "--json"]);
  return JSON.parse(stdout).epochs.map((epoch: { state: string }) => epoch.state);
};

describe.skipIf(!hasMaker)(`the boot of a pack with a TPM${NEEDS_MAKER}`, () => {
  it("counts while it is approved: an update is staged, another system is not, and none goes back", async () => {
    const board = await Board.start();
    const { state } = board;
    await board.simulate();

    // As it was enrolled.
    let gateway = await board.running();
    const good = await statusOnce(state, ({ modules, log }) => {
      return modules[0]!.linked && log.checkpoints > 0;
    });
    expect(good.signer).toMatchObject({
      epoch: { state: "attested" },
      halves: [{ state: "open" }],
    });
    await gateway.kill();

    // Another system: it runs and records, and nothing of it counts.
    await board.boot("another kernel");
    gateway = await board.running();
    const other = await statusOnce(state, ({ log }) => log.checkpoints > 0);
    expect(other.signer).toMatchObject({
      epoch: { state: "unattested" },
      halves: [{ state: "refused", reason: expect.stringContaining("pcrs-not-approved") }],
    });
    expect(other.modules[0]!.linked).toBe(false);
    expect(other.log.stopped).toBeUndefined();
    expect((await wattseal(["status", "--state", state])).stdout).toMatch(
      /^REFUSED {4}device half/m,
    );
    await gateway.kill();

    // The same, approved: version 2 replaces version 1 once it has signed.
    await board.approve(2);
    gateway = await board.running();
    const staged = await statusOnce(state, ({ modules, log }) => {
      return modules[0]!.linked && log.checkpoints > 0;
    });
    expect(staged.signer).toMatchObject({
      epoch: { state: "attested" },
      halves: [{ state: "open" }],
    });
    await gateway.stop();

    // The first system again, whose approval is still there.
    await board.boot();
    expect((await readdir(`${state}/gateway/boot`)).sort()).toEqual(["1.boot", "2.boot"]);
    gateway = await board.running();
    const back = await statusOnce(state, ({ log }) => log.checkpoints > 0);
    const show = ["policy", "show", "--state", state];
    const policy = await wattseal([...show, "--json"]);
    expect(policy.status).toBe(1);
    expect(JSON.parse(policy.stdout)).toMatchObject({
      confirmed: 2,
      approvals: [{ fit: "is older than 2, in force" }, { fit: "is for another boot" }],
    });
    const foreign = await Swtpm.start();
    onTestFinished(() => foreign.remove());
    const elsewhere = [...show, "--tpm", `swtpm:${foreign.socket}`];
    const stranger = await wattseal([...elsewhere, "--json"]);
    expect([stranger.status, JSON.parse(stranger.stdout)]).toMatchObject([
      1,
      {
        refused: { code: "tpm-replaced" },
        approvals: [{ fit: "not compared" }, { fit: "not compared" }],
      },
    ]);
    expect((await wattseal(elsewhere)).stdout).toContain("not this pack's TPM: tpm-replaced: ");
    expect(back.signer).toMatchObject({
      epoch: { state: "unattested" },
      halves: [{ state: "refused", reason: expect.stringContaining("rolled-back") }],
    });
    await gateway.kill();

    expect(await shown(board)).toEqual(["attested", "unattested", "attested", "unattested"]);
    const audit = ["ledger", "audit", `${state}/gateway/log`, "--json"];
    const audited = JSON.parse((await wattseal(audit)).stdout);
    expect(audited.problem).toBeUndefined();
    expect(audited).toMatchObject({ epochs: 4, epochStates: { attested: 2, unattested: 2 } });
  });

  it("counts for nothing where nobody approved one", async () => {
    const board = await Board.start();
    await rm(`${board.state}/gateway/boot`, { recursive: true });
    await board.simulate();
    await board.running();
    const { signer, society } = await statusOnce(board.state, ({ log }) => log.checkpoints > 0);
    expect(signer).toMatchObject({
      epoch: { state: "unattested" },
      halves: [{ state: "refused", reason: expect.stringContaining("approval-missing") }],
    });
    expect(society.atp).toBe(0);
  });
});
