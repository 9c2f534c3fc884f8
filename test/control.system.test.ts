import { writeFile } from "node:fs/promises";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

const WORKER = `lct:agent:${"a".repeat(32)}`;

/** Charges all the time, so that there are lots; later the second module says twice what it takes in. */
const SCENARIO = {
  name: "charging",
  description: "A charger, an honest module and a liar.",
  modules: 2,
  drive: { kind: "constant", watts: 8000 },
  events: [{ at: 130, fault: "liar", slots: [2], gain: 2 }],
};

/** The command line against the gateway of a state folder. */
function cliOf(state: string) {
  const run = (...args: readonly string[]) => wattseal([...args, "--state", state]);
  const json = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await run(...args, "--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return JSON.parse(stdout);
  };
  /** The society, once it is as `wanted` says. */
  const society = async (wanted: (society: Society) => boolean): Promise<Society> => {
    for (;;) {
      const shown: Society = await json("society", "show");
      if (wanted(shown)) return shown;
    }
  };
  return { run, json, society };
}

interface Society {
  readonly accounts: Readonly<Record<string, number>>;
  readonly reservableMwh: number;
  readonly tickets: readonly { readonly ticket: number; readonly heldMwh: number }[];
  readonly suspects: { readonly oldest: readonly { readonly interval: number }[] };
}

async function scenarioIn(folder: string): Promise<string> {
  const path = `${folder}/charging.json`;
  await writeFile(path, JSON.stringify(SCENARIO));
  return path;
}

describe("a running system", () => {
  it("works a ticket to its end by orders of the command line, and its log verifies", async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const scenario = await scenarioIn(folder);
    const { run, json, society } = cliOf(state);
    const args = ["--scenario", scenario, "--speed", "60", "--log-level", "info"];
    const system = new Role(["start", "--tpm", "none", "--state", state, ...args]);
    await system.line(({ msg }) => msg === "control.listening");

    expect((await json("status")).modules).toHaveLength(2);
    expect((await run("status")).stdout).toMatch(/^lct:pack:.*\npack time /);
    const before = await society(
      ({ reservableMwh, suspects }) => reservableMwh > 10_000 && suspects.oldest.length > 0,
    );
    const reserve = ["--worker", WORKER, "--task", "compute"];
    const { ticket } = await json("society", "reserve", "5Wh", ...reserve);
    expect((await society(() => true)).tickets).toMatchObject([{ ticket, heldMwh: 5000 }]);

    const tooMuch = await run("society", "reserve", "1MWh", ...reserve);
    expect(tooMuch).toMatchObject({ status: 1, stdout: "" });
    expect(tooMuch.stderr).toMatch(/^wattseal: The ledger refuses this: 1000000000 mWh, but /);
    const asJson = await run("society", "rollback", "1", "--json");
    expect([asJson.status, JSON.parse(asJson.stdout).code]).toEqual([1, "order-refused"]);

    const proof = "0f".repeat(32);
    const worked = ["commit", String(ticket), "2Wh", "--quality", "95", "--proof", proof];
    expect(await json("society", ...worked)).toMatchObject({
      worker: WORKER,
      reputationMwh: 1900,
    });
    expect((await run("society", "commit", String(ticket), "1Wh")).status).toBe(1);
    const failed = await json("society", "reserve", "3Wh", ...reserve);
    expect(await json("society", "rollback", String(failed.ticket))).toMatchObject({
      returnedMwh: 3000,
      wastedMwh: 0,
    });
    await json("society", "certify", "1Wh", "--by", "load", "--certifier", "substation-4");
    const [suspect] = before.suspects.oldest;
    await json("ledger", "resolve", String(suspect!.interval), "reject", "--evidence", "operator");

    const isolated = await run("isolate");
    expect(isolated.status).toBe(0);
    expect(isolated.stdout.match(/acknowledged/g)).toHaveLength(2);
    await system.line(({ msg }) => msg === "modules.isolated");
    expect((await run("status")).stdout).toContain("ISOLATED");
    await json("allow");
    await system.line(({ msg }) => msg === "modules.allowed");
    expect((await json("status")).isolated).toBe(false);
    expect(await system.stop()).toBe(0);

    const log = `${state}/gateway/log`;
    const audit = await wattseal([
      "ledger",
      "audit",
      log,
      "--trust",
      `${state}/gateway/trust.json`,
    ]);
    expect(audit).toMatchObject({ status: 0, stderr: "" });
    const entries = [...(await LogStore.openReadOnly({ directory: log })).entries()].map((bytes) =>
      decodeEntry(bytes),
    );
    expect(entries[ticket]).toMatchObject({
      type: "society.reserve",
      body: { amount: 5000, worker: WORKER, task: "compute" },
    });
    const ordered = entries.filter(
      ({ type }) => type === "energy.resolve" || /^society\.(co|ro|re|ce)/.test(type),
    );
    expect(ordered.map(({ type }) => type)).toEqual([
      "society.reserve",
      "society.commit",
      "society.reserve",
      "society.rollback",
      "society.certify",
      "energy.resolve",
    ]);
  });

  it("keeps an open ticket over a kill, and takes orders again where the old socket was left", async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const scenario = await scenarioIn(folder);
    const { run, json, society } = cliOf(state);
    await demoState(state, "--modules", "2");
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const { broker } = await federation.line(({ msg }) => msg === "federation.running");
    const sim = new Role(["sim", "--state", state, "--scenario", scenario, "--speed", "60"]);
    await sim.line(({ msg }) => msg === "sim.running");
    const start = () => new Role(["gateway", "--state", state, "--broker", String(broker)]);

    const first = start();
    await first.line(({ msg }) => msg === "control.listening");
    await society(({ reservableMwh }) => reservableMwh > 5000);
    const args = ["--worker", WORKER, "--task", "compute"];
    const { ticket } = await json("society", "reserve", "5Wh", ...args);
    await first.kill();
    const unanswered = await run("society", "show");
    expect([unanswered.status, unanswered.stderr]).toEqual([
      3,
      expect.stringContaining("Start it: wattseal gateway"),
    ]);

    const second = start();
    await second.line(({ msg }) => msg === "control.listening");
    expect((await society(() => true)).tickets).toMatchObject([{ ticket, heldMwh: 5000 }]);
    await json("society", "commit", String(ticket), "5Wh");
    expect((await society(() => true)).tickets).toEqual([]);
    await second.stop();
    await sim.stop();
    await federation.stop();
  });
});

it("says which gateway is meant, or that it was not said", async () => {
  const nobody = await wattseal(["society", "show"]);
  expect([nobody.status, nobody.stderr]).toEqual([2, expect.stringContaining("--state DIR")]);
  const folder = await temporaryFolder();
  const none = await wattseal(["status", "--socket", `${folder}/none.sock`]);
  expect(none.status).toBe(3);
  const both = await wattseal(["status", "--socket", "x", "--state", folder]);
  expect(both.status).toBe(2);
  const wrong = await wattseal(["society", "reserve", "5", "--worker", WORKER, "--task", "x"]);
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("500Wh")]);
});
