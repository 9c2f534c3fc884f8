import { readFile, writeFile } from "node:fs/promises";
import { decodeEntry, type EntryBody } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { recording, temporaryFolder, wattseal } from "./support/program.js";

/** Design, ledger: within 0.2 % of an independent lab meter. */
const ACCURACY = 0.002;
/** Longer than this between two readings, and nobody knows what flowed. */
const LONGEST_STEP_SECONDS = 5;

interface Totals {
  readonly inWh: number;
  readonly outWh: number;
}

/** What the log of a replay says, entry by entry: sealed PDUs, gateway, ledger. */
async function replayed(file: string, modules: number) {
  const state = `${await temporaryFolder()}/state`;
  const args = [
    "start",
    "--tpm",
    "none",
    "--json",
    "--state",
    state,
    "--replay",
    file,
    "--speed",
    "max",
  ];
  const run = await wattseal([...args, "--modules", String(modules)]);
  expect(run.status, run.stderr).toBe(0);
  const summary = JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "");
  expect(summary).toMatchObject({ linked: modules, verified: true, witnessed: summary.entries });
  const log = await LogStore.openReadOnly({ directory: summary.log });
  const intervals: EntryBody<"energy.interval">[] = [];
  const gaps: EntryBody<"energy.gap">[] = [];
  const alarms: string[] = [];
  for (const bytes of log.entries()) {
    const { type, body } = decodeEntry(bytes);
    if (type === "energy.interval") intervals.push(body);
    if (type === "energy.gap") gaps.push(body);
    if (type === "link.alarm") alarms.push(body.alarm);
    expect(type).not.toBe("energy.reset");
  }
  const sum = (of: "in" | "out") => intervals.reduce((mwh, body) => mwh + body[of], 0) / 1000;
  return {
    summary,
    intervals,
    gaps,
    alarms,
    inWh: sum("in"),
    outWh: sum("out"),
    notes: run.stderr,
  };
}

function expectWithin(measured: Totals, expected: Totals): void {
  expect(Math.abs(measured.inWh / expected.inWh - 1)).toBeLessThan(ACCURACY);
  expect(Math.abs(measured.outWh / expected.outWh - 1)).toBeLessThan(ACCURACY);
}

/** Of a whole minute, readings bear the counters out; what start or end cut short may hold a load's step alone (decision 0011). */
function expectBorneOut(intervals: readonly EntryBody<"energy.interval">[]): void {
  const whole = intervals.filter(({ t0, t1 }) => t1 - t0 > 55_000);
  expect(whole.length).toBeGreaterThan(intervals.length / 2);
  for (const { verdict } of whole) expect(verdict).toBe("consistent");
}

/** The trapezoid of a table's usable rows by its own columns, written apart from the program's reader. */
function integrated(csv: string): Totals & { readonly holes: number } {
  const rows = csv
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").slice(0, 3).map(Number))
    .filter((row) => row.every(Number.isFinite));
  let [inWh, outWh, holes] = [0, 0, 0];
  for (const [i, [seconds = 0, volts = 0, amps = 0]] of rows.entries()) {
    const [before = 0, otherVolts = 0, otherAmps = 0] = rows[i - 1] ?? [seconds];
    const step = seconds - before;
    if (step > LONGEST_STEP_SECONDS) holes += 1;
    if (step <= 0 || step > LONGEST_STEP_SECONDS) continue;
    const powers = [volts * amps, otherVolts * otherAmps];
    inWh += powers.reduce((sum, watts) => sum + (Math.max(watts, 0) * step) / 7200, 0);
    outWh += powers.reduce((sum, watts) => sum + (Math.max(-watts, 0) * step) / 7200, 0);
  }
  return { inWh, outWh, holes };
}

/** 29 kW in to 43 kW out, irregular steps, and rows without a number: one alone, which is bridged, and two spans. */
function withHoles(): string {
  const isLost = (i: number) => i === 500 || (i >= 1_000 && i < 1_100) || (i >= 2_000 && i < 2_200);
  let seconds = 0;
  const rows = Array.from({ length: 3_000 }, (_, i) => {
    seconds += [0.1, 0.101, 0.25, 0.05][i % 4]!;
    const amps = (100 * Math.sin(i / 40) - 20).toFixed(3);
    const lost = i % 2 === 0 ? `nan,${amps}` : "360,NaN";
    return `${seconds.toFixed(3)},${isLost(i) ? lost : `360,${amps}`}`;
  });
  return `t_s,V,A\n${rows.join("\n")}\n`;
}

type Part = EntryBody<"energy.interval"> | EntryBody<"energy.gap">;

/** Each begins where the one before ended, in time and in the module's counters. */
function expectTiled(parts: readonly Part[]): void {
  const ordered = [...parts].sort((a, b) => a.t0 - b.t0 || a.t1 - b.t1);
  for (const [i, part] of ordered.entries()) {
    const before = ordered[i - 1] ?? { t1: part.t0, end: part.start };
    expect([part.t0, part.start]).toEqual([before.t1, before.end]);
  }
}

const CELL = recording("panasonic-18650pf/25degC_US06.csv");
const DRIVES = [
  { file: "bmw-i3/TripB02.csv", outWh: 5164.5, inWh: 754.5 },
  { file: "bmw-i3/TripA04.csv", outWh: 2160.54, inWh: 260.53 },
];

describe("energy from a recorded cell or drive to the entries of the log", () => {
  it.skipIf(CELL === undefined)(
    "agrees with the lab cycler's own counter over US06 within 0.2 % (skipped where ../shared/data is absent)",
    async () => {
      const { inWh, outWh, intervals, gaps, alarms } = await replayed(CELL!, 1);
      expect(alarms).toEqual([]);
      // Its last row: -8.86022 Wh. Steps are irregular, 0.1 s to 2.3 s, all of them bridged.
      expect(Math.abs((inWh - outWh) / -8.8602 - 1)).toBeLessThan(ACCURACY);
      expectWithin({ inWh, outWh }, integrated(await readFile(CELL!, "utf8")));
      expect(gaps).toEqual([]);
      expect(intervals.length).toBeGreaterThan(4818 / 60);
      expectBorneOut(intervals);
    },
  );

  for (const { file, ...expected } of DRIVES) {
    const path = recording(file);
    it.skipIf(path === undefined)(
      `agrees with ${file} within 0.2 %, summed over the entries of 8 modules (skipped where ../shared/data is absent)`,
      async () => {
        const { inWh, outWh, intervals, gaps, alarms, summary } = await replayed(path!, 8);
        expect(alarms).toEqual([]);
        expectWithin({ inWh, outWh }, expected);
        expect(summary.energy).toEqual({ inMwh: inWh * 1000, outMwh: outWh * 1000 });
        expect(gaps).toEqual([]);
        expectBorneOut(intervals);
      },
    );
  }

  it("keeps a gap for each module where the recording knows nothing, and counts nothing across it", async () => {
    const csv = withHoles();
    const file = `${await temporaryFolder()}/holes.csv`;
    await writeFile(file, csv);
    const expected = integrated(csv);
    expect(expected.holes).toBe(2);
    const { intervals, gaps, alarms, notes, summary, ...measured } = await replayed(file, 4);
    // Nobody has read the pack's shunt there either, which is told where it leaves a window without a check.
    expect(alarms.filter((alarm) => alarm !== "shunt-missing")).toEqual([]);
    expect(notes).toMatch(/2 holes of more than 5 s/);
    expectWithin(measured, expected);

    expect(gaps).toHaveLength(2 * 4);
    const modules = new Set(intervals.map(({ module }) => module));
    expect(modules.size).toBe(4);
    for (const module of modules) {
      const own = gaps.filter((gap) => gap.module === module);
      expect(own.map(({ reason }) => reason)).toEqual(["silence", "silence"]);
      for (const { t0, t1, in: inward, out } of own) {
        expect(t1 - t0).toBeGreaterThan(1000 * LONGEST_STEP_SECONDS);
        // What passed from the last reading to the recording's last row: no more than 0.2 s of 43 kW's share.
        expect(inward + out).toBeLessThan(2_000);
      }
      expectTiled([...intervals, ...gaps].filter((part) => part.module === module));
    }
    const whole = [...intervals, ...gaps].reduce((mwh, part) => mwh + part.in + part.out, 0) / 1000;
    expect(Math.abs(whole / (expected.inWh + expected.outWh) - 1)).toBeLessThan(ACCURACY);
    expect(summary.pdus.rejected).toBe(0);
  });
});
