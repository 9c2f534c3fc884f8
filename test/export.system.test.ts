import { readFile } from "node:fs/promises";
import { decodeEntry } from "@wattseal/energy-ledger";
import { verifyLctDocument, verifyOcmf } from "@wattseal/lct-keys/verify";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";

describe("wattseal ledger export", () => {
  it("gives what a whole system recorded, to standard output and to a file alike", async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const args = ["start", "--tpm", "none", "--speed", "max", "--modules", "2", "--json"];
    const run = await wattseal([...args, "--state", state, ...(await lasting(150, folder))]);
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

    await expectProven(rows.stdout.trimEnd().split("\n"), log, folder);

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

interface Row {
  readonly record: string;
  readonly index: number;
  readonly proof: { readonly [name in "origin" | "root"]: string } & {
    readonly [name in "first" | "last" | "size"]: number;
  };
}

/**
 * What a row's reference asks for is there: a proof of its first and its last entry verifies offline, and leads to the
 * very head that the row names.
 */
async function expectProven(lines: readonly string[], log: string, folder: string): Promise<void> {
  const rows: Row[] = lines.map((line) => JSON.parse(line));
  const sample = ["interval", "window", "charge", "reconcile"].flatMap((kind) => {
    const own = rows.filter(({ record }) => record === kind);
    return [own.at(0), own.at(-1)].filter((row) => row !== undefined);
  });
  expect(sample.length).toBeGreaterThanOrEqual(6);
  const trust = `${folder}/state/gateway/trust.json`;
  const entries = await LogStore.openReadOnly({ directory: log });
  for (const { record, index, proof } of sample) {
    expect(proof.last).toBe(index);
    expect(Buffer.from(entries.root(proof.size)).toString("hex")).toBe(proof.root);
    for (const entry of new Set([proof.first, proof.last])) {
      const out = `${folder}/${entry}.proof`;
      const made = await wattseal(["prove", String(entry), "--log", log, "--out", out]);
      expect(made.status, made.stderr).toBe(0);
      const checked = await wattseal(["verify", out, "--trust", trust, "--json"]);
      expect(checked.status, `${record} ${entry}: ${checked.stderr}`).toBe(0);
      expect(JSON.parse(checked.stdout)).toMatchObject({
        verified: true,
        index: entry,
        origin: proof.origin,
        size: proof.size,
      });
    }
  }
}

/** A run over midnight completes a day, which the gateway has signed then. */
async function expectSigned(records: readonly string[], directory: string): Promise<void> {
  const log = await LogStore.openReadOnly({ directory });
  const first = decodeEntry(log.entry(0));
  if (first.type !== "lct.document") throw new Error("no document");
  const { anchor } = verifyLctDocument(first.body.sign1, "self-consistent");
  if (anchor.type !== "p256") throw new Error("no anchor");
  for (const record of records) verifyOcmf(record, anchor.publicKey);
}
