import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";

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

describe("a pack with deployed, clear-text modules", () => {
  it("meters them without trust, beside sealed ones: their out counts, their in never; the audit verifies", async () => {
    const state = `${await temporaryFolder()}/state`;
    const args = ["--modules", "2", "--legacy", "2", "--speed", "max", "--for", "5s"];
    const run = await wattseal(["start", "--json", "--state", state, ...args]);
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
        // One was once suspect here; whether the load's step between two readings did it is not shown yet.
        expect(["consistent", "suspect"]).toContain(body["verdict"]);
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
    const fd = await wattseal(["start", "--state", state, "--legacy", "1", "--fd"]);
    expect(fd.status).toBe(2);
    expect(fd.stderr).toContain("classic-only");
    const many = await wattseal(["start", "--state", state, "--modules", "20", "--legacy", "12"]);
    expect(many.status).toBe(2);
    expect(many.stderr).toContain("31");
    for (const legacy of ["31", "-1", "some"]) {
      expect((await wattseal(["start", "--legacy", legacy])).status).toBe(2);
    }
  });
});
