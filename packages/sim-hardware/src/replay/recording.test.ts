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
      line: 2,
      seconds: 0,
      volts: 390,
      amps: -2,
      celsius: 13,
      soc: 0.81,
      afterHole: false,
    });
    const [short] = table("time,V,A,temp", "0,4,1,25", "1,4,1,25").samples;
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
      "5,4,1e999,25",
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

  it("passes over rows wider than the header, but for separators at their end", () => {
    const recording = table("t_s,V,A", "0,100,1,,", "1,100,5,1", "2,100,1", "3,100,1, ,x");
    expect(recording.samples.map(({ seconds }) => seconds)).toEqual([0, 2]);
    expect(recording.problems).toEqual([
      { line: 3, problem: "4 fields under a header of 3" },
      { line: 5, problem: "5 fields under a header of 3" },
    ]);
  });

  it("bridges 5 s, and does not integrate across more", () => {
    const recording = table("t_s,V,A", "0,100,-36", "5,100,-36", "10.5,100,-36", "11.5,100,-36");
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
    const recording = table("t_s,V,A", "0,1,1", "1,1,1", ...lines);
    expect(recording.problemCount).toBe(500);
    expect(recording.problems.length).toBe(200);
  });

  it.each([
    ["", "x.csv: no header row"],
    ["t_s,V", "no current"],
    ["t_s,A", "no voltage"],
    ["V,A", "no time column (such as t_s or time) among: V, A"],
    ["t_s,V,A\n0,1,1", "fewer than two usable rows"],
    ["t_s,V,A\n0,x,1\n1,x,1", "line 2: no usable voltage"],
    [
      "# SI\nt_s,V,A\n0,380,1\n1,3868,1",
      "x.csv, line 4: 3868 V: a module's reading holds 983.025 V",
    ],
    [
      "t_s,V,A\n0,380,1\n1,380,-20316",
      "x.csv, line 3: -20316 A: the readings of a pack hold 20315.54 A",
    ],
  ])("refuses a file that cannot be played: %j", (text, problem) => {
    expect(() => readRecording(text, "x.csv")).toThrowError(
      expect.objectContaining({ code: "recording", message: expect.stringContaining(problem) }),
    );
  });

  const columns = (header: string) => {
    const rest = Array.from(header.matchAll(/,/g), (_, i) => `,${i + 1}`).join("");
    const found = table(header, `0${rest}`, `1${rest}`).columns;
    return Object.entries(found).map(([of, column]) => `${of} ${column?.name} ${column?.unit}`);
  };

  it.each([
    [
      "t [ms],battery_voltage,I [A],Current (mA)",
      "time t [ms] ms",
      "volts battery_voltage V",
      "amps Current (mA) mA",
    ],
    ["timestamp,V,A,pack_V,speed", "time timestamp s", "volts pack_V V", "amps A A"],
    [
      "Time [s],Battery Voltage [V],Battery Current [A],displayed SoC [%]",
      "volts Battery Voltage [V] V",
      "soc undefined undefined",
    ],
    ["time,voltage,current,max_V,cell_voltage", "volts voltage V", "celsius undefined undefined"],
    ["time_s,pack_V,pack_A,amb_C,batt_C", "celsius batt_C °C"],
  ])("says which columns it took, and in which units: %s", (header, ...said) => {
    expect(columns(header)).toEqual(expect.arrayContaining(said));
  });

  it.each([
    ["time,u,i,temp,max,charge,a,v", "no voltage column"],
    ["time,voltage,a", "no current column"],
    ["t,V,A", "no time column"],
    ["time,voltage [kV],A", "no voltage column"],
    [
      "time,pack_voltage,battery_V,A",
      'more than one voltage column: "pack_voltage" (column 2), "battery_V" (column 3)',
    ],
    ["time,time_ms,V,A", "more than one time column"],
    ["time,V,V,A", 'two columns are named "V": 2 and 3'],
    ["time,V,A,note,x, note ", 'two columns are named "note": 4 and 6'],
    ["time,V,A,temp,temperature", "more than one temperature column"],
  ])("takes no column by a guess: %s", (header, problem) => {
    expect(() => columns(header)).toThrowError(
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
