import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { utf8 } from "@wattseal/base";
import { Frontier, leafHash } from "@wattseal/tlog";
import { packName } from "@wattseal/uplink";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { energySum, foldGrowth } from "../growth.fixture.js";
import { SqliteStore } from "./sqlite.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const built = existsSync(`${root}/dist/index.js`);
const PACK = packName("a".repeat(32));
const KILLS = 5;

/** Commits bundles of ten leaves for ever and prints the size after each commit. */
const CHILD = `
  import { SqliteStore } from "@wattseal/federation";
  import { Frontier, leafHash } from "@wattseal/tlog";
  const store = await SqliteStore.open(process.argv[1]);
  const stored = await store.pack("${PACK}");
  const frontier = Frontier.from(stored?.size ?? 0, stored?.nodes ?? []);
  const fold = JSON.parse(process.argv[2]);
  console.log("open");
  for (;;) {
    const first = frontier.size;
    const previous = { size: first, nodes: frontier.nodes() };
    const leaves = Array.from({ length: 10 }, (_, i) => new TextEncoder().encode("leaf " + (first + i)));
    for (const leaf of leaves) frontier.append(leafHash(leaf));
    const next = { size: frontier.size, nodes: frontier.nodes() };
    const receipt = { size: next.size, text: "receipt " + next.size };
    const outcome = await store.commit([
      { pack: "${PACK}", previous, next, leaves: [{ first, leaves }], heads: [], receipt, stays: [], fold },
    ]);
    if (outcome[0] !== "stored") throw new Error(outcome[0]);
    await new Promise((resolve) => process.stdout.write(next.size + "\\n", resolve));
  }
`;

/** What each commit adds to the folds: as much energy as leaves. */
const FOLD = JSON.stringify(foldGrowth(0, { energy: [energySum("hour", 0, 10)] }));

/** Runs the child until it has printed `lines` sizes and kills it; returns the last size it had announced. */
async function killed(directory: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, directory, FOLD], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let announced = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    announced = Math.max(announced, Number(line) || 0);
    count += 1;
    if (count === lines) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return announced;
}

const title = built ? "" : " (skipped: the package is not built)";
it.skipIf(!built)(
  `a store whose process is killed has all that was committed, and opens at once${title}`,
  { timeout: 400_000 },
  async () => {
    const directory = temporaryDirectory();
    let before = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const announced = await killed(directory.path, 3 + 7 * kill);
      const store = await SqliteStore.open(directory.path);
      const row = await store.pack(PACK);
      const size = row?.size ?? 0;
      expect(size).toBeGreaterThanOrEqual(Math.max(announced, before));
      const leaves = await store.leaves(PACK, 0, size + 10);
      expect(leaves.map(String)).toEqual(
        Array.from({ length: size }, (_, i) => String(utf8(`leaf ${i}`))),
      );
      const frontier = new Frontier();
      for (const leaf of leaves) frontier.append(leafHash(leaf));
      expect(row?.nodes.map(String)).toEqual(frontier.nodes().map(String));
      expect(row?.receipt?.size).toBe(size);
      expect((await store.fold(PACK))?.size).toBe(size);
      const energy = await store.energy({ pack: PACK, span: "hour", from: 0, to: 1 });
      expect(energy).toEqual([energySum("hour", 0, size)]);
      before = size;
      await store.close();
    }
    directory.remove();
  },
);
