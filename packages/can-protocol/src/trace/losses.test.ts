import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TraceFormat, traceReader } from "./formats.js";
import { lossesOf, type TraceLoss } from "./losses.js";
import type { TraceRecord } from "./record.js";
import { readAll, readText, write } from "./trace.fixture.js";

const record = (line: string): TraceRecord => readText("candump", `${line}\n`).records[0]!;

describe("what a format loses of a record", () => {
  it.each<[string, TraceFormat, readonly TraceLoss[]]>([
    ["(1.0) vcan3 123#11 T", "candump", []],
    ["(1.0) can0 123#11", "pcap", []],
    ["(1.0) vcan0 123#11", "pcap", ["interface name"]],
    ["(1.0) can1 123#11 R", "pcap", ["interface name", "direction"]],
    ["(1.0) can0 20000008#0000010000000000", "pcap", []],
    ["(1.0) can254 123#11 R", "asc", []],
    ["(1.0) can255 123#11 R", "asc", ["interface name"]],
    ["(1.0) vcan0 123##1AA", "asc", ["interface name", "unknown direction"]],
    ["(1.0) can0 20000080#0000000000000000", "asc", []],
    ["(1.0) can0 20000080#0000010000000000", "asc", ["error details"]],
    ["(1.0) can0 20000008#0000000000000000 R", "asc", ["direction", "error details"]],
  ])("%s in %s", (line, format, losses) => {
    expect(lossesOf(record(line), format)).toEqual(losses);
  });

  it("is all that is missing when it is read again", () => {
    const lines = fc
      .tuple(
        fc.constantFrom("can0", "can7", "can254", "can255", "vcan0", "can007"),
        fc.constantFrom("123#1122", "18FF1234#R4", "123##3AA", "20000080#0000000000000000"),
        fc.constantFrom("", " R", " T"),
      )
      .map(([channel, frame, side]) => record(`(1700000000.000000) ${channel} ${frame}${side}`));
    fc.assert(
      fc.property(lines, fc.constantFrom<TraceFormat>("pcap", "asc", "candump"), (one, format) => {
        const back = reread(one, format);
        const same = back.channel === one.channel && back.direction === one.direction;
        expect(same).toBe(lossesOf(one, format).length === 0);
      }),
    );
  });
});

function reread(one: TraceRecord, format: TraceFormat): TraceRecord {
  return readAll(traceReader(format), write([one], format))[0]!;
}
