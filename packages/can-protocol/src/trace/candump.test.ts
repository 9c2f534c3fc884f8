import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { traceReader } from "./formats.js";
import { ONE_OF_EACH, readAll, readText, write } from "./trace.fixture.js";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** As candump -l (can-utils) writes these records. */
const LINES = `(1436509052.249713) can0 123#11AB
(1436509052.249714) can0 000#
(1436509052.300000) can0 00000012#FF
(1436509052.300001) can0 1FFFFFFF#0102030405060708_B
(1436509052.999999) can0 7FF#R
(1436509053.000000) can0 18FF1234#R4
(1436509053.000001) can0 18FF1234#R8_9
(1436509053.500000) can0 123##0
(1436509053.500001) can0 12345678##3000306090C0F1215181B1E2124272A2D303336393C3F4245484B4E5154575A5D606366696C6F7275787B7E8184878A8D909396999C9FA2A5A8ABAEB1B4B7BABD
(1436509053.600000) can0 00000007##1000000000000000000000000
(1436509053.700000) can0 20000080#0000000000000000
`;

describe("candump log files", () => {
  it("hold every kind of record", () => {
    expect(text(write(ONE_OF_EACH, "candump"))).toBe(LINES);
    const { records, problems } = readText("candump", LINES);
    expect(records).toEqual(ONE_OF_EACH);
    expect(problems.count).toBe(0);
  });

  it("are read in any pieces, with either line end, with or without the last one", () => {
    const bytes = utf8(LINES.trimEnd().replaceAll("\n", "\r\n"));
    for (const size of [1, 7, 64]) {
      expect(readAll(traceReader("candump"), bytes, size)).toEqual(ONE_OF_EACH);
    }
  });

  it("give the direction where they have one", () => {
    const { records } = readText("candump", "(1.000002) a 123# R\n(1.000002) a 123# T\n");
    expect(records.map(({ direction }) => direction)).toEqual(["rx", "tx"]);
    expect(text(write(records, "candump"))).toBe("(1.000002) a 123# R\n(1.000002) a 123# T\n");
  });

  it("keep FD flags as found, separators and small letters as what they mean", () => {
    const { records } = readText(
      "candump",
      "(0000000001.000000)   vcan0  123##5AB\n(1.000000) vcan0 123#ab.cd\n",
    );
    expect(text(write(records, "candump"))).toBe(
      "(1.000000) vcan0 123##5AB\n(1.000000) vcan0 123#ABCD\n",
    );
  });

  it.each([
    ["no time", "vcan0 123#11"],
    ["identifier of four digits", "(1.0) vcan0 0123#11"],
    ["identifier above 11 bits", "(1.0) vcan0 800#11"],
    ["identifier with a remote flag", "(1.0) vcan0 52345678#11"],
    ["half a byte", "(1.0) vcan0 123#1"],
    ["a digit that is none", "(1.0) vcan0 123#1G"],
    ["nine bytes", "(1.0) vcan0 123#112233445566778899"],
    ["no such FD length", "(1.0) vcan0 123##0112233445566778899"],
    ["an FD error frame", "(1.0) vcan0 20000080##0"],
    ["raw length code with seven bytes", "(1.0) vcan0 123#11223344556677_B"],
    ["CAN XL", "(1.0) vcan0 00123#81:00:12345678#1122"],
    ["remote length code 9", "(1.0) vcan0 123#R9"],
    ["a time beyond 2106", "(4294967296.000000) vcan0 123#"],
    ["binary", "\u0000\u0001\u00ff"],
  ])("count a malformed line (%s), name it, and go on", (_, line) => {
    const { records, problems } = readText("candump", `# comment\n\n${line}\n(1.0) vcan0 123#\n`);
    expect(records).toHaveLength(1);
    expect(problems.count).toBe(1);
    expect(problems.first[0]?.place).toBe(3);
  });

  it("count a line that is too long, and hold none of it", () => {
    const reader = traceReader("candump");
    let records = 0;
    const take = () => {
      records += 1;
    };
    reader.push(utf8("(1.0) vcan0 123#\n"), take);
    for (let i = 0; i < 1000; i += 1) reader.push(utf8("(".repeat(10_000)), take);
    reader.push(utf8("\n(1.0) vcan0 124#\n"), take);
    expect(records).toBe(2);
    expect(reader.problems.first).toEqual([{ place: 2, problem: "longer than 4096 bytes" }]);
  });

  it("keep the first hundred problems and count the rest", () => {
    const { problems } = readText("candump", "?\n".repeat(1000));
    expect(problems.count).toBe(1000);
    expect(problems.first).toHaveLength(100);
  });
});

const recording = new URL("../../../../../shared/data/can/car-8s.candump.log", import.meta.url);
const present = existsSync(recording);

describe.skipIf(!present)("a recorded car (skipped where ../shared/data is absent)", () => {
  it("is read whole, with grep's counts, and written again byte for byte", () => {
    const bytes = readFileSync(recording);
    const reader = traceReader("candump");
    const records = readAll(reader, bytes, 65_536);
    expect(reader.problems.count).toBe(0);
    const lines = bytes.toString("latin1").trimEnd().split("\n");
    expect(records).toHaveLength(lines.length);
    const perId = new Map<string, number>();
    for (const line of lines) {
      const id = line.slice(line.lastIndexOf(" ") + 1, line.indexOf("#"));
      perId.set(id, (perId.get(id) ?? 0) + 1);
    }
    const ours = new Map<string, number>();
    for (const record of records) {
      const id =
        record.kind === "error" ? "" : record.id.toString(16).toUpperCase().padStart(3, "0");
      ours.set(id, (ours.get(id) ?? 0) + 1);
    }
    expect(ours).toEqual(perId);
    const digest = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    expect(digest(write(records, "candump"))).toBe(digest(bytes));
  });
});
