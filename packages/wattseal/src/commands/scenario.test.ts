import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis } from "@wattseal/base";
import { FAULT_NAMES, SimKernel } from "@wattseal/sim-hardware";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemEntropy, systemWallClock } from "../ports/system.js";
import { checkPlan, faultHelp, isScripted, parseFaultName, planOf, reviewOf } from "./scenario.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wattseal-plan-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, value: unknown) =>
  writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));

describe("what a simulation is to do", () => {
  it("is the demonstration when nothing is asked for, with entropy that is fit for keys", async () => {
    const plan = await planOf({}, folder);
    expect(plan).toMatchObject({ drive: { kind: "demo" }, events: [], seconds: undefined });
    expect(plan.entropy).toBe(systemEntropy);
  });

  it("adds faults by name, a minute after the start, for a while", async () => {
    const { events } = await planOf({ fault: ["brown-out", "babbling"] }, folder);
    expect(events).toEqual([
      { at: 60, seconds: 0.5, fault: { fault: "brown-out", slots: [1] } },
      { at: 60, seconds: 5, fault: { fault: "babbling" } },
    ]);
  });

  it("is read from a scenario, whose recording lies beside it", async () => {
    mkdirSync(join(folder, "runs"));
    write("runs/drive.csv", "time,voltage,current\n0,350,1\n1,350,1\n2,350,1\n");
    write("runs/a.json", {
      name: "a",
      description: "",
      seed: 9,
      entropy: "seeded",
      drive: { kind: "replay", file: "drive.csv" },
      events: [{ at: 1, fault: "mute" }],
    });
    const plan = await planOf({ scenario: "runs/a.json", fault: ["cut"] }, folder);
    expect(plan.drive.kind).toBe("replay");
    expect(plan.events.map(({ fault }) => fault.fault)).toEqual(["mute", "cut"]);
    expect(plan.seed).toBe(9);
    const again = await planOf({ scenario: "runs/a.json" }, folder);
    expect(again.entropy.bytes(40)).toEqual(plan.entropy.bytes(40));
  });

  it.each([
    ["absent.json", undefined, "cannot be read"],
    ["bad.json", "{", "is not JSON"],
    ["typo.json", { name: "n", description: "", evnets: [] }, 'unknown key "evnets"'],
  ])("is refused as the user's to put right: %s", async (name, content, message) => {
    if (content !== undefined) write(name, content);
    await expect(planOf({ scenario: name }, folder)).rejects.toMatchObject({
      code: "bad-scenario",
      kind: "usage",
      message: expect.stringContaining(message),
    });
  });

  it("says on standard error how a recording is read, and which lines of it are not used", async () => {
    const told = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const bad = Array.from({ length: 300 }, () => "x,350,1\n").join("");
    write("drive.csv", `time,pack_V,current,temp,soc\n0,350,1,20,50\n1,350,1,20,50\n${bad}`);
    await planOf({ replay: "drive.csv" }, folder);
    const lines = told.mock.calls.map(([line]) => String(line).replace(folder, ""));
    told.mockRestore();
    expect(lines[0]).toBe(
      '/drive.csv: time "time" in s, voltage "pack_V" in V, current "current" in A positive charging, temperature "temp" in °C, SOC "soc" in %\n',
    );
    expect(lines[1]).toBe("/drive.csv:4: no time\n");
    expect(lines.at(-1)).toBe("/drive.csv: 290 more lines like these\n");
  });

  it.each([
    ["time,u,i,temp,max,charge,a,v\n", "no voltage column"],
    [
      "time,V,A\n0,350,1\n1,3868,1\n",
      "drive.csv, line 3: 3868 V: a module's reading holds 983.025 V",
    ],
  ])("refuses a recording before anything starts: %j", async (text, message) => {
    write("drive.csv", text);
    await expect(planOf({ replay: "drive.csv" }, folder)).rejects.toMatchObject({
      code: "bad-replay",
      kind: "usage",
      message: expect.stringContaining(message),
    });
  });

  it("is held to the modules that there are, and to the end of the run", async () => {
    write("a.json", {
      name: "a",
      description: "",
      seconds: 100,
      events: [{ at: 80, fault: "mute" }],
      expect: { on: 3, moduleAlarms: 1 },
    });
    const plan = await planOf({ scenario: "a.json", fault: ["cut"] }, folder);
    expect(() => checkPlan(plan, 3)).not.toThrow();
    expect(() => checkPlan(plan, 2)).toThrow(`${folder}/a.json.expect.on: 3 of 2 modules`);
    const kernel = new SimKernel({ start: millis(62_500), wall: systemWallClock });
    const review = reviewOf(
      plan,
      { kernel, modules: [], eventsAhead: [plan.events[0]!] },
      millis(0),
    );
    expect(review).toEqual({
      unmet: [
        "at the run's end, after 62.5 simulated seconds: modules on: 0, not 3",
        "at the run's end, after 62.5 simulated seconds: alarms of modules: 0, under 1",
      ],
      notes: ["at the run's end, after 62.5 simulated seconds: never happened: mute at 80 s"],
    });
  });

  it("begins with its first client, when things are to happen at times of their own", () => {
    expect(isScripted({})).toBe(false);
    for (const asked of [{ replay: "a" }, { scenario: "a" }, { fault: ["mute" as const] }]) {
      expect(isScripted(asked)).toBe(true);
    }
  });

  it("is not both a recording and a scenario", async () => {
    await expect(planOf({ replay: "a.csv", scenario: "b.json" }, folder)).rejects.toMatchObject({
      code: "usage",
    });
  });
});

describe("--fault", () => {
  it("collects names and refuses unknown ones, saying which there are", () => {
    expect(parseFaultName("cut", parseFaultName("mute"))).toEqual(["mute", "cut"]);
    expect(() => parseFaultName("gremlin")).toThrow(/corrupt, cut, lost/);
    expect(() => parseFaultName("toString")).toThrow(/corrupt, cut, lost/);
  });

  it("has a line of help for every fault", () => {
    for (const name of FAULT_NAMES) expect(faultHelp()).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  });
});
