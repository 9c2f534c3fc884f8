import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

it("a pack whose LCT is void is told so, enters it once, goes on recording, is witnessed no more, and starts without any registry", async () => {
  const state = `${await temporaryFolder()}/state`;
  const demo = ["init", "--demo", "--tpm", "none", "--modules", "1", "--json", "--state", state];
  const { lct } = JSON.parse((await wattseal(demo)).stdout);
  const federation = new Role(["federation", "--state", state, "--port", "0"]);
  const { broker } = await federation.line(({ msg }) => msg === "federation.running");
  const simulator = new Role(["sim", "--state", state, "--speed", "240"]);
  await simulator.line(({ msg }) => msg === "sim.running");
  const startGateway = () =>
    new Role(["gateway", "--state", state, "--broker", String(broker), "--log-level", "debug"]);

  const gateway = startGateway();
  await federation.line(({ msg }) => msg === "federation.pack-contact");
  const voided = await wattseal([
    "identity",
    "void",
    lct,
    "--reason",
    "the board is gone",
    "--state",
    state,
  ]);
  expect(voided.status).toBe(0);
  const revoked = await federation.line(({ msg }) => msg === "federation.pack-revoked");
  expect(revoked).toMatchObject({ pack: lct.slice("lct:pack:".length), state: "void" });
  const ended = await gateway.line(({ msg }) => msg === "pack.ended");
  expect(ended).toMatchObject({ state: "void", reason: "the board is gone" });
  // Its record is worth keeping: nobody but the fleet has stopped believing it.
  await gateway.line(({ msg }) => msg === "ledger.durable", gateway.lines.length);
  expect(await gateway.stop()).toBe(1); // what it wrote since then has no receipt
  const audit = [
    "ledger",
    "audit",
    `${state}/gateway/log`,
    "--trust",
    `${state}/gateway/trust.json`,
  ];
  const audited = await wattseal(audit);
  expect([audited.status, audited.stdout]).toEqual([
    1,
    expect.stringContaining("verified in part"),
  ]);

  expect(await federation.stop()).toBe(0);
  const alone = startGateway();
  await alone.line(({ msg }) => msg === "pack.ended");
  await alone.line(({ msg }) => msg === "ledger.durable");
  await alone.kill();
  const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
  const entries = [...log.entries()].map((bytes) => decodeEntry(bytes));
  expect(entries.filter(({ type }) => type === "lct.status")).toHaveLength(1);
  const alarms = entries.flatMap((entry) =>
    entry.type === "link.alarm" && entry.body.alarm === "lct-ended" ? [entry.body.detail] : [],
  );
  expect(alarms).toEqual(["void: the board is gone"]);
  const again = new Role(["federation", "--state", state, "--port", "0"]);
  await again.line(({ msg }) => msg === "federation.running");
  const twice = await wattseal([
    "identity",
    "void",
    lct,
    "--reason",
    "again",
    "--json",
    "--state",
    state,
  ]);
  expect([twice.status, JSON.parse(twice.stdout).code]).toEqual([1, "final"]);
  expect(await again.stop()).toBe(0);
  await simulator.stop();
});
