import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { runScenario } from "./support/run.js";

const SCENARIO = fileURLToPath(new URL("../scenarios/shunt-low.json", import.meta.url));

it("a shunt that shows 5 % less keeps what the modules took in from earning; a silent one keeps nothing, and is missed", {
  timeout: 400_000,
}, async () => {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const { summary, told, entries } = await runScenario(SCENARIO, state);
  expect(summary["verified"]).toBe(true);
  expect(told).toMatch(/^shunt +\d+ windows checked, \d+ suspect, \d+ without a check$/m);
  const of = (type: string) => entries.filter((entry) => entry.type === type);

  const suspects = of("energy.check").filter(({ body }) => body["verdict"] === "suspect");
  expect(summary["shunt"]).toMatchObject({ suspect: suspects.length });
  // 125 s hold one whole minute at least, two at most, and up to two in part.
  expect(suspects.length).toBeGreaterThanOrEqual(1);
  for (const { index } of suspects) {
    const window = of("energy.window").find((entry) => entry.index > index)!;
    expect(window.body["net"]).toBe(0);
  }
  const missed = of("link.alarm").filter(({ body }) => body["alarm"] === "shunt-missing");
  expect(missed.length).toBeGreaterThanOrEqual(1);
  const checked = of("energy.check").map(({ index }) => index);
  const unchecked = of("energy.window").filter(
    (window) => !checked.some((index) => index < window.index && index > window.index - 3),
  );
  expect(unchecked.length).toBeGreaterThanOrEqual(1);
  const middle = unchecked.find(({ index }) => index > missed[0]!.index);
  expect(middle?.body["net"]).toBeGreaterThan(0);

  const dbc = await wattseal(["sim", "dbc"]);
  expect(dbc.stdout).toMatch(/^BO_ \d+ ShuntReading: 8 Shunt$/m);
});
