import { expect, it } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

/** A second module of the pack stands for one whose keys are others. */
it("wattseal sim conformance tries a module of a served bus, and tells when it is another", async () => {
  const state = `${await temporaryFolder()}/state`;
  expect((await wattseal(["init", "--demo", "--state", state, "--modules", "2"])).status).toBe(0);
  const simulator = new Role(["sim", "--state", state, "--speed", "max"]);
  await simulator.line((line) => line.msg === "sim.running");
  const tryModule = (pairing: string, ...more: string[]) =>
    wattseal([
      ...["sim", "conformance", "--bus", `unix:${state}/sim/bus.sock`, "--slot", "1", "--json"],
      ...["--pairing", pairing, ...more],
    ]);

  const own = await tryModule(`${state}/gateway/pairings.cbor`, "--allow", "on");
  const report = JSON.parse(own.stdout);
  expect(report.points.filter((point: { verdict: string }) => point.verdict === "failed")).toEqual(
    [],
  );
  expect(own.status).toBe(0);
  expect(report.passed).toBeGreaterThan(50);

  const other = `${await temporaryFolder()}/other`;
  await wattseal(["init", "--demo", "--state", other, "--modules", "1"]);
  const foreign = await tryModule(`${other}/gateway/pairings.cbor`);
  expect(foreign.status).toBe(1);
  expect(JSON.parse(foreign.stdout).points).toContainEqual(
    expect.objectContaining({ id: "handshake.answer", verdict: "failed" }),
  );

  expect((await tryModule(`${state}/gateway/pairings.cbor`, "--fd")).status).toBe(2);
  await simulator.stop();
  expect((await tryModule(`${state}/gateway/pairings.cbor`)).status).toBe(3);
});
