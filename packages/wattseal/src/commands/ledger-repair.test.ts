import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@wattseal/base";
import { formatCheckpoint, formatNote } from "@wattseal/tlog";
import { backupLog, LogStore } from "@wattseal/tlog/store";
import { afterAll, expect, it } from "vitest";
import { runProgram } from "../program.fixture.js";
import { layoutOf } from "../state/layout.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-repair-"));
afterAll(() => rmSync(root, { recursive: true }));
const entries = Array.from({ length: 1200 }, (_, i) => utf8(`e${i}`));
const signature = { name: "wattseal/log", keyId: "00000000", signature: new Uint8Array(64) };
let folders = 0;

async function sign(store: LogStore): Promise<void> {
  const text = formatCheckpoint({
    origin: "wattseal/log",
    size: store.durableSize,
    root: store.root(),
  });
  await store.writeHead(formatNote({ text, signatures: [signature] }));
}

/** A stopped gateway's log of 1,200 entries, all signed, with a backup from when it had 700. */
async function stopped() {
  folders += 1;
  const state = join(root, String(folders));
  const log = layoutOf(state).gateway.log;
  const copy = join(state, "copy");
  const store = await LogStore.open({ directory: log });
  await store.append(entries.slice(0, 700));
  await sign(store);
  await backupLog({ source: log, destination: copy });
  await store.append(entries.slice(700));
  await sign(store);
  await store.close();
  return { state, log, copy };
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const repair = (...words: string[]) => runProgram("ledger", "repair", ...words);

it("mends an old bundle and a lost tile, and keeps what it replaced", async () => {
  const { state, log, copy } = await stopped();
  const whole = readFileSync(join(log, "tile/entries/001"));
  flip(join(log, "tile/entries/001"), 100);
  rmSync(join(log, "tile/0/000"));
  await expect(LogStore.open({ directory: log })).rejects.toThrow(
    /mend it from a copy of this log/,
  );
  const { status, stdout } = await repair("--state", state, "--from", copy, "--json");
  expect(status).toBe(0);
  const said: unknown = JSON.parse(stdout);
  expect(said).toMatchObject({ log, from: copy, damaged: "damaged-1", size: 1200, signed: 1200 });
  expect(said).toMatchObject({
    mended: [
      { path: "tile/0/000", what: "was missing; hashes taken from the copy" },
      { path: "tile/entries/001", what: "was damaged; entries 256 to 511 taken from the copy" },
    ],
  });
  expect(readFileSync(join(log, "tile/entries/001"))).toEqual(whole);
  expect(readdirSync(join(log, "damaged-1/tile/entries"))).toEqual(["001"]);
  const store = await LogStore.open({ directory: log });
  expect(Buffer.concat([...store.entries()])).toEqual(Buffer.concat(entries));
  await store.close();
  expect((await repair("--log", log, "--from", copy)).stdout).toBe(
    `${log}: nothing was damaged: entries 0 to 1199 (1,200 under the signed head), verified\n`,
  );
});

it("names the signed entries that a cut journal lost, and leaves everything as it is", async () => {
  const { state, log, copy } = await stopped();
  flip(join(log, "tile/entries/001"), 100);
  truncateSync(join(log, "journal"), 24 + 10 * (8 + 5 + 32) + 3);
  const damaged = readFileSync(join(log, "tile/entries/001"));
  const { status, stdout } = await repair("--state", state, "--from", copy);
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /entries 1034 to 1199, which were signed, are not in it, .*nothing was changed\n$/,
  );
  expect(readFileSync(join(log, "tile/entries/001"))).toEqual(damaged);
  expect(readdirSync(log).filter((name) => name.startsWith("damaged"))).toEqual([]);
  await expect(repair("--from", copy)).rejects.toThrow(/--state <dir> or --log <path>/);
});
