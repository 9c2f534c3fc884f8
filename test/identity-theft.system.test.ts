import { readFile, rm, writeFile } from "node:fs/promises";
import { Swtpm } from "@wattseal/tpm2/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Board, statusOnce } from "./support/board.js";
import { hasMaker, NEEDS_MAKER } from "./support/maker.js";
import { wattseal } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

describe.skipIf(!hasMaker)(`a pack with a TPM${NEEDS_MAKER}`, () => {
  it("is no use as a disk alone: nothing signs, nothing opens, and the pack itself goes on", async () => {
    const board = await Board.start();
    await board.simulate();
    const own = await board.running();
    await statusOnce(board.state, ({ log }) => log.checkpoints > 0);
    await own.kill();

    const thief = await Swtpm.start();
    onTestFinished(() => thief.remove());
    await board.copy("state", "stolen");
    const config = `${board.folder}/stolen/gateway/gateway.toml`;
    await pointAt(config, board.swtpm.socket, thief.socket);
    const stolen = board.gateway(`${board.folder}/stolen`);
    expect(await stolen.ended).not.toBe(0);
    expect(stolen.lines.at(-1)!.msg).toContain("wattseal: tpm-replaced: this is another TPM");

    await board.running();
    await statusOnce(board.state, ({ modules }) => modules[0]!.linked);
  });

  it("notices a disk that was put back to an older copy, with no network, and says what to do", async () => {
    const board = await Board.start();
    await board.simulate();
    const first = await board.running();
    await statusOnce(board.state, ({ log }) => log.checkpoints > 0);
    await first.kill();
    await board.copy("state/gateway", "snapshot");
    const second = await board.running();
    await statusOnce(board.state, ({ log }) => log.checkpoints > 0);
    await second.kill();

    await rm(`${board.folder}/state/gateway`, { recursive: true });
    await board.copy("snapshot", "state/gateway");
    const restored = board.gateway();
    expect(await restored.ended).not.toBe(0);
    expect(restored.lines.at(-1)!.msg).toMatch(
      /wattseal: state-rolled-back: .*older copy; put the newest/,
    );
  });

  it("speaks no more once it is void: the federation takes nothing of it, and the pack is not harmed", async () => {
    const board = await Board.start();
    await board.simulate();
    const federation = await board.federate();
    await board.running();
    const before = await statusOnce(board.state, ({ log }) => log.witnessed > 0);
    expect(before.log.stopped).toBeUndefined();
    const adopt = ["federation", "adopt", `${board.state}/gateway/lct.cose`];
    const { stdout } = await wattseal([...adopt, "--state", board.state, "--json"]);
    const { lct } = JSON.parse(stdout);
    const voided = ["identity", "void", lct, "--reason", "stolen", "--state", board.state];
    expect(await wattseal(voided)).toMatchObject({ status: 0 });
    await federation.line(({ msg }) => msg === "federation.pack-revoked");
  });
});

describe.skipIf(!hasSwtpm)(`an emulated TPM${NEEDS_SWTPM}`, () => {
  it("that was copied with its pack shows as two bodies for one epoch, and ends the identity of both", async () => {
    const board = await Board.emulated();
    await board.simulate();
    const federation = await board.federate();
    const first = await board.running();
    await statusOnce(board.state, ({ log }) => log.witnessed > 0);
    await first.kill();
    await board.copy("state", "clone");

    const own = await board.running();
    const begun = await statusOnce(board.state, ({ log }) => log.checkpoints > 0);
    await statusOnce(board.state, ({ log }) => log.witnessed >= begun.log.entries);
    await own.kill();
    const clone = await board.running(`${board.folder}/clone`);
    const other = await statusOnce(`${board.folder}/clone`, ({ log }) => log.checkpoints > 0);
    expect(other.signer.epoch!.epoch).toBe(begun.signer.epoch!.epoch);
    await federation.line(({ msg }) => msg === "registry.slashed");
    await clone.kill();
    // The two have one name: whichever goes on speaking is refused.
    await board.running();
    await federation.line(({ msg }) => msg === "federation.pack-revoked");
  });

  it("that was not copied with its pack leaves the copy without keys", async () => {
    const board = await Board.emulated();
    await board.simulate();
    await board.copy("state", "clone");
    await rm(`${board.folder}/clone/tpm`, { recursive: true });
    const clone = board.gateway(`${board.folder}/clone`);
    expect(await clone.ended).not.toBe(0);
    expect(clone.lines.at(-1)!.msg).toContain("another TPM");
  });
});

async function pointAt(config: string, from: string, to: string): Promise<void> {
  await writeFile(config, (await readFile(config, "utf8")).replace(from, to));
}
