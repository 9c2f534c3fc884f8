import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

it("wattseal sim --scenario begins with its first client, and tells at its end what did not come about", async () => {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  await demoState(state, "--modules", "1");
  const scenario = { name: "n", description: "d", seconds: 20, expect: { on: 1 } };
  await writeFile(`${folder}/a.json`, JSON.stringify(scenario));
  const what = ["--scenario", `${folder}/a.json`, "--fault", "mute", "--speed", "max"];
  const simulator = new Role(["sim", "--state", state, ...what]);
  await simulator.line((line) => line.msg === "sim.waiting");

  const second = await wattseal(["sim", "--state", state]);
  expect(second.status).toBe(2);
  expect(second.stderr).toContain(`another simulator runs on ${state}/sim`);

  const client = await wattseal([
    ...["sim", "conformance", "--bus", `unix:${state}/sim/bus.sock`, "--slot", "1"],
    ...["--pairing", `${state}/gateway/pairings.cbor`],
  ]);
  expect(client.status).toBe(3);
  expect(client.stderr).toContain("passed  handshake.authentic");
  expect(await simulator.ended).toBe(1);
  const when = "at the run's end, after 20 simulated seconds";
  const told = simulator.lines.map(({ note, problem }) => note ?? problem);
  expect(told).toContain(`${when}: never happened: mute at 60 s`);
  expect(told).toContain(`${when}: modules on: 0, not 1`);

  await writeFile(`${folder}/b.json`, JSON.stringify({ ...scenario, expect: { on: 2 } }));
  const beyond = await wattseal(["sim", "--state", state, "--scenario", `${folder}/b.json`]);
  expect(beyond.status).toBe(2);
  expect(beyond.stderr).toContain("b.json.expect.on: 2 of 1 modules");
});
