// A disk with next to no room: what witnesses have goes from the log, and intervals get as long as an hour.
import { writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { demoState, temporaryFolder, wattseal } from "./support/program.js";
import { canMount, shrink, spaceOf, unlessMounted } from "./support/small-disk.js";
import { writtenMeanwhile } from "./support/written-meanwhile.js";

/** A tenth of it is the reserve. */
const SIZE = "32m";
/** Below half of the reserve, and more than the run writes. */
const LEFT = 2 ** 20;
/** Half an hour: an hour's end may lie in it, and what is before or after is longer than any ten minutes. */
const SECONDS = 1_800;
const TEN_MINUTES = 600_000;
/** A long interval may begin this much before its part of the hour (M-12). */
const STEP = 5_000;
const scenario = (seconds: number) => ({
  name: "scarce",
  description: "Nothing happens but what the disk does.",
  modules: 1,
  seed: 5,
  drive: { kind: "constant", watts: 8_000 },
  seconds,
  events: [],
  expect: { linked: 1 },
});

it.skipIf(!canMount)(
  `a gateway on a disk with next to no room lets go what its witness has, meters by the hour, and its books stay whole${unlessMounted}`,
  { timeout: 300_000 },
  async () => {
    const folder = await temporaryFolder();
    const state = join(folder, "state");
    const gateway = join(state, "gateway");
    await demoState(state, "--modules", "1");
    const run = async (seconds: number) => {
      const file = join(folder, "scenario.json");
      await writeFile(file, JSON.stringify(scenario(seconds)));
      const how = ["--tpm", "none", "--scenario", file, "--speed", "max", "--json"];
      const ran = await wattseal(["start", ...how, "--state", state]);
      expect(ran.status, ran.stderr).toBe(0);
      const [last = ""] = ran.stdout.trimEnd().split("\n").slice(-1);
      return { said: ran.stderr, report: JSON.parse(last) };
    };
    const opened = async () => {
      const log = await LogStore.openReadOnly({ directory: join(gateway, "log") });
      const from = log.firstEntry;
      return { from, entries: [...log.entries(from)].map((bytes) => decodeEntry(bytes)) };
    };
    await run(70);
    await writtenMeanwhile(gateway);
    const before = (await run(70)).report;
    expect(before.witnessed).toBe(before.entries);
    expect((await opened()).from).toBe(0);

    shrink(gateway, SIZE);
    const { free, total } = spaceOf(gateway);
    expect(total / 10 / 2).toBeGreaterThan(LEFT);
    writeFileSync(join(gateway, "other"), new Uint8Array(free - LEFT));
    const { said, report } = await run(SECONDS);
    expect(said).toContain("disk.short");
    expect(report).toMatchObject({ verified: true, witnessed: report.entries });
    const { from, entries } = await opened();
    expect(from).toBeGreaterThan(0);
    const since = entries.slice(before.entries - from);
    const minutes = since.flatMap(({ type, body }) =>
      type === "energy.resolution" ? [body.minutes] : [],
    );
    // The ten minutes in between are for a disk that is short, not for one that is worse off.
    expect(minutes).toEqual([60]);
    const spans = since.flatMap(({ type, body }) =>
      type === "energy.interval" ? [{ from: body.t0, length: body.t1 - body.t0 }] : [],
    );
    expect(Math.max(...spans.map(({ length }) => length))).toBeGreaterThan(TEN_MINUTES + STEP);
    expect(since.filter(({ type }) => type === "ops.loss")).not.toEqual([]);

    const trust = ["--trust", join(gateway, "trust.json")];
    const audit = await wattseal(["ledger", "audit", join(gateway, "log"), ...trust, "--json"]);
    expect(audit.status, audit.stdout).toBe(0);
    const found = JSON.parse(audit.stdout);
    expect(found).toMatchObject({ verdict: "verified from a snapshot", entries: report.entries });
    // Every milliwatt-hour of the intervals, of a minute or an hour, is of record.
    const inMwh = since.reduce(
      (sum, { type, body }) => (type === "energy.interval" ? sum + body.in : sum),
      0,
    );
    expect(report.energy.inMwh - before.energy.inMwh).toBe(inMwh);
    expect(found.energy.uncountedMwh).toBe(0);
    expect(inMwh).toBeGreaterThan(0);
  },
);
