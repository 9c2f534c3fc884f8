import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { recording, temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";

/** The recordings' own totals: V·I, charge and discharge each integrated by trapezoid. */
const DRIVES = [
  { file: "bmw-i3/TripB02.csv", outWh: 5164.5, inWh: 754.5 },
  { file: "bmw-i3/TripA04.csv", outWh: 2160.54, inWh: 260.53 },
];

async function run(args: readonly string[], seconds?: number) {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const end = seconds === undefined ? [] : await lasting(seconds, folder);
  const finished = await wattseal(["start", "--json", "--state", state, ...args, ...end]);
  const last = finished.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { ...finished, state, summary: JSON.parse(last) };
}

describe("wattseal start", () => {
  it("charges and drives the demonstration pack: everything is linked, witnessed and verified", async () => {
    const { status, summary, stderr } = await run(["--speed", "120"], 600);
    expect(stderr).not.toContain("PROBLEM");
    expect(status).toBe(0);
    expect(summary).toMatchObject({ modules: 8, linked: 8, verified: true });
    expect(summary.pdus.accepted).toBe(summary.pdus.sent);
    expect(summary.pdus.rejected).toBe(0);
    expect(summary.witnessed).toBe(summary.entries);
    const { supply, atp, reserved, adp } = summary.society;
    expect(supply).toBe(8 * 20_000_000);
    expect(atp + reserved + adp).toBe(supply);

    const log = await LogStore.openReadOnly({ directory: summary.log });
    const entries = [...log.entries()].map((bytes) => decodeEntry(bytes));
    const windows = entries.flatMap((entry) =>
      entry.type === "energy.window" ? [entry.body] : [],
    );
    const [first, last] = [windows.at(0), windows.at(-1)];
    expect(last!.t1 - first!.t0).toBeGreaterThanOrEqual(8 * 60_000);
    expect(last!.t1 - first!.t0).toBeLessThanOrEqual(12 * 60_000);

    // Supply holds still; ATP grows with charging and shrinks with use, within these ten minutes.
    expect(entries.filter(({ type }) => type === "society.mint")).toHaveLength(1);
    const charged = entries.findIndex(({ type }) => type === "society.charge");
    expect(charged).toBeGreaterThan(0);
    const used = entries
      .slice(charged)
      .some((entry) => entry.type === "energy.window" && entry.body.net < 0);
    expect(used).toBe(true);
  });

  for (const { file, outWh, inWh } of DRIVES) {
    const path = recording(file);
    for (const bus of ["classic", "fd"]) {
      it.skipIf(path === undefined)(
        `records ${file} over ${bus} CAN within 0.2 % (skipped where ../shared/data is absent)`,
        async () => {
          const flags = bus === "fd" ? ["--fd"] : [];
          const { status, summary } = await run(["--replay", path!, "--speed", "400", ...flags]);
          expect(status).toBe(0);
          expect(summary).toMatchObject({ modules: 8, linked: 8, verified: true });
          expect(Math.abs(summary.energy.outMwh / 1000 / outWh - 1)).toBeLessThan(0.002);
          expect(Math.abs(summary.energy.inMwh / 1000 / inWh - 1)).toBeLessThan(0.002);
          expect(summary.pdus).toMatchObject({ accepted: summary.pdus.sent, rejected: 0 });
          expect(summary.witnessed).toBe(summary.entries);
        },
      );
    }
  }

  it("carries a full bus of 31 modules at 5 Hz without losing a reading, and their word at the end", async () => {
    const { status, summary } = await run(["--modules", "31", "--speed", "10"], 60);
    expect(status).toBe(0);
    expect(summary).toMatchObject({ modules: 31, linked: 31, verified: true });
    expect(summary.pdus).toMatchObject({ accepted: summary.pdus.sent, rejected: 0 });
    const log = await LogStore.openReadOnly({ directory: summary.log });
    const statements = [...log.entries()]
      .map((bytes) => decodeEntry(bytes))
      .filter(({ type }) => type === "energy.statement");
    expect(statements).toHaveLength(31);
  });

  it("goes on in a state folder that is there", async () => {
    const first = await run(["--for", "3s", "--modules", "2"]);
    const again = await wattseal(["start", "--json", "--state", first.state, "--for", "3s"]);
    const summary = JSON.parse(again.stdout.trimEnd().split("\n").at(-1) ?? "");
    expect(again.status).toBe(0);
    expect(summary.entries).toBeGreaterThan(first.summary.entries);
    expect(summary).toMatchObject({ modules: 2, verified: true, witnessed: summary.entries });
  });

  it("says what is wrong with a wrong command line, and does nothing", async () => {
    for (const args of [
      ["--modules", "32"],
      ["--speed", "0"],
      ["--for", "soon"],
      ["--replay", "/nowhere.csv"],
    ]) {
      const { status, stderr } = await wattseal(["start", ...args]);
      expect(status).toBe(2);
      expect(stderr).not.toBe("");
    }
  });
});
