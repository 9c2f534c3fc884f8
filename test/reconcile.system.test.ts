import { writeFile } from "node:fs/promises";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";

/** State of charge and current at a second of the recording: up to full, a rest that hovers there, down to empty, a rest. */
function at(second: number): { readonly soc: number; readonly amps: number } {
  if (second < 120) return { soc: 90, amps: 2 };
  if (second < 240) return { soc: 90 + (second - 120) / 12, amps: 20 };
  if (second < 480) return { soc: second % 80 < 40 ? 100 : 99.5, amps: 0 };
  if (second < 580) return { soc: 580 - second, amps: -50 };
  return { soc: 0, amps: 0 };
}

it("sets the books once when a recorded drive arrives at full, and once at empty", async () => {
  const folder = await temporaryFolder();
  const rows = Array.from({ length: 760 }, (_, second) => {
    const { soc, amps } = at(second);
    return `${second},360,${amps},25,${soc.toFixed(2)}`;
  });
  const drive = `${folder}/drive.csv`;
  await writeFile(drive, `t_s,pack_V,pack_A,batt_C,soc_pct\n${rows.join("\n")}\n`);
  const state = `${folder}/state`;
  const args = ["--replay", drive, "--modules", "2", "--speed", "120", "--state", state];
  const run = await wattseal(["start", "--tpm", "none", ...args, "--json"]);
  expect(run.status, run.stderr).toBe(0);

  const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
  const entries = [...log.entries()].map((bytes) => decodeEntry(bytes));
  const reconciled = entries.flatMap((entry, index) =>
    entry.type === "energy.reconcile" ? [{ ...entry.body, after: entries[index - 1]?.type }] : [],
  );
  const rated = entries.flatMap(({ type, body }) =>
    type === "link.paired" && "capacity" in body ? [Number(body.capacity)] : [],
  );
  expect(rated).toHaveLength(2);
  expect(reconciled).toMatchObject([
    { kind: "opening" },
    { kind: "full", stock: rated.reduce((sum, one) => sum + one, 0), after: "energy.window" },
    { kind: "empty", stock: 0, after: "energy.window" },
  ]);
});
