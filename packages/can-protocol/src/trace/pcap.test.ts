import { DecodeError, fromHex } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { PcapReader, PcapWriter } from "./pcap.js";
import { ONE_OF_EACH, readAll, write } from "./trace.fixture.js";

const HEADER = fromHex("d4c3b2a1020004000000000000000000" + "48000000e3000000");
const hex = (...parts: string[]) => fromHex(parts.join("").replaceAll(" ", ""));
const read = (...parts: Uint8Array[]) => {
  const reader = new PcapReader("can0");
  return { records: readAll(reader, Buffer.concat(parts)), problems: reader.problems.first };
};
/** A classic packet at second 1, with these 16 bytes. */
const packet = (content: string, length = 16) => {
  const bytes = hex("01000000 02000000 00000000 00000000", content);
  bytes[8] = length;
  bytes[12] = length;
  return bytes;
};

describe("pcap files of SocketCAN frames", () => {
  it("begin and go on as the link type's specification lays them out", () => {
    const writer = new PcapWriter();
    expect(writer.begin()).toEqual(HEADER);
    expect(writer.encode(ONE_OF_EACH[2]!)).toEqual(
      hex("7c639f55 e0930400 10000000 10000000", "80000012 01 00 00 00 ff00000000000000"),
    );
    expect(writer.encode(ONE_OF_EACH[5]!)).toEqual(
      hex("7d639f55 00000000 10000000 10000000", "d8ff1234 04 00 00 00 0000000000000000"),
    );
    const fd = writer.encode(ONE_OF_EACH[9]!);
    expect(fd).toHaveLength(16 + 72);
    expect(fd.subarray(16, 24)).toEqual(hex("80000007 0c 05 00 00"));
    expect(writer.encode(ONE_OF_EACH[10]!).subarray(16, 24)).toEqual(hex("20000080 08 00 00 00"));
  });

  it("hold every kind of record, read in any pieces", () => {
    const bytes = write(ONE_OF_EACH, "pcap");
    for (const size of [1, 13, 4096]) {
      const reader = new PcapReader("can0");
      expect(readAll(reader, bytes, size)).toEqual(ONE_OF_EACH);
      expect(reader.problems.count).toBe(0);
    }
  });

  it("are read in the other byte order and in nanoseconds", () => {
    const { records } = read(
      hex("a1b23c4d 0002 0004 00000000 00000000 00040000 000000e3"),
      hex("00000001 0000abcd 00000009 00000009", "00000123 01 00 00 00 ff"),
    );
    expect(records).toMatchObject([
      { kind: "classic", id: 0x123, time: 1_000_043, data: hex("ff") },
    ]);
  });

  it("from before CANFD_FDF, tell FD frames by their length", () => {
    const content = `80000001 08 01 00 00 ${"00".repeat(64)}`;
    expect(read(HEADER, packet(content, 72)).records).toMatchObject([{ kind: "fd", flags: 1 }]);
  });

  it.each([
    ["11-bit identifier above 11 bits", packet("00000800 00 00 00 00 0000000000000000")],
    ["classic frame of nine bytes", packet("00000001 09 00 00 00 0000000000000000")],
    ["FD frame of nine bytes", packet("00000001 09 04 00 00 0000000000000000")],
    ["remote FD frame", packet("40000001 08 04 00 00 0000000000000000")],
    ["error FD frame", packet("20000001 08 04 00 00 0000000000000000")],
    ["data cut short", packet("00000001 08 00 00 00 00", 9)],
    ["header cut short", packet("00000001", 4)],
    ["nothing at all", packet("", 0)],
  ])("count a malformed packet (%s), name it, and go on", (_, malformed) => {
    const good = packet("00000001 00 00 00 00 0000000000000000");
    const { records, problems } = read(HEADER, good, malformed, good);
    expect(records).toHaveLength(2);
    expect(problems.map(({ place }) => place)).toEqual([2]);
  });

  it("say where they end early, or cannot be followed", () => {
    const good = packet("00000001 00 00 00 00 0000000000000000");
    for (const cut of [1, 17, 31]) {
      expect(read(HEADER, good, good.subarray(0, cut)).problems).toMatchObject([{ place: 2 }]);
    }
    const endless = hex("01000000 02000000 ffffffff ffffffff");
    const { records, problems } = read(HEADER, good, endless, good);
    expect(records).toHaveLength(1);
    expect(problems[0]).toMatchObject({ place: 2, problem: expect.stringContaining("not read") });
  });

  it.each([
    ["nothing", hex("")],
    ["half a header", HEADER.subarray(0, 20)],
    ["pcapng", hex("0a0d0d0a", "00".repeat(20))],
    ["something else", hex("7f454c46", "00".repeat(20))],
    ["Ethernet", hex("d4c3b2a1020004000000000000000000 48000000 01000000")],
  ])("are refused when they are none: %s", (_, bytes) => {
    expect(() => read(bytes)).toThrow(DecodeError);
  });
});
