import { describe, expect, it } from "vitest";
import { bytesOf, recordedFile } from "../testing.fixture.js";
import { readRecording } from "./recording.js";

const table = (...lines: string[]) => readRecording(lines.join("\n"), "table.csv");

describe("readRecording", () => {
  it("clips each sample before the trapezoid: charge and discharge are integrated apart", () => {
    // 3600 W charging falls to −3600 W within 1 s: 0.5 Wh each, not 0.25 Wh as the crossing would give.
    const { wattHours } = table("t_s,pack_V,pack_A", "0,100,36", "1,100,-36");
    expect(wattHours).toEqual({ in: 0.5, out: 0.5 });
  });

  it("finds columns by name, whatever their order and case", () => {
    const [first] = table(
      "speed,SOC_pct,Pack_A,batt_C,pack_V,T_S",
      "50,81,-2,13,390,0",
      "50,81,-2,13,390,1",
    ).samples;
    expect(first).toEqual({
      seconds: 0,
      volts: 390,
      amps: -2,
      celsius: 13,
      soc: 0.81,
      afterHole: false,
    });
    const [short] = table("t,V,A,T", "0,4,1,25", "1,4,1,25").samples;
    expect(short).toMatchObject({ seconds: 0, volts: 4, amps: 1, celsius: 25, soc: undefined });
  });

  it("reads semicolons with decimal commas, units in brackets, a byte order mark, CRLF, and milliseconds", () => {
    const recording = readRecording(
      "\ufeffTime_ms;Battery Voltage [V];Battery Current [A];SoC [%]\r\n0;390,5;-1,5;80\r\n500;390,4;-1,6;79,5\r\n",
      "x",
    );
    expect(recording.problemCount).toBe(0);
    expect(recording.samples[1]).toMatchObject({
      seconds: 0.5,
      volts: 390.4,
      amps: -1.6,
      soc: 0.795,
    });
  });

  it("passes over what it cannot use, and says where", () => {
    const recording = table(
      "t_s,V,A,batt_C",
      "0,4,-1,25",
      "1,nan,-1,25",
      "2,4,,25",
      "half a li",
      "2.5,4,-1",
      "2.5,4,-1,25",
      "2.4,4,-1,25",
      "",
      "3,4,-1,nan",
      "4,-4,-1,25",
      "5,4,1e9,25",
      "NaN,4,-1,25",
    );
    expect(recording.samples.map(({ seconds }) => seconds)).toEqual([0, 2.5, 3]);
    expect(recording.samples[2]!.celsius).toBeUndefined();
    expect(recording.problems).toEqual([
      { line: 3, problem: "no usable voltage" },
      { line: 4, problem: "no usable current" },
      { line: 5, problem: "no time" },
      { line: 7, problem: "time does not increase" },
      { line: 8, problem: "time does not increase" },
      { line: 11, problem: "no usable voltage" },
      { line: 12, problem: "no usable current" },
      { line: 13, problem: "no time" },
    ]);
    expect(recording.problemCount).toBe(8);
  });

  it("bridges 5 s, and does not integrate across more", () => {
    const recording = table("t,V,A", "0,100,-36", "5,100,-36", "10.5,100,-36", "11.5,100,-36");
    expect(recording.wattHours.out).toBeCloseTo(6, 9);
    expect(recording.holes).toBe(1);
    expect(recording.holeSeconds).toBe(5.5);
    expect(recording.samples.map(({ afterHole }) => afterHole)).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it("counts every problem and keeps the first 200", () => {
    const lines = Array.from({ length: 500 }, () => "x");
    const recording = table("t,V,A", "0,1,1", "1,1,1", ...lines);
    expect(recording.problemCount).toBe(500);
    expect(recording.problems.length).toBe(200);
  });

  it.each([
    ["", "no time"],
    ["t,V", "no current"],
    ["t,A", "no voltage"],
    ["V,A", "no time"],
    ["t,V,A\n0,1,1", "fewer than two usable rows"],
    ["t,V,A\n0,x,1\n1,x,1", "line 2: no usable voltage"],
  ])("refuses a file that cannot be played: %j", (text, problem) => {
    expect(() => readRecording(text, "x.csv")).toThrowError(
      expect.objectContaining({ code: "recording", message: expect.stringContaining(problem) }),
    );
  });

  const known = (name: string) => {
    const file = recordedFile(name);
    const title = file.present ? name : `${name} (skipped: ../shared/data is absent)`;
    return { title, name, ...file };
  };
  for (const { name, title, url, present, wattHours } of [
    { ...known("bmw-i3/TripB02.csv"), wattHours: { in: 754.5, out: 5164.5 } },
    { ...known("bmw-i3/TripA04.csv"), wattHours: { in: 260.53, out: 2160.54 } },
  ]) {
    it.skipIf(!present)(`gives the known totals of ${title}, to 0.01 %`, () => {
      const recording = readRecording(bytesOf(url), name);
      expect(recording.problemCount).toBe(0);
      expect(Math.abs(recording.wattHours.in / wattHours.in - 1)).toBeLessThan(1e-4);
      expect(Math.abs(recording.wattHours.out / wattHours.out - 1)).toBeLessThan(1e-4);
    });
  }

  const cell = known("panasonic-18650pf/25degC_US06.csv");
  it.skipIf(!cell.present)(`gives the known net of ${cell.title}, irregular steps and all`, () => {
    const { wattHours, problems } = readRecording(bytesOf(cell.url), cell.name);
    expect(wattHours.in - wattHours.out).toBeCloseTo(-8.8623, 2);
    expect(problems).toEqual([{ line: 48_062, problem: "time does not increase" }]);
  });
});
