import { describe, expect, it } from "vitest";
import { formatAscDate, parseAscDate } from "./asc-date.js";
import { ONE_OF_EACH, readText, write } from "./trace.fixture.js";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const candump = (asc: string) => {
  const { records, problems } = readText("asc", asc);
  return { lines: text(write(records, "candump")).trimEnd().split("\n"), problems: problems.first };
};
const HEADER = "date Fri Jul 10 06:17:32 2015\nbase hex  timestamps absolute\n";

describe("Vector ASC files", () => {
  it("hold every kind of record, in the columns of log2asc", () => {
    const written = text(write(ONE_OF_EACH, "asc"));
    expect(written.split("\n").slice(0, 6)).toEqual([
      "date Fri Jul 10 06:17:32 2015",
      "base hex  timestamps absolute",
      "no internal events logged",
      "   0.249713 1  123             Rx   d 2 11 AB",
      "   0.249714 1  0               Rx   d 0",
      "   0.300000 1  12x             Rx   d 1 FF",
    ]);
    const { records, problems } = readText("asc", written);
    expect(problems.count).toBe(0);
    const expected = ONE_OF_EACH.map((record) =>
      record.kind === "error" ? record : { ...record, direction: "rx" },
    );
    expect(records).toEqual(expected);
  });

  it("are read as Vector's tools write them", () => {
    const { lines, problems } = candump(`date Sam Mär 30 03:06:13.191 pm 2019
base hex  timestamps absolute
internal events logged
// version 9.0.0
Begin Triggerblock Sam Mär 30 03:06:13.191 pm 2019
   0.000000 Start of measurement
   0.015991 CAN 1 Status:chip status error passive - TxErr: 132 RxErr: 0
   1.015991 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%
   3.098426 1  18EBFF00x       Rx   d 8 01 A0 0F A6 60 3B D1 40  Length = 273910 BitCount = 141 ID = 418119424x
   3.1977 1  J1939TP FEE3p        6    0  0   -   Rx   d 23 A0 0F A6
   4.501010 2 ErrorFrame ECC: 10100010
   4.520002 3  200             Tx   r Length = 1704000 BitCount = 145 ID = 512
   4.584921 4  300             Tx   r 8 Length = 1704000 BitCount = 145 ID = 768
   4.600000 4  300             TxRq d 1 00
  30.005021 CANFD   1 Rx        300  Status_Name                      1 0 8  8 01 02 03 04 05 06 07 08   102203  133   303000 e0006659 46500250 4b140250 20011736 2001040d
  30.005041 CANFD   2 Tx   1C4D80A7x                                  0 1 9 12 01 02 03 04 05 06 07 08 09 0a 0b 0c   102203  133   305000 e0006659
  30.300981 CANFD   3 Tx      50005x                                  0 0 5  0   140000   73       10 7a60 46500250
  30.400000 CANFD   3 Rx         64                                   0 0 1  1 aa   140000   73        0 7a60 46500250
End TriggerBlock
`);
    expect(problems).toEqual([]);
    expect(lines).toEqual([
      "(1553958376.289426) can0 18EBFF00#01A00FA6603BD140 R",
      "(1553958377.692010) can1 20000080#0000000000000000",
      "(1553958377.711002) can2 200#R T",
      "(1553958377.775921) can3 300#R8 T",
      "(1553958403.196021) can0 300##10102030405060708 R",
      "(1553958403.196041) can1 1C4D80A7##20102030405060708090A0B0C T",
      "(1553958403.491981) can2 00050005#R5 T",
      "(1553958403.591000) can2 064#AA R",
    ]);
  });

  it("are read in decimal, with times relative to the event before", () => {
    const { lines, problems } = candump(`date Fri Jul 10 06:17:32 2015
base dec  timestamps relative
   0.500000 Start of measurement
   0.250000 1  291             Rx   d 2 17 171
   0.250000 1  100x            Rx   d 1 255
`);
    expect(problems).toEqual([]);
    expect(lines).toEqual([
      "(1436509052.750000) can0 123#11AB R",
      "(1436509053.000000) can0 00000064#FF R",
    ]);
  });

  it.each([
    ["a word of no header", "hello"],
    ["an event cut after the channel", "   0.1 1"],
    ["a frame cut after the identifier", "   0.1 1  123"],
    ["a direction that is none", "   0.1 1  123 Up d 1 00"],
    ["an identifier above 11 bits", "   0.1 1  800 Rx d 1 00"],
    ["an identifier above 29 bits", "   0.1 1  20000000x Rx d 1 00"],
    ["a name instead of an identifier", "   0.1 1  Speed Rx d 1 00"],
    ["data that ends early", "   0.1 1  123 Rx d 2 00"],
    ["data above a byte", "   0.1 1  123 Rx d 1 100"],
    ["neither data nor remote", "   0.1 1  123 Rx q 1 00"],
    ["no length code", "   0.1 1  123 Rx d"],
    ["an FD frame without flags", "   0.1 CANFD 1 Rx 123 Name"],
    ["no such FD length", "   0.1 CANFD 1 Rx 123 1 0 9 13 00 00"],
    ["FD data that ends early", "   0.1 CANFD 1 Rx 123 1 0 9 12 00 00"],
    ["an FD frame without a channel", "   0.1 CANFD x Rx 123 1 0 1 1 00"],
    ["lengths that disagree", "   0.1 CANFD 1 Rx 123 0 0 2 1 00 0 0 0"],
    ["a date that is none", "date yesterday"],
  ])("count a malformed line (%s), name it, and go on", (_, line) => {
    const { records, problems } = readText("asc", `${HEADER}${line}\n 0.2 1 123 Rx d 0\n`);
    expect(records).toHaveLength(1);
    expect(problems.first.map(({ place }) => place)).toEqual([3]);
  });

  it("do not hold a record of before their date, and say so", () => {
    const [late, early] = [ONE_OF_EACH[7]!, ONE_OF_EACH[0]!];
    expect(readText("asc", text(write([late, early], "asc"))).records).toHaveLength(1);
  });

  it("write their date as ctime does, in UTC", () => {
    for (const [ms, date] of [
      [166_000, "Thu Jan  1 00:02:46 1970"],
      [1_709_164_800_000, "Thu Feb 29 00:00:00 2024"],
    ] as const) {
      expect(formatAscDate(ms)).toBe(date);
      expect(parseAscDate(date)).toBe(ms);
    }
    expect(parseAscDate("Die Dez 31 12:00:00.5 am 2024")).toBe(
      Date.UTC(2024, 11, 31, 0, 0, 0, 500),
    );
  });
});
