import { milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEntry, encodeEntry } from "../entries/entry.js";
import { readyLog, type TestLog } from "../ledger.fixture.js";
import { interval, NOON, SAMPLES } from "../samples.fixture.js";
import { csvField, csvHeader, csvLine } from "./csv.js";
import { endOf, within } from "./proof.js";
import { type LedgerRow, rowOf } from "./rows.js";
import { decimal, jsonLine } from "./text.js";

const HEAD = { origin: "wattseal/test", size: 900, root: "ab".repeat(32) };

const rowsOf = (log: TestLog): LedgerRow[] =>
  log.entries.flatMap((bytes, index) => rowOf(index, decodeEntry(bytes), HEAD) ?? []);

/** RFC 4180, read character by character. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') {
      const pair = quoted && text[at + 1] === '"';
      if (pair) cell += text[++at];
      else quoted = !quoted;
    } else if (quoted || (text[at] !== "," && !text.startsWith("\r\n", at))) cell += text[at];
    else {
      cells.push(cell);
      cell = "";
      if (text[at] === ",") continue;
      rows.push(cells);
      cells = [];
      at += 1;
    }
  }
  return rows;
}

function csvRecord(row: LedgerRow): Record<string, string> {
  const [names, cells] = parseCsv(csvHeader() + csvLine(row));
  expect(cells).toHaveLength(names!.length);
  return Object.fromEntries(names!.map((name, i) => [name, cells![i]!]));
}

describe("a decimal", () => {
  it("is the integer with its point, for every integer that is exact", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 6 }), (value, places) => {
        const text = decimal(value, places);
        expect(BigInt(text.replace(".", ""))).toBe(BigInt(value));
        expect(text).toMatch(new RegExp(`^-?\\d+\\.\\d{${places}}$`));
      }),
    );
    expect([decimal(0, 3), decimal(-1, 3), decimal(12_345_678, 6)]).toEqual([
      "0.000",
      "-0.001",
      "12.345678",
    ]);
  });

  it("is refused for what is no exact integer", () => {
    for (const value of [2 ** 53, 0.1, Number.NaN])
      expect(() => decimal(value, 3)).toThrow(/exact/);
  });
});

describe("a row", () => {
  it("tells an interval in whole units, and what backs it", () => {
    const entry = { type: "energy.interval", timeMs: interval.t1, body: interval } as const;
    expect(rowOf(7, entry, HEAD)).toEqual({
      record: "interval",
      index: 7,
      time: "2023-11-14T22:13:19.900Z",
      from: "2023-11-14T22:12:20.000Z",
      to: "2023-11-14T22:13:19.900Z",
      module: "5d01000012345678",
      inMwh: 5,
      outMwh: 12_000,
      integralInMwh: 0,
      integralOutMwh: 12_001,
      counterInMwh: 1_000_005,
      counterOutMwh: 2 ** 48 - 8_000,
      voltageLowMv: 345_000,
      voltageHighMv: 349_995,
      currentLowMa: -42_000,
      currentHighMa: 10_000,
      temperatureLowCentiC: 2_193,
      temperatureHighCentiC: 60_000,
      socStartPct: 87.5,
      socEndPct: 0,
      readings: 300,
      verdict: "consistent",
      proof: { ...HEAD, first: 7, last: 7 },
    });
  });

  it("is there for every entry about energy and what is missing of it, and for no other", () => {
    const told = SAMPLES.filter((entry) => rowOf(1, entry, HEAD) !== undefined);
    expect([...new Set(told.map(({ type }) => type))].sort()).toEqual(
      [
        "energy.check",
        "energy.gap",
        "energy.interval",
        "energy.reconcile",
        "energy.reset",
        "energy.resolve",
        "energy.resolution",
        "ops.loss",
        "energy.window",
        "society.charge",
        "society.expire",
      ].sort(),
    );
  });

  it("of a window reaches back to the first entry that it closes", () => {
    const log = readyLog();
    log.minute(10, 3);
    const window = rowsOf(log).at(-1)!;
    const { index } = window;
    expect(window).toMatchObject({ record: "window", netMwh: 7, count: 1 });
    expect(window.proof).toEqual({ ...HEAD, first: index - 1, last: index });
  });

  it("of a check and of a resolve reaches back to what they speak of", () => {
    const rows = SAMPLES.flatMap((entry) => rowOf(99, entry, HEAD) ?? []);
    const firstOf = (name: string) => rows.find(({ record }) => record === name)?.proof.first;
    const said = (type: string) => SAMPLES.find((entry) => entry.type === type)?.body;
    expect(said("energy.check")).toMatchObject({ first: firstOf("check") });
    expect(said("energy.resolve")).toMatchObject({ interval: firstOf("resolve") });
  });

  it("splits a charge as the society did", () => {
    const log = readyLog();
    log.minute(1_001, 0);
    const before = log.summary;
    const index = log.charge(1_001, 10_000);
    const row = rowsOf(log).at(-1)!;
    expect(row).toMatchObject({ record: "charge", index, amountMwh: 1_001, tierBps: 10_000 });
    expect(row.sources).toEqual([{ source: "roof", mwh: 1_001 }]);
    expect(row.lotMwh).toBe(log.summary.atp - before.atp);
    expect(row.withheldMwh).toBe(log.summary.withheld - before.withheld);
  });
});

describe("JSON lines", () => {
  it("give the rows back, number by number", () => {
    const log = readyLog();
    for (let i = 0; i < 5; i += 1) log.minute(100 * i, 7);
    log.charge(10, 10_000);
    const rows = rowsOf(log);
    expect(rows.length).toBeGreaterThan(10);
    const lines = rows.map(jsonLine).join("");
    const read = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(read).toEqual(JSON.parse(JSON.stringify(rows)));
    expect(read.map(jsonLine).join("")).toBe(lines);
  });
});

describe("CSV", () => {
  it("holds Wh, V, A and °C as exact decimals", () => {
    const entry = { type: "energy.interval", timeMs: interval.t1, body: interval } as const;
    expect(csvRecord(rowOf(7, entry, HEAD)!)).toMatchObject({
      record: "interval",
      entry: "7",
      in_wh: "0.005",
      out_wh: "12.000",
      integral_out_wh: "12.001",
      counter_out_wh: "281474976702.656",
      voltage_low_v: "345.000",
      current_low_a: "-42.000",
      temperature_low_c: "21.93",
      soc_start_pct: "87.5",
      net_wh: "",
      proof_last: "7",
      head_size: "900",
      head_root: HEAD.root,
    });
  });

  it("says Wh below zero of a window with net use", () => {
    const entry = SAMPLES.find(({ type }) => type === "energy.window")!;
    expect(csvRecord(rowOf(1, entry, HEAD)!)).toMatchObject({ net_wh: "-12.345", count: "2" });
  });

  it("gives any text back, quoted where it has to be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (basis) => {
        const body = { kind: "full", stock: milliwattHours(1), basis } as const;
        const entry = { type: "energy.reconcile", timeMs: interval.t1, body } as const;
        expect(csvRecord(rowOf(1, entry, HEAD)!)["note"]).toBe(`full: ${basis}`);
      }),
    );
    expect(csvField('say "a, b"')).toBe('"say ""a, b"""');
    expect(csvField("two\r\nlines")).toBe('"two\r\nlines"');
  });

  it("lets no text pass for a formula, and leaves numbers alone", () => {
    expect(["=1+1", "+1", "-cmd", "@x"].map(csvField)).toEqual(["'=1+1", "'+1", "'-cmd", "'@x"]);
    expect(["-0.001", "-42.000", "12"].map(csvField)).toEqual(["-0.001", "-42.000", "12"]);
    const disguised = ["\t=1", "\r=1", "\n=1", "  =1", "\u00a0@x", "\u3000+1", "＝1", "－x", "＠x"];
    for (const text of disguised) expect(csvField(text)).toMatch(/^"?'/);
    expect(csvField('=HYPERLINK("http://x","a")')).toBe(`"'=HYPERLINK(""http://x"",""a"")"`);
    // Hidden behind a character that is not shown, it is shown.
    expect(csvField("\u202e=1")).toBe("\\u202e=1");
    expect(csvField("a\u2028b\u2066c")).toBe("a\\u2028b\\u2066c");
    expect(csvField("Straße · 電池 🔋")).toBe("Straße · 電池 🔋");
  });

  it("begin no cell with a formula, whatever an entry's text is", () => {
    const entry = SAMPLES.find(({ type }) => type === "energy.reconcile")!;
    const hostile = fc.tuple(
      fc.constantFrom("=", "+", "-", "@", "\u202d", " ", '"', ","),
      fc.string(),
    );
    fc.assert(
      fc.property(hostile, ([first, rest]) => {
        const row = rowOf(1, entry, HEAD)!;
        const note = `${first}${rest}`;
        const [cells] = parseCsv(csvLine({ ...row, note }));
        for (const cell of cells!) {
          if (!/^-?\d+(\.\d+)?$/.test(cell)) expect(cell).not.toMatch(/^\s*[=+\-@＝＋－＠]/);
        }
      }),
    );
  });

  it("hold no control characters: no entry does", () => {
    const entry = SAMPLES.find(({ type }) => type === "energy.reconcile")!;
    if (entry.type !== "energy.reconcile") throw new Error("no sample");
    for (const control of ["\0", "\t", "\n", "\u001b[2J", "\u007f", "\u009b"]) {
      const body = { ...entry.body, basis: `a${control}` };
      expect(() => encodeEntry({ ...entry, body })).toThrow(/phrase/);
    }
  });

  it("refuse a number that is no exact integer, and print the largest that is", () => {
    expect(decimal(Number.MAX_SAFE_INTEGER, 3)).toBe("9007199254740.991");
    expect(decimal(-Number.MAX_SAFE_INTEGER, 3)).toBe("-9007199254740.991");
    for (const value of [2 ** 53, 2 ** 60, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => decimal(value, 3)).toThrow(/no exact integer/);
    }
    const entry = SAMPLES.find(({ type }) => type === "energy.gap")!;
    if (entry.type !== "energy.gap") throw new Error("no sample");
    // The largest energy that an entry can say is exact in either format.
    const most = milliwattHours(2 ** 48 - 1);
    const row = rowOf(1, { ...entry, body: { ...entry.body, in: most } }, HEAD)!;
    expect(csvRecord(row)["in_wh"]).toBe("281474976710.655");
    expect(JSON.parse(jsonLine(row)).inMwh).toBe(2 ** 48 - 1);
  });
});

describe("a period", () => {
  it("takes what ends in it, midnight belonging to the day before", () => {
    const window = SAMPLES.find(({ type }) => type === "energy.window")!;
    const end = endOf(window);
    expect(end).toBe(NOON);
    expect(within({ from: end - 1, to: end }, end)).toBe(true);
    expect(within({ from: end, to: end + 1 }, end)).toBe(false);
  });
});
