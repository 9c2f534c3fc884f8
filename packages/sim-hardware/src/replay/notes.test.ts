import { describe, expect, it } from "vitest";
import { notesOf } from "./notes.js";
import { readRecording } from "./recording.js";

const notes = (...lines: string[]) => notesOf(readRecording(lines.join("\n"), "x.csv"));

describe("what is said of a recording", () => {
  it("is one line when all is clear: its columns and units", () => {
    expect(notes("t_ms,pack_V,pack_A,batt_C,soc_pct", "0,380,1,20,70", "100,380,1,20,70")).toEqual([
      'time "t_ms" in ms, voltage "pack_V" in V, current "pack_A" in A positive charging, temperature "batt_C" in °C, SOC "soc_pct" in %',
    ]);
  });

  it("tells from where SOC is counted when the file has none", () => {
    // 376 V over 94 cells are 4.00 V each: 80 % at rest.
    const [columns, soc, ...more] = notes("time,V,A", "0,376,1", "1,376,1");
    expect(columns).toMatch(/no temperature, no SOC$/);
    expect(soc).toMatch(/^SOC is counted from 80 %.*simulated modules \(16 Ah each\)$/);
    expect(more).toEqual([]);
  });

  it("tells of holes, and what they cost", () => {
    const rows = [0, 1, 2, 10, 11, 12, 30, 31].map((t) => `${t},380,1,50`);
    expect(notes("time,V,A,soc", ...rows)).toContain(
      "2 holes of more than 5 s, 26 s in all: skipped, no energy counted across them, and a gap in the log",
    );
  });

  it.each([
    [[0, 100, 200, 300, 301], 'rows are 100 s apart: is "time" really in s?'],
    [[0, 1e-5, 2e-5, 3], 'rows are 0.00001 s apart: is "time" really in s?'],
  ])("doubts the unit of time for rows at %j", (times, doubt) => {
    expect(notes("time,V,A,soc", ...times.map((t) => `${t},380,1,50`))).toContain(doubt);
  });
});
