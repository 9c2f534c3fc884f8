import { describe, expect, it, vi } from "vitest";
import { Board, statusOnce } from "./support/board.js";
import { wattseal } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

interface Shown {
  readonly epochs: readonly { readonly epoch: number; readonly time: number }[];
}

describe.skipIf(!hasSwtpm)(`the start of a pack with an emulated TPM${NEEDS_SWTPM}`, () => {
  it("needs nobody: no registry, no broker, and no clock that goes on where the log ended", async () => {
    const board = await Board.emulated();
    const { state } = board;
    const sim = await board.simulate();
    const first = await board.running();
    // Simulated time runs ahead of the machine's, from which the next simulation begins.
    const ahead = await statusOnce(state, ({ time, log }) => {
      return log.checkpoints > 0 && time > Date.now() + 60_000;
    });
    expect(ahead.uplink.connected).toBe(false);
    await first.kill();
    await sim.kill();

    await board.simulate();
    await board.running();
    const behind = await statusOnce(state, ({ log }) => log.checkpoints > 0);
    expect(behind.signer.epoch!.epoch).toBe(ahead.signer.epoch!.epoch + 1);
    expect(behind.log.stopped).toBeUndefined();
    const show = ["identity", "show", "--state", state, "--json"];
    const { epochs }: Shown = JSON.parse((await wattseal(show)).stdout);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([
      ahead.signer.epoch!.epoch,
      behind.signer.epoch!.epoch,
    ]);
    expect(epochs[1]!.time).toBeGreaterThanOrEqual(epochs[0]!.time);
    const audit = ["ledger", "audit", `${state}/gateway/log`, "--json"];
    expect(JSON.parse((await wattseal(audit)).stdout).problem).toBeUndefined();
  });
});
