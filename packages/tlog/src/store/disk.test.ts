import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { utf8 } from "@wattseal/base";
import { afterAll, describe, expect, it } from "vitest";
import { LogStore } from "./store.js";

const refusal = (code: string) => expect.objectContaining({ name: "TlogError", code });
const root = mkdtempSync(join(tmpdir(), "wattseal-tlog-"));
afterAll(() => rmSync(root, { recursive: true }));
const entriesFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => utf8(`e${from + i}`));

describe("a log on disk", () => {
  it("lies in the tile layout, is locked while open, and comes back", async () => {
    const directory = join(root, "a", "log");
    const log = await LogStore.open({ directory });
    await expect(LogStore.open({ directory })).rejects.toThrow(refusal("locked"));
    await log.append(entriesFrom(0, 600));
    await log.writeDocument("receipt", "text\n");
    expect((await LogStore.openReadOnly({ directory })).durableSize).toBe(600);
    await log.close();
    expect(readdirSync(directory).sort()).toEqual(["journal", "receipt", "tile", "tmp"]);
    expect(readdirSync(join(directory, "tile", "entries"))).toEqual(["000", "001"]);
    const again = await LogStore.open({ directory });
    expect([again.durableSize, again.opened.created, again.readDocument("receipt")]).toEqual([
      600,
      false,
      "text\n",
    ]);
    await again.close();
  });

  it("cuts a partial record, and clears what was never named", async () => {
    const directory = join(root, "cut");
    const log = await LogStore.open({ directory });
    await log.append(entriesFrom(0, 10));
    await log.close();
    truncateSync(join(directory, "journal"), 24 + 9 * 42 + 41);
    writeFileSync(join(directory, "tmp", "left-over"), "half");
    const again = await LogStore.open({ directory });
    expect(again.opened.cut).toEqual({ bytes: 41 });
    await again.append(entriesFrom(9, 1));
    await again.close();
    expect([...(await LogStore.openReadOnly({ directory })).entries()]).toHaveLength(10);
    expect(readdirSync(join(directory, "tmp"))).toEqual([]);
  });

  it("that is not there is missing, and one that cannot be made is an io error", async () => {
    await expect(LogStore.openReadOnly({ directory: join(root, "none") })).rejects.toThrow(
      refusal("missing"),
    );
    writeFileSync(join(root, "file"), "");
    await expect(LogStore.open({ directory: join(root, "file", "log") })).rejects.toThrow(
      refusal("io"),
    );
  });
});

const built = new URL("../../dist/store/index.js", import.meta.url);
const isBuilt = existsSync(fileURLToPath(built));
const CHILD = `
  import { LogStore } from ${JSON.stringify(built.href)};
  const log = await LogStore.open({ directory: process.argv[1] });
  for (let size = log.durableSize, n = 1; ; n = (n * 7 + 3) % 301) {
    await log.append(Array.from({ length: n }, (_, i) => Buffer.from("e" + (size + i))));
    size += n;
    console.log(size);
  }`;

/** Runs a writer, kills it after `count` acknowledgements, returns the last one that was heard. */
async function killAfter(count: number, directory: string, whileAlive: () => Promise<void>) {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--input-type=module", "-e", CHILD, directory],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exited = once(child, "exit");
  let acknowledged = 0;
  let heard = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    acknowledged = Number(line);
    heard += 1;
    if (heard === 1) await whileAlive();
    if (heard === count) child.kill("SIGKILL");
  }
  await exited;
  return acknowledged;
}

describe.skipIf(!isBuilt)(
  `kill -9 of the writing process${isBuilt ? "" : " (skipped: packages/tlog is not built)"}`,
  () => {
    it("loses and doubles nothing acknowledged, ten times in a row, and frees the lock", {
      timeout: 120_000,
    }, async () => {
      const directory = join(root, "killed");
      for (const count of [1, 2, 3, 5, 8, 13, 21, 34, 4, 7]) {
        const acknowledged = await killAfter(count, directory, async () => {
          await expect(LogStore.open({ directory })).rejects.toThrow(refusal("locked"));
          await LogStore.openReadOnly({ directory });
        });
        const log = await LogStore.open({ directory });
        expect(log.durableSize).toBeGreaterThanOrEqual(acknowledged);
        let at = 0;
        for (const entry of log.entries()) {
          if (Buffer.from(entry).toString() !== `e${at}`) expect.fail(`entry ${at} is another`);
          at += 1;
        }
        expect(at).toBe(log.durableSize);
        await log.close();
      }
    });
  },
);
