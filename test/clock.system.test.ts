import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { runScenario } from "./support/run.js";

const SCENARIO = fileURLToPath(new URL("../scenarios/clock-steps.json", import.meta.url));
const HOUR = 3_600_000;

it("a gateway whose clock is set back an hour and forward a day loses no module, and its log says so and verifies", {
  timeout: 400_000,
}, async () => {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const { summary, entries } = await runScenario(SCENARIO, state);
  expect(summary).toMatchObject({ verified: true, linked: 4 });
  const steps = entries.filter(({ type }) => type === "ops.clock").map(({ body }) => body);
  expect(steps.map(({ sync, step }) => [sync, step])).toEqual([
    ["synchronised", 0],
    ["synchronised", -HOUR],
    ["synchronised", HOUR],
    ["synchronised", 24 * HOUR],
    ["unsynchronised", 0],
    ["synchronised", 0],
    // A run ends without its faults.
    ["synchronised", -24 * HOUR],
  ]);
  const gaps = entries.filter(({ type }) => type === "energy.gap");
  expect(gaps).toHaveLength(2 * 4);
  const windows = entries.filter(({ type }) => type === "energy.window").map(({ body }) => body);
  for (const [i, window] of windows.entries()) {
    if (i > 0) expect(window["t0"]).toBe(windows[i - 1]?.["t1"]);
  }
  expect(entries.filter(({ body }) => body?.["alarm"] === "lost")).toEqual([]);

  // The clock of a gateway in another process is not the simulator's to set.
  const scenario = JSON.parse(await readFile(SCENARIO, "utf8"));
  await writeFile(`${folder}/served.json`, JSON.stringify({ ...scenario, seconds: 600 }));
  const served = await wattseal(["sim", "--state", state, "--scenario", `${folder}/served.json`]);
  expect(served.status).toBe(2);
  expect(served.stderr).toContain("wattseal start");
});

it("a step past the end of the epoch begins the next one, which says the step; time waits for it", {
  timeout: 400_000,
}, async () => {
  const folder = await temporaryFolder();
  const step = 40 * 24 * HOUR;
  const scenario = {
    ...{ name: "far", description: "Forty days on.", modules: 2, seconds: 240 },
    drive: { kind: "constant", watts: 8000 },
    events: [{ at: 100, fault: "clock", stepSeconds: step / 1000 }],
    expect: { linked: 2, on: 2 },
  };
  await writeFile(`${folder}/far.json`, JSON.stringify(scenario));
  const state = `${folder}/state`;
  const { summary, entries } = await runScenario(`${folder}/far.json`, state);
  expect(summary).toMatchObject({ verified: true });
  const second = entries.findLastIndex(({ type }) => type === "epoch.begin");
  expect(entries.filter(({ type }) => type === "epoch.begin")).toHaveLength(2);
  expect(entries[second + 1]).toMatchObject({ type: "ops.clock", body: { step } });
});
