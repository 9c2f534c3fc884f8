import { DecodeError, fromHex, toHex, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { busFrameOf, decodeSlcanFrame, encodeSlcanFrame } from "./frame.js";
import { SLCAN_BIT_RATES, slcanBitRate, slcanDataBitRate } from "./rates.js";
import { SlcanReader, type SlcanReply } from "./reader.js";

function replies(bytes: Uint8Array, size = bytes.length): SlcanReply[] {
  const all: SlcanReply[] = [];
  const reader = new SlcanReader();
  for (let from = 0; from < bytes.length; from += size) {
    reader.push(bytes.subarray(from, from + size), (reply) => {
      all.push(reply);
    });
  }
  return all;
}

/** In the form of the Lawicel command set, as its public copies list it, and of CANable 2's list of length codes. */
const LINES = [
  ["t10021133", { kind: "classic", id: 0x100, extended: false, dlc: 2, data: "1133" }],
  ["T0000010021133", { kind: "classic", id: 0x100, extended: true, dlc: 2, data: "1133" }],
  ["r1002", { kind: "remote", id: 0x100, extended: false, dlc: 2, data: "" }],
  ["R000001002", { kind: "remote", id: 0x100, extended: true, dlc: 2, data: "" }],
  ["t1000", { kind: "classic", id: 0x100, extended: false, dlc: 0, data: "" }],
  ["T1FFFFFFF81122334455667788", { kind: "classic", id: 0x1fffffff, dlc: 8 }],
  ["t100211334d67", { kind: "classic", id: 0x100, dlc: 2, data: "1133", stamp: 0x4d67 }],
  ["d1231AB", { kind: "fd", id: 0x123, extended: false, dlc: 1, data: "ab" }],
  [`D000001239${"0a".repeat(12)}`, { kind: "fd", extended: true, dlc: 9 }],
  [`b123F${"5A".repeat(64)}`, { kind: "fd-brs", extended: false, dlc: 15 }],
  [`B00000123D${"5A".repeat(32)}`, { kind: "fd-brs", extended: true, dlc: 13 }],
] as const;

const WRONG = [
  ["", "is not a letter"],
  ["t", "is not a letter"],
  ["t100", "is not a letter"],
  ["x10021133", "is not a letter"],
  ["t10G21133", "is not a letter"],
  ["t100211 33", "is not a letter"],
  ["t80021133", "too many bits"],
  ["T2000000021133", "too many bits"],
  ["t1009112233445566778899", "no length code 9"],
  ["r1009", "no length code 9"],
  ["t100211", "2 digits of data, not 4"],
  ["t10021133445", "7 digits of data, not 4"],
  ["t1002113344556", "9 digits of data, not 4"],
  ["t10021133EA60", "above a minute"],
] as const;

describe("SLCAN frames", () => {
  it.each(LINES)("reads %s", (line, expected) => {
    const frame = decodeSlcanFrame(line);
    expect({ ...frame, data: toHex(frame.data) }).toMatchObject(expected);
  });

  it.each(WRONG)("refuses %j", (line, problem) => {
    expect(() => decodeSlcanFrame(line)).toThrow(DecodeError);
    expect(() => decodeSlcanFrame(line)).toThrow(problem);
  });

  it("writes frames of our bus, and only what a wire can carry", () => {
    const data = fromHex("1133");
    expect(encodeSlcanFrame({ id: 0x100, data, fd: false })).toBe("T0000010021133");
    expect(encodeSlcanFrame({ id: 0x1fffffff, data, fd: true })).toBe("B1FFFFFFF21133");
    const wrong = [
      { id: 2 ** 29, data, fd: false },
      { id: -1, data, fd: false },
      { id: 1, data: new Uint8Array(9), fd: true },
      { id: 1, data: new Uint8Array(12), fd: false },
    ];
    for (const frame of wrong) expect(() => encodeSlcanFrame(frame)).toThrow("frame");
  });

  it("are frames of our bus when extended, and FD with bit-rate switch", () => {
    const ours = LINES.filter(([line]) => busFrameOf(decodeSlcanFrame(line)) !== undefined);
    expect(ours.map(([line]) => line.slice(0, 1))).toEqual(["T", "T", "B"]);
  });

  it("come back as they were", () => {
    const frame = fc
      .record({
        id: fc.nat(0x1f_ff_ff_ff),
        data: fc.uint8Array({ maxLength: 64 }),
        fd: fc.boolean(),
      })
      .filter(
        ({ data, fd }) =>
          data.length <= 8 || (fd && [12, 16, 20, 24, 32, 48, 64].includes(data.length)),
      );
    fc.assert(
      fc.property(frame, (one) => {
        expect(busFrameOf(decodeSlcanFrame(encodeSlcanFrame(one)))).toEqual(one);
      }),
    );
  });
});

describe("an adapter's replies", () => {
  it("are told apart, whatever the pieces they come in", () => {
    const bytes = utf8(
      "\r\x07z\rZ\rF24\rV1013\rFailed\rt10021133\rT0000010021133\r\nt1\r\x1b\r12\x07",
    );
    for (const size of [1, 2, 3, 100]) {
      expect(replies(bytes, size)).toMatchObject([
        { kind: "done" },
        { kind: "refused" },
        { kind: "done" },
        { kind: "done" },
        { kind: "status", flags: 0x24 },
        { kind: "text", text: "V1013" },
        { kind: "text", text: "Failed" },
        { kind: "frame", frame: { id: 0x100, extended: false } },
        { kind: "frame", frame: { id: 0x100, extended: true } },
        { kind: "malformed" },
        { kind: "malformed", problem: "not in printable characters" },
        { kind: "malformed", problem: "cut short by BEL" },
        { kind: "refused" },
      ]);
    }
  });

  it("that never end are not kept, and what follows is read", () => {
    expect(replies(utf8(`${"t".repeat(100_000)}\rF00\r`))).toEqual([
      { kind: "malformed", problem: "longer than 256 characters" },
      { kind: "status", flags: 0 },
    ]);
  });

  it("may be any bytes", () => {
    const letters = fc
      .constantFrom(..."tTrRdDbBzZF0129afAF\r\r\x07 ")
      .map((text) => text.charCodeAt(0));
    const byte = fc.oneof({ weight: 5, arbitrary: letters }, { weight: 1, arbitrary: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (all, size) => {
          const bytes = Uint8Array.from(all);
          const seen = replies(bytes, size);
          expect(seen).toEqual(replies(bytes));
          expect(seen.length).toBeLessThanOrEqual(2 * all.length);
          for (const reply of seen) {
            if (reply.kind === "frame") expect(reply.frame.data.length).toBeLessThanOrEqual(64);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

it("bit rates are those whose number means the same to every maker", () => {
  expect(SLCAN_BIT_RATES).toEqual([10, 20, 50, 100, 125, 250, 500, 1000].map((k) => k * 1000));
  expect([500_000, 750_000, 800_000, 1_000_000].map(slcanBitRate)).toEqual([
    "S6",
    undefined,
    undefined,
    "S8",
  ]);
  expect([2_000_000, 8_000_000].map(slcanDataBitRate)).toEqual(["Y2", undefined]);
});
