/** Intervals of a whole system derived again: within one session, over two, beside a gap; then with what is kept altered. */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeEntry, type EnergyInterval } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { readByDocument } from "./support/evidence-by-document.js";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

const SCENARIO = {
  name: "evidence",
  description: "One module links anew, twice, the other is away for nine seconds.",
  modules: 2,
  seed: 5,
  entropy: "seeded",
  drive: { kind: "constant", watts: 8_000 },
  seconds: 200,
  events: [
    // Where a minute ends is not for the scenario to say: one of the two is in the midst of one.
    { at: 70, seconds: 0.3, fault: "bus-off", slots: [1] },
    { at: 100, seconds: 0.3, fault: "bus-off", slots: [1] },
    { at: 130, seconds: 9, fault: "lost", slots: [2] },
  ],
  expect: { linked: 2 },
};

async function system() {
  const folder = await temporaryFolder();
  const state = join(folder, "state");
  const scenario = join(folder, "evidence.json");
  await writeFile(scenario, JSON.stringify(SCENARIO));
  const recording = join(folder, "bus.log");
  const how = ["--scenario", scenario, "--speed", "max", "--candump", recording];
  const run = await wattseal(["start", "--tpm", "none", ...how, "--state", state]);
  expect(run.status, run.stderr).toBe(0);
  const log = await LogStore.openReadOnly({ directory: join(state, "gateway", "log") });
  const metered = [...log.entries()].flatMap((bytes, index) => {
    const { type, body } = decodeEntry(bytes);
    const isMetered = type === "energy.interval" || type === "energy.gap";
    return isMetered ? [{ index, type, body }] : [];
  });
  const evidence = async (index: number, ...more: string[]) => {
    const args = ["ledger", "evidence", String(index), "--state", state, "--json", ...more];
    const { status, stdout, stderr } = await wattseal(args);
    return { status, stderr, ...(stdout === "" ? {} : JSON.parse(stdout)) };
  };
  const intervals = metered.filter(({ type }) => type === "energy.interval");
  const gap = metered.find(({ type }) => type === "energy.gap");
  if (gap === undefined) throw new Error("the log has no gap");
  const beside = intervals.filter(
    ({ body }) =>
      body.module === gap.body.module && (body.t1 === gap.body.t0 || body.t0 === gap.body.t1),
  );
  const relinked = intervals.filter(({ body }) => body.module !== gap.body.module);
  const first = intervals.find(({ body }) => body.module === gap.body.module);
  if (first === undefined) throw new Error("the other module has no interval");
  return { folder, state, recording, relinked, first, gap, beside, evidence };
}

/** A file of evidence whose first block has another byte at `at`, by somebody who knows the format. */
function rewritten(file: Uint8Array, at: number): Uint8Array {
  const changed = Buffer.from(file.with(at, file[at]! ^ 1));
  const content = changed.subarray(20, 20 + changed.readUInt32LE(8));
  createHash("sha256").update(content).digest().copy(changed, 12, 0, 8);
  return changed;
}

describe("wattseal ledger evidence", () => {
  it("derives intervals of every kind again, hands them over in a file, and sees what is altered", async () => {
    const { folder, state, recording, relinked, first, gap, beside, evidence } = await system();

    expect(beside).toHaveLength(2);
    for (const { index } of beside) {
      expect(await evidence(index)).toMatchObject({ status: 0, verdict: "derived", entry: index });
    }
    const out = join(folder, "interval.evidence");
    const findings = [];
    for (const { index, body } of relinked) {
      const found = await evidence(index, "--out", out);
      expect(found, found.stderr).toMatchObject({ status: 0, verdict: "derived" });
      expect(found.readings).toBe((body as EnergyInterval).readings);
      expect(found.fields.map(({ finding }: { finding: string }) => finding)).toEqual(
        new Array(19).fill("ok"),
      );
      expect(found.seals).toMatchObject({ wrong: 0, unreleased: 0 });
      expect(found.seals.sealed).toBeGreaterThanOrEqual(found.readings);
      findings.push(found);
    }
    expect(Math.max(...findings.map(({ sessions }) => sessions))).toBeGreaterThan(1);
    const other = await evidence(gap.index);
    expect([other.status, other.stderr]).toEqual([2, expect.stringMatching(/is energy.gap/)]);

    // The file, read by its document alone: the fields are those of the entry, in their places there.
    const {
      format,
      whole: isWhole,
      claimed,
      derived,
      sealed,
    } = readByDocument(await readFile(out));
    expect([format, isWhole, sealed]).toEqual(["wattseal-evidence-1", true, true]);
    const places = { t0: 1, t1: 2, in: 3, out: 4, integralIn: 7, integralOut: 8, readings: 17 };
    for (const [field, place] of Object.entries(places)) {
      expect(derived[field as keyof typeof places], field).toBe(claimed[place]);
    }
    expect(Buffer.from(derived.digest).equals(claimed[18] as Uint8Array)).toBe(true);

    // The file, elsewhere.
    const trust = join(state, "gateway", "trust.json");
    const verified = await wattseal(["verify", out, "--trust", trust, "--json"]);
    expect(verified.status, verified.stdout).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      verified: true,
      index: relinked.at(-1)!.index,
      evidence: { verdict: "derived", seals: { wrong: 0, unreleased: 0 } },
    });
    const recorded = await wattseal(["verify", out, "--recording", recording, "--json"]);
    expect(recorded.status, recorded.stdout).toBe(0);
    const { evidence: found } = JSON.parse(recorded.stdout);
    expect(found.recording).toEqual({ recorded: found.seals.sealed, missing: 0 });
    const lines = (await readFile(recording, "utf8")).split("\n");
    const part = join(folder, "part.log");
    await writeFile(part, lines.slice(0, -3_000).join("\n"));
    const lacking = await wattseal(["verify", out, "--recording", part]);
    expect([lacking.status, lacking.stdout]).toEqual([
      1,
      expect.stringMatching(/PDUs are not in the recording/),
    ]);
    const nowhere = await wattseal(["verify", out, "--recording", join(folder, "no.log")]);
    expect([nowhere.status, nowhere.stderr]).toEqual([2, expect.stringMatching(/no\.log/)]);
    const whole = await readFile(out);
    for (const at of [9, Math.floor(whole.length / 2), whole.length - 5]) {
      const altered = join(folder, "altered.evidence");
      await writeFile(altered, whole.with(at, whole[at]! ^ 1));
      const refused = await wattseal(["verify", altered, "--trust", trust]);
      expect([refused.status, refused.stdout]).toEqual([1, expect.stringMatching(/refused/)]);
    }

    // What the gateway keeps: the first reading's body is another, and the block's check with it.
    const kept = join(state, "gateway", "evidence");
    const [name] = await readdir(kept);
    const path = join(kept, name!);
    const bytes = await readFile(path);
    await writeFile(path, rewritten(bytes, 100));
    const forged = [await evidence(relinked[0]!.index), await evidence(first.index)];
    const [held, different] = forged.sort((a, b) => a.status - b.status);
    expect(held).toMatchObject({ status: 0, verdict: "derived" });
    expect(different).toMatchObject({ status: 1, verdict: "different" });
    expect(different.fields).toContainEqual({
      field: "digest",
      finding: "different",
      reason: expect.stringMatching(/^the entry says [0-9a-f]{64}, its readings [0-9a-f]{64}$/),
    });

    // One byte alone is another.
    await writeFile(path, bytes.with(100, bytes[100]! ^ 1));
    const damaged = await evidence(relinked[0]!.index, "--out", join(folder, "none.evidence"));
    expect(damaged).toMatchObject({
      status: 1,
      verdict: "not derivable",
      reason: expect.stringMatching(/is not as it was written/),
    });
    await rm(path);
    expect(await evidence(relinked[0]!.index)).toMatchObject({
      status: 1,
      verdict: "not derivable",
      reason: expect.stringMatching(/nothing is kept/),
    });
    expect(await readdir(folder)).not.toContain("none.evidence");
  });

  it("derives what a killed gateway had kept; only its session's key is gone", async () => {
    const state = join(await temporaryFolder(), "state");
    await demoState(state, "--modules", "2");
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const running = await federation.line((line) => line.msg === "federation.running");
    const simulator = new Role(["sim", "--state", state, "--speed", "240"]);
    await simulator.line((line) => line.msg === "sim.running");
    const broker = String(running["broker"]);
    const entries = async (gateway: Role, count: number) => {
      for (let next = 0, seen = 0; seen < count; seen += 1) {
        const line = await gateway.line(({ msg }) => msg === "ledger.durable", next);
        next = gateway.lines.indexOf(line) + 1;
      }
    };
    const args = ["gateway", "--state", state, "--broker", broker, "--log-level", "debug"];
    const killed = new Role(args);
    await entries(killed, 40);
    await killed.kill();
    const stopped = new Role(args);
    await entries(stopped, 40);
    expect(await stopped.stop()).toBe(0);
    await simulator.stop();
    await federation.stop();

    const log = await LogStore.openReadOnly({ directory: join(state, "gateway", "log") });
    const entered = [...log.entries()].map((bytes) => decodeEntry(bytes).type);
    const ask = async (index: number) => {
      const asked = ["ledger", "evidence", String(index), "--state", state, "--json"];
      const { stdout, stderr } = await wattseal(asked);
      return stdout === "" ? stderr : JSON.parse(stdout);
    };
    const first = await ask(entered.indexOf("energy.interval"));
    expect(first).toMatchObject({ verdict: "derived", seals: { sealed: 0, wrong: 0 } });
    expect(first.seals.unreleased).toBeGreaterThanOrEqual(first.readings);
    const last = await ask(entered.lastIndexOf("energy.interval"));
    expect(last).toMatchObject({ verdict: "derived", seals: { unreleased: 0, wrong: 0 } });
  });
});
