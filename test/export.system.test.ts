import { readFile } from "node:fs/promises";
import { decodeEntry } from "@wattseal/energy-ledger";
import { verifyLctDocument, verifyOcmf } from "@wattseal/lct-keys/verify";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";

describe("wattseal ledger export", () => {
  it("gives what a whole system recorded, to standard output and to a file alike", async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const args = ["start", "--for", "4s", "--modules", "2", "--state", state, "--json"];
    const run = await wattseal(args);
    expect(run.status, run.stderr).toBe(0);
    const { energy } = JSON.parse(run.stdout.trimEnd().split("\n").at(-1)!);
    const log = `${state}/gateway/log`;
    const trust = ["--trust", `${state}/gateway/trust.json`];
    const exported = (format: string, ...more: string[]) =>
      wattseal(["ledger", "export", log, "--format", format, ...trust, ...more]);

    const rows = await exported("jsonl");
    expect(rows.status, rows.stderr).toBe(0);
    const intervals = rows.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ record }) => record === "interval");
    expect(intervals.reduce((sum, { inMwh }) => sum + inMwh, 0)).toBe(energy.inMwh);

    const file = `${folder}/energy.csv`;
    expect((await exported("csv", "--out", file)).status).toBe(0);
    expect(await readFile(file, "utf8")).toBe((await exported("csv")).stdout);

    for (const format of ["storage", "passport"]) {
      const { status, stdout, stderr } = await exported(format);
      expect(status, stderr).toBe(0);
      expect(stdout.length).toBeGreaterThan(100);
    }
    const days = await exported("ocmf");
    expect(days.status, days.stderr).toBe(0);
    expect(days.stderr).not.toMatch(/is not signed/);
    expect((await exported("ocmf", "--state", state)).stdout).toBe(days.stdout);
    if (days.stdout === "") expect(days.stderr).toMatch(/no record/);
    else await expectSigned(days.stdout.trimEnd().split("\n"), log);
    expect((await exported("xml")).status).toBe(2);
  });
});

/** A run over midnight completes a day, which the gateway has signed then. */
async function expectSigned(records: readonly string[], directory: string): Promise<void> {
  const log = await LogStore.openReadOnly({ directory });
  const first = decodeEntry(log.entry(0));
  if (first.type !== "lct.document") throw new Error("no document");
  const { anchor } = verifyLctDocument(first.body.sign1, "self-consistent");
  if (anchor.type !== "p256") throw new Error("no anchor");
  for (const record of records) verifyOcmf(record, anchor.publicKey);
}
