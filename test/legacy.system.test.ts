import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";

interface Entry {
  readonly index: number;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an interval or a gap adds to its window, by the rule: unauthenticated and gaps count their out, never their in. */
function netOf({ type, body }: Entry): number {
  const [inward, out] = [Number(body["in"]), Number(body["out"])];
  if (type === "energy.gap") return -out;
  if (type !== "energy.interval") return 0;
  return body["verdict"] === "consistent" ? inward - out : -out;
}

/** Four modules' charging power, when the relay of only one is closed yet, over half of the 0.2 s between readings: mWh. */
const LARGEST_STEP = (4 * 4_200 * 0.1) / 3.6;

/**
 * By the rule: 1 % of what went through and 100 mWh. Only an interval that start or shutdown cut short may miss that,
 * and by no more than a load's step between two of its readings explains.
 */
function checkSealed(body: Entry["body"]): void {
  const [t0, t1] = [Number(body["t0"]), Number(body["t1"])];
  const difference =
    Math.abs(Number(body["in"]) - Number(body["integralIn"])) +
    Math.abs(Number(body["out"]) - Number(body["integralOut"]));
  const through = Number(body["in"]) + Number(body["out"]);
  const agrees = 100 * (difference - 100) <= through;
  expect(body["verdict"]).toBe(agrees ? "consistent" : "suspect");
  if (t1 - t0 > 55_000) expect(body["verdict"]).toBe("consistent");
  if (!agrees) expect(difference).toBeLessThanOrEqual(LARGEST_STEP);
}

describe("a pack with deployed, clear-text modules", () => {
  it("meters them without trust, beside sealed ones: their out counts, their in never; the audit verifies", async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const args = ["--modules", "2", "--legacy", "2", "--speed", "max", "--state", state];
    const whole = await lasting(900, folder);
    const run = await wattseal(["start", "--tpm", "none", "--json", ...args, ...whole]);
    const summary = JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "");
    expect(run.stderr).not.toContain("PROBLEM");
    expect(run.status).toBe(0);
    expect(summary).toMatchObject({
      modules: 2,
      linked: 2,
      legacy: { modules: 2, registered: 2 },
      verified: true,
      witnessed: summary.entries,
    });
    expect(summary.legacy.readings).toBeGreaterThan(100);
    expect(summary.pdus.accepted).toBe(summary.pdus.sent);

    const list = await wattseal(["ledger", "list", summary.log, "--json"]);
    const entries: Entry[] = list.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const modules: { uid: string }[] = JSON.parse(
      await readFile(join(state, "sim", "legacy-modules.json"), "utf8"),
    );
    const uids = new Set(modules.map(({ uid }) => uid));
    expect(uids.size).toBe(2);

    let [inward, outward, net] = [0, 0, 0];
    for (const entry of entries) {
      const { type, body } = entry;
      net += netOf(entry);
      if (type === "energy.window") {
        expect(body["net"]).toBe(net);
        net = 0;
      }
      if (type !== "energy.interval") continue;
      if (!uids.has(String(body["module"]))) {
        checkSealed(body);
        continue;
      }
      expect(body["verdict"]).toBe("unauthenticated");
      for (const sealed of ["start", "end", "digest"]) expect(body[sealed]).toBeUndefined();
      expect([body["in"], body["out"]]).toEqual([body["integralIn"], body["integralOut"]]);
      inward += Number(body["in"]);
      outward += Number(body["out"]);
    }
    expect(inward).toBeGreaterThan(100_000);
    expect(outward).toBeGreaterThan(100_000);
    expect(entries.filter(({ type }) => type === "link.alarm")).toEqual([]);
    // Only what sealed modules took in became eligible.
    const sealedIn = entries.reduce((sum, { type, body }) => {
      const counts = type === "energy.interval" && body["verdict"] === "consistent";
      return counts ? sum + Number(body["in"]) : sum;
    }, 0);
    const charged = entries.reduce(
      (sum, { type, body }) => (type === "society.charge" ? sum + Number(body["amount"]) : sum),
      0,
    );
    expect(charged).toBeGreaterThan(0);
    expect(charged).toBeLessThanOrEqual(sealedIn);

    const trust = join(state, "gateway", "trust.json");
    const audit = await wattseal(["ledger", "audit", summary.log, "--trust", trust]);
    expect(audit.status).toBe(0);
  });

  it("are served only where they are listed and admitted, and never on an FD bus", async () => {
    const state = `${await temporaryFolder()}/state`;
    const fd = await wattseal([
      "start",
      "--tpm",
      "none",
      "--state",
      state,
      "--legacy",
      "1",
      "--fd",
    ]);
    expect(fd.status).toBe(2);
    expect(fd.stderr).toContain("classic-only");
    const many = await wattseal([
      "start",
      "--tpm",
      "none",
      "--state",
      state,
      "--modules",
      "20",
      "--legacy",
      "12",
    ]);
    expect(many.status).toBe(2);
    expect(many.stderr).toContain("31");
    for (const legacy of ["31", "-1", "some"]) {
      expect((await wattseal(["start", "--tpm", "none", "--legacy", legacy])).status).toBe(2);
    }
  });
});
