import { expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

/** A second module of the pack stands for one whose keys are others. */
it("wattseal sim conformance tries a module of a served bus, and tells when it is another", async () => {
  const state = `${await temporaryFolder()}/state`;
  await demoState(state, "--modules", "2");
  const simulator = new Role(["sim", "--state", state, "--speed", "max"]);
  await simulator.line((line) => line.msg === "sim.running");
  const tryModule = (pairing: string, ...more: string[]) =>
    wattseal([
      ...["sim", "conformance", "--bus", `unix:${state}/sim/bus.sock`, "--slot", "1", "--json"],
      ...["--pairing", pairing, ...more],
    ]);

  const other = `${await temporaryFolder()}/other`;
  await demoState(other, "--modules", "1");
  const foreign = await tryModule(`${other}/gateway/pairings.cbor`);
  expect(foreign.status).toBe(1);
  expect(JSON.parse(foreign.stdout).points).toContainEqual(
    expect.objectContaining({ id: "handshake.answer", verdict: "failed" }),
  );

  const federation = ["--federation-key", `${state}/federation/device-half.key`];
  const record = `${state}/gateway/pairings.cbor`;
  const own = await tryModule(record, "--allow", "on", "--key-roll", "--erase", ...federation);
  const report = JSON.parse(own.stdout);
  expect(report.points.filter((point: { verdict: string }) => point.verdict === "failed")).toEqual(
    [],
  );
  expect(own.status).toBe(0);
  const unseen = report.points.filter((point: { verdict: string }) => point.verdict !== "passed");
  expect(unseen.map(({ id }: { id: string }) => id)).toEqual(["reset.boot"]);

  expect((await tryModule(record, "--fd")).status).toBe(2);
  const wrong = await tryModule(`${state}/gateway/gateway.toml`);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toMatch(/gateway\.toml is neither a pack's pairing record .*bench file/);
  await simulator.stop();
  const gone = await tryModule(record);
  expect(gone.status).toBe(3);
  expect(gone.stderr).toContain("Start: wattseal sim --state");
});
