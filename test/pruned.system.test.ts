// A gateway whose log was pruned goes on with its federation, from the state that the log vouches for.
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";
import { writtenMeanwhile } from "./support/written-meanwhile.js";

it("a pruned log is written on, delivered, witnessed and audited", {
  timeout: 300_000,
}, async () => {
  const folder = await temporaryFolder();
  const state = join(folder, "state");
  const gateway = join(state, "gateway");
  const whole = await lasting(120, folder);
  const start = () =>
    wattseal(["start", "--tpm", "none", "--json", "--speed", "max", "--state", state, ...whole]);
  expect((await start()).status).toBe(0);
  await writtenMeanwhile(gateway);
  expect((await start()).status).toBe(0);

  const prune = ["ledger", "prune", "--state", state, "--before", "1000000", "--json"];
  const { status, stdout } = await wattseal(prune);
  expect(status).toBe(0);
  const { from, firstEntry, snapshot } = JSON.parse(stdout);
  expect(from).toBe(0);
  expect(firstEntry).toBe(snapshot - (snapshot % 256));
  expect(firstEntry).toBeGreaterThan(0);

  const again = await start();
  expect(again.status).toBe(0);
  const { entries, witnessed, verified, log } = JSON.parse(again.stdout.trim().split("\n").at(-1)!);
  expect([witnessed, verified]).toEqual([entries, true]);
  const audit = await wattseal([
    ...["ledger", "audit", log, "--json"],
    ...["--trust", join(gateway, "trust.json")],
  ]);
  expect(audit.status).toBe(0);
  const wanted = { verdict: "verified from a snapshot", from: snapshot, entries, witnessed };
  expect(JSON.parse(audit.stdout)).toMatchObject(wanted);
});
