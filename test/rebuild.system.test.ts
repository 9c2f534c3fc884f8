// A federation that lost its store is filled again: from a copy first, and from its pack for what came since.
import { rm } from "node:fs/promises";
import { toHex } from "@wattseal/base";
import { SqliteStore } from "@wattseal/federation";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it, onTestFinished, vi } from "vitest";
import { Board, statusOnce } from "./support/board.js";
import { Role, wattseal } from "./support/program.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

async function storedIn(directory: string): Promise<string> {
  const store = await SqliteStore.open(directory);
  try {
    const [row] = await store.packs();
    const leaves = row === undefined ? [] : await store.leaves(row.pack, 0, row.size);
    return toHex(Buffer.concat([...leaves]));
  } finally {
    await store.close();
  }
}

async function entriesIn(directory: string): Promise<string> {
  const log = await LogStore.openReadOnly({ directory });
  return toHex(Buffer.concat([...log.entries()]));
}

it("a lost store is filled from a copy, and from its pack, byte for byte", async () => {
  const board = await Board.software();
  const { state } = board;
  const store = `${state}/federation/store`;
  const log = `${state}/gateway/log`;
  await board.simulate();
  const federation = await board.federate();
  const first = await board.running();
  await statusOnce(state, (status) => status.log.checkpoints > 0 && status.log.entries > 12);
  expect(await first.stop()).toBe(0);
  const backup = `${board.folder}/backup`;
  expect(await wattseal(["ledger", "backup", backup, "--log", log])).toMatchObject({ status: 0 });
  const copied = await entriesIn(backup);
  expect(await federation.stop()).toBe(0);
  await rm(store, { recursive: true });

  const rebuild = ["federation", "rebuild", "--state", state, "--json"];
  const { status, stdout } = await wattseal([...rebuild, "--from", backup, "--no-wait"]);
  expect({ status, ...JSON.parse(stdout) }).toMatchObject({
    status: 0,
    complete: true,
    copies: [{ copy: backup, from: 0 }],
  });
  expect(await storedIn(store)).toBe(copied);

  // the pack has gone on meanwhile, and has what the copy lacks
  const rebuilding = new Role([...rebuild, "--port", "0", "--wait", "10m"]);
  onTestFinished(() => rebuilding.kill());
  const { broker } = await rebuilding.line(({ msg }) => msg === "federation.started");
  board.connectTo(String(broker));
  const second = await board.running();
  await statusOnce(state, (now) => now.log.checkpoints > 0 && now.log.witnessed >= now.log.entries);
  expect(await second.stop()).toBe(0);
  expect(await rebuilding.stop()).toBe(0);
  const whole = await entriesIn(log);
  expect(whole.startsWith(copied)).toBe(true);
  expect(whole.length).toBeGreaterThan(copied.length);
  expect(await storedIn(store)).toBe(whole);
});
