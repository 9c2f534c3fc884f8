import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { EXIT } from "../errors.js";
import { writtenPack } from "../export/pack.fixture.js";
import { compareCommand } from "./ledger-compare.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-compare-"));
afterAll(() => rmSync(root, { recursive: true }));

async function compared(paths: readonly string[], json: boolean) {
  const said: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = (text: string | Uint8Array, ...rest: unknown[]) => {
    said.push(String(text));
    for (const done of rest) if (typeof done === "function") done();
    return true;
  };
  try {
    const status = await compareCommand(paths, { json });
    return { status, text: said.join("") };
  } finally {
    process.stdout.write = write;
  }
}

it("names the module that two packs' logs claim the same of, and where", async () => {
  // Both fixtures' packs have one module with one unique id, whose counters start at the same value.
  const [a, b] = [await writtenPack(join(root, "a")), await writtenPack(join(root, "b"))];
  const logs = [a, b].map(({ layout }) => layout.gateway.log);
  const { status, text } = await compared(logs, false);
  expect(status).toBe(EXIT.failed);
  expect(text).toMatch(/^TWICE module 5d01000000000001: in [\d,.]+ Wh, out [\d,.]+ Wh$/m);
  for (const log of logs) expect(text).toContain(`  ${log}: entries `);

  const json = JSON.parse((await compared(logs, true)).text);
  expect(json.logs).toHaveLength(2);
  expect(json.twice[0].inMwh + json.twice[0].outMwh).toBeGreaterThan(0);
  expect(json.twice[0].stays.map(({ log }: { log: string }) => log)).toEqual(logs);

  await expect(compared([logs[0]!, logs[0]!], false)).rejects.toThrow(/of one pack/);
  await expect(compared([logs[0]!], false)).rejects.toThrow(/two logs/);
});
