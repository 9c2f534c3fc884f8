/** A fleet and a pack of one's own, from empty folders, by the commands that docs/identity.md names. */
import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

async function done(args: readonly string[]): Promise<string> {
  const run = await wattseal(args);
  expect(run.status, run.stderr).toBe(0);
  return run.stdout;
}

it("takes a federation and a pack from empty folders to a witnessed log with supply, terms and a source", {
  timeout: 400_000,
}, async () => {
  const folder = await temporaryFolder();
  const fleet = `${folder}/fleet`;
  const made = ["init", "--federation", "fleet.example", "--fleet", "depot-3", "--yes", "--json"];
  const { authority, trust } = JSON.parse(await done([...made, "--state", fleet]));
  const config = `${fleet}/federation/federation.toml`;
  const text = await readFile(config, "utf8");
  await writeFile(config, text.replace('listen = ""', 'listen = "127.0.0.1:0"'));
  const federation = new Role(["federation", "--state", fleet, "--port", "0"]);
  const running = await federation.line(({ msg }) => msg === "federation.running");
  await writeFile(`${folder}/token`, await done(["federation", "token", "--state", fleet]));

  const pack = `${folder}/pack`;
  const { lct } = JSON.parse(
    await done([
      ...["init", "--state", pack, "--fleet", "depot-3", "--tpm", "none", "--yes", "--json"],
      ...["--enrol", String(running["registry"]), "--token", `${folder}/token`],
      ...["--trust", trust, "--broker", String(running["broker"])],
    ]),
  );
  const statements = [
    ["1-society.policy", "policy", "--serial", "1"],
    ["2-society.mint", "mint", "20kWh", "--serial", "1"],
    ["3-society.source", "source", "charger", "--kind", "grid", "--watts", "150000"],
  ];
  for (const [name, ...words] of statements) {
    const out = `${pack}/gateway/genesis/${name}.cose`;
    const how = ["--society", lct, "--authority", authority, "--out", out];
    await done(["statement", ...words, ...how]);
  }

  // Until modules can be commissioned, a bus is all that a pack's gateway needs.
  const demo = `${folder}/demo`;
  await demoState(demo, "--modules", "1");
  const sim = new Role(["sim", "--state", demo]);
  await sim.line(({ msg }) => msg === "sim.running");
  const gateway = new Role(["gateway", "--state", pack, "--bus", `unix:${demo}/sim/bus.sock`]);
  await gateway.line(({ msg }) => msg === "control.listening");
  for (let witnessed = 0; witnessed === 0; ) {
    const { stdout } = await wattseal(["status", "--state", pack, "--json"]);
    witnessed = stdout === "" ? 0 : JSON.parse(stdout).log.witnessed;
  }
  expect(await gateway.stop()).toBe(0);

  const log = `${pack}/gateway/log`;
  const audit = ["ledger", "audit", log, "--trust", trust, "--json"];
  expect(JSON.parse(await done(audit))).toMatchObject({ verdict: "verified" });
  const listed = await done(["ledger", "list", log, "--json"]);
  for (const type of ["society.policy", "society.mint", "society.source"]) {
    expect(listed).toContain(`"${type}"`);
  }
});
