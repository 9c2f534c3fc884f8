import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@wattseal/base";
import { LogStore } from "@wattseal/tlog/store";
import { afterAll, expect, it } from "vitest";
import { runProgram } from "../program.fixture.js";
import { layoutOf } from "../state/layout.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-backup-"));
afterAll(() => rmSync(root, { recursive: true }));
const entries = Array.from({ length: 700 }, (_, i) => utf8(`e${i}`));
let folders = 0;

/** A state folder with a log of 700 entries, open for writing as a gateway has it. */
async function running() {
  folders += 1;
  const state = join(root, String(folders));
  const log = layoutOf(state).gateway.log;
  const store = await LogStore.open({ directory: log });
  await store.append(entries);
  return { state, log, store, dest: join(state, "copy") };
}

const ledger = (...words: string[]) => runProgram("ledger", "backup", ...words);

it.each(["--state", "--log"] as const)(
  "copies the log that %s names, beside its writer",
  async (flag) => {
    const { state, log, store, dest } = await running();
    const { status, stdout } = await ledger(dest, flag, flag === "--log" ? log : state, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ log, backup: dest, firstEntry: 0, size: 700, signed: 0 });
    const copy = await LogStore.openReadOnly({ directory: dest });
    expect(Buffer.concat([...copy.entries()])).toEqual(Buffer.concat(entries));
    await store.close();
  },
);

it("says in words what the copy holds", async () => {
  const { state, store, dest } = await running();
  const { stdout } = await ledger(dest, "--state", state);
  expect(stdout).toBe(
    `${dest}: entries 0 to 699 (0 under the signed head), copied and read back\n`,
  );
  await store.close();
});

it("does not write into a folder that holds anything, or from nothing", async () => {
  const { state, store, dest } = await running();
  mkdirSync(dest);
  writeFileSync(join(dest, "mine"), "");
  await expect(ledger(dest, "--state", state)).rejects.toThrow(
    /is not empty; name a new directory/,
  );
  await expect(ledger(join(state, "b"))).rejects.toThrow(/--state <dir> or --log <path>/);
  await expect(ledger(join(state, "b"), "--log", state)).rejects.toThrow(/there is no log here/);
  await expect(ledger(join(state, "b"), "--log", "x", "--state", state)).rejects.toThrow(
    /cannot be used with/,
  );
  await store.close();
});
