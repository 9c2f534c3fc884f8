// A pack that lost its log gets it back from the federation, byte for byte, and contradicts nothing that was signed.
import { readdir, rm } from "node:fs/promises";
import { toHex } from "@wattseal/base";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, vi } from "vitest";
import { Board, type Status, statusOnce } from "./support/board.js";
import { hasMaker, NEEDS_MAKER } from "./support/maker.js";
import { wattseal } from "./support/program.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

const folders = ({ state }: Board) => ({
  log: `${state}/gateway/log`,
  signer: `${state}/gateway/signer`,
});

const recorded = ({ log }: Status) => log.checkpoints > 0 && log.entries > 12;
const witnessed = ({ log }: Status) => log.checkpoints > 0 && log.witnessed >= log.entries;

/** The gateway has run, and ended with every entry witnessed. */
async function afterARun(board: Board): Promise<{ readonly from: readonly string[] }> {
  await board.simulate();
  const { from } = await board.queried();
  const gateway = await board.running();
  await statusOnce(board.state, recorded);
  expect(await gateway.stop()).toBe(0);
  return { from };
}

async function entriesIn(directory: string): Promise<string> {
  const log = await LogStore.openReadOnly({ directory });
  return toHex(Buffer.concat([...log.entries()]));
}

async function restore({ state }: Board, ...options: readonly string[]) {
  const { status, stdout, stderr } = await wattseal([
    ...["ledger", "restore", "--state", state, "--json"],
    ...options,
  ]);
  return { status, stderr, ...JSON.parse(stdout === "" ? "{}" : stdout) };
}

/** The files that say what the signer signed last. */
async function loseSignerState(board: Board): Promise<void> {
  const { signer } = folders(board);
  for (const name of await readdir(signer)) {
    if (name.startsWith("epoch-")) await rm(`${signer}/${name}`);
  }
}

/** Goes on, is witnessed, and says in its log what became of it, each time. */
async function expectGoesOn(board: Board, footings: readonly string[]): Promise<void> {
  const { log } = folders(board);
  const gateway = await board.running();
  await statusOnce(board.state, witnessed);
  expect(await gateway.stop()).toBe(0);
  const trust = ["--trust", `${board.state}/gateway/trust.json`];
  const audit = await wattseal(["ledger", "audit", log, ...trust, "--json"]);
  expect(JSON.parse(audit.stdout)).toMatchObject({ verdict: "verified" });
  const list = ["ledger", "list", log, "--type", "ops.restored", "--json"];
  const said = (await wattseal(list)).stdout.trim().split("\n");
  expect(said.map((line) => JSON.parse(line).body.footing)).toEqual(footings);
}

it("a log that was lost comes back byte for byte; where the signer's state went too, on the operator's word alone", async () => {
  const board = await Board.software();
  const { from } = await afterARun(board);
  const { log } = folders(board);
  await board.copy("state/gateway/log", "old");
  const before = await entriesIn(log);
  await rm(log, { recursive: true });
  const restored = await restore(board, ...from);
  expect(restored).toMatchObject({ restored: true, signer: "state", verdict: "verified" });
  expect(await entriesIn(log)).toBe(before);
  expect(await restore(board, ...from)).toMatchObject({ status: 0, restored: false });
  await expectGoesOn(board, ["state"]);

  // an older copy was put in its place, and the signer knows nothing
  const whole = await entriesIn(log);
  await rm(log, { recursive: true });
  await board.copy("old", "state/gateway/log");
  await loseSignerState(board);
  const refused = await restore(board, ...from);
  expect(refused).toMatchObject({ status: 1, restored: false });
  expect(refused.problem).toContain("--nothing-newer");
  expect(await entriesIn(log)).toBe(before);
  const adopted = await restore(board, ...from, "--nothing-newer");
  expect(adopted).toMatchObject({ status: 0, restored: true, signer: "word" });
  expect(await entriesIn(log)).toBe(whole);
  expect(await entriesIn(adopted.movedTo)).toBe(before);
  await expectGoesOn(board, ["state", "word"]);
});

it("a log that more was signed of than the federation has does not come back from there, but from a copy that has it", async () => {
  const board = await Board.software();
  await board.simulate();
  const { federation } = await board.queried();
  const gateway = await board.running();
  await statusOnce(board.state, recorded);
  await federation.kill();
  const { log: known } = await statusOnce(board.state, () => true);
  await statusOnce(board.state, ({ log }) => log.checkpoints > known.checkpoints + 1);
  await gateway.kill();
  const { log } = folders(board);
  const before = await entriesIn(log);
  await board.copy("state/gateway/log", "copy");
  await rm(log, { recursive: true });
  const { from } = await board.queried();
  const refused = await restore(board, ...from);
  expect(refused).toMatchObject({ status: 1, restored: false });
  expect(refused.missing.to).toBeGreaterThan(refused.missing.from);
  expect(refused.problem).toContain("identity void");
  // nobody's word helps against the signer's own
  expect(await restore(board, ...from, "--nothing-newer")).toMatchObject({ status: 1 });
  expect(await readdir(`${board.state}/gateway`)).not.toContain("log");

  const copied = await restore(board, ...from, "--from", `${board.folder}/copy`);
  expect(copied).toMatchObject({ status: 0, from: `${board.folder}/copy`, signer: "state" });
  expect(await entriesIn(log)).toBe(before);
  await expectGoesOn(board, ["state"]);
});

describe.skipIf(!hasMaker)(`a pack with a TPM${NEEDS_MAKER}`, () => {
  it("goes on without its signer's state where the counter shows that no epoch began since the last one ended", async () => {
    const board = await Board.start();
    const { from } = await afterARun(board);
    await rm(folders(board).log, { recursive: true });
    await loseSignerState(board);
    expect(await restore(board, ...from)).toMatchObject({ restored: true, signer: "counter" });
    await expectGoesOn(board, ["counter"]);
  });
});
