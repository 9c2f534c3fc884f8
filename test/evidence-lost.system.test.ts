// Readings on a disk of their own that fills: the log goes on, and says which of them nobody will have.
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { demoState, temporaryFolder, wattseal } from "./support/program.js";
import { canMount, shrink, unlessMounted } from "./support/small-disk.js";

const SECONDS = 400;
const SCENARIO = {
  name: "evidence-lost",
  description: "Nothing happens, for some minutes.",
  modules: 2,
  seed: 5,
  drive: { kind: "constant", watts: 8_000 },
  seconds: SECONDS,
  events: [],
  expect: { linked: 2 },
};
/** Two modules at 5 Hz are 780 B a second: less than half of it is kept. */
const SIZE = "128k";

it.skipIf(!canMount)(
  `readings that a full disk of their own does not take are entered as lost, once each; log and metering go on${unlessMounted}`,
  { timeout: 300_000 },
  async () => {
    const folder = await temporaryFolder();
    const state = join(folder, "state");
    const scenario = join(folder, "scenario.json");
    await writeFile(scenario, JSON.stringify(SCENARIO));
    await demoState(state, "--modules", "2");
    const evidence = join(state, "gateway", "evidence");
    mkdirSync(evidence, { mode: 0o700 });
    shrink(evidence, SIZE);
    const how = ["--scenario", scenario, "--speed", "max", "--log-level", "warn"];
    const run = await wattseal(["start", "--tpm", "none", ...how, "--state", state]);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr.match(/"evidence\.stopped"/g)).toHaveLength(1);

    const path = join(state, "gateway", "log");
    const log = await LogStore.openReadOnly({ directory: path });
    const entries = [...log.entries()].map((bytes, index) => ({ index, ...decodeEntry(bytes) }));
    const losses = entries.flatMap(({ type, body }) => (type === "ops.loss" ? [body] : []));
    const intervals = entries.flatMap(({ index, type, body }) =>
      type === "energy.interval" ? [{ index, t0: body.t0, t1: body.t1 }] : [],
    );
    // What was on its way when the disk filled, and what came from then to the end: in one entry or two, as the disk was fast.
    for (const [at, loss] of losses.entries()) {
      expect(loss).toMatchObject({ what: "evidence", reason: "disk-failed" });
      expect(loss.from).toBeGreaterThan(losses[at - 1]?.until ?? 0);
    }
    const from = losses[0]?.from ?? Number.NaN;
    expect(losses.at(-1)?.until).toBe(Math.max(...intervals.map(({ t1 }) => t1)));

    // What was measured before can be derived from what was kept, what was measured since cannot.
    const derives = async (index = -1) =>
      (await wattseal(["ledger", "evidence", String(index), "--state", state])).status;
    expect(await derives(intervals.findLast(({ t1 }) => t1 < from)?.index)).toBe(0);
    expect(await derives(intervals.find(({ t0 }) => t0 > from)?.index)).toBe(1);
    const trust = ["--trust", join(state, "gateway", "trust.json")];
    const audit = await wattseal(["ledger", "audit", path, ...trust]);
    expect(audit.status, audit.stdout).toBe(0);
  },
);
