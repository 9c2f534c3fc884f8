import { type Millis, millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import type { BrokenReason } from "../link/alarm.js";
import { paddedLength } from "./fd.js";
import { Reassembler } from "./reassembly.js";
import { MAX_PDU, segment } from "./segments.js";

const BASE = 0x633;
const at = (ms: number): Millis => millis(1000 + ms);
const pduOf = (length: number, seed = 1) =>
  new Uint8Array(length).map((_, i) => (i * 31 + seed * 7 + (i >> 3)) & 0xff);

function collector() {
  const broken: [BrokenReason, number][] = [];
  const reassembler = new Reassembler((reason, bits) => void broken.push([reason, bits]));
  const push = (frames: readonly CanFrame[], ms = 0) =>
    frames.map((frame) => reassembler.push(frame, at(ms)));
  return { broken, reassembler, push };
}

describe("segments", () => {
  it.each([
    [42 + 19, false, 64, 8],
    [42 + 19, true, 64, 1],
    [1028 + 19, false, 1048, 131],
    [19, false, 24, 3],
    [19, true, 20, 1],
    [65, true, 65, 2],
  ])("%i bytes (FD %s) are padded to %i in %i frames", (bytes, fd, padded, frames) => {
    expect(paddedLength(bytes, fd)).toBe(padded);
    expect(segment(pduOf(padded), BASE, 5, 0, fd)).toHaveLength(frames);
  });

  it("carry base, first, last, segment, counter and slot where the design puts them", () => {
    const ids = segment(pduOf(24), 0x633, 5, 0x1234, false).map(({ id }) => id);
    const base = 0x633 << 18;
    expect(ids).toEqual([
      base | (1 << 17) | (4 << 8) | 5,
      base | (1 << 12) | (4 << 8) | 5,
      base | (1 << 16) | (2 << 12) | (4 << 8) | 5,
    ]);
  });

  it("come together again, whatever the length", () => {
    const lengths = fc.tuple(
      fc.integer({ min: 1, max: MAX_PDU }),
      fc.boolean(),
      fc.nat({ max: 99 }),
    );
    fc.assert(
      fc.property(lengths, ([wanted, fd, counter]) => {
        const pdu = pduOf(paddedLength(wanted, fd));
        const { reassembler, push, broken } = collector();
        const results = push(segment(pdu, BASE, 5, counter, fd));
        expect(results.at(-1)).toBe("complete");
        expect(reassembler.pdu).toEqual(pdu);
        expect(reassembler.counterBits).toBe(counter % 16);
        expect(broken).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it("refuse a length that does not fill frames, or more than 4 KiB", () => {
    expect(() => segment(pduOf(9 + 4), BASE, 5, 0, true)).toThrow(/whole frames/);
    expect(() => segment(pduOf(MAX_PDU + 8), BASE, 5, 0, false)).toThrow(/whole frames/);
  });
});

describe("reassembly", () => {
  const frames = segment(pduOf(64), BASE, 5, 3, false);

  it("ignores a segment identical to the one before", () => {
    const { reassembler, push, broken } = collector();
    const twice = frames.flatMap((frame) => [frame, { ...frame, data: frame.data.slice() }]);
    expect(push(twice).filter((r) => r === "duplicate")).toHaveLength(8);
    expect(reassembler.pdu).toEqual(pduOf(64));
    expect(broken).toEqual([]);
  });

  it("gives a PDU up, once, at a segment lost or out of order", () => {
    for (const missing of [1, 2, 6]) {
      const { push, broken } = collector();
      expect(push(frames.filter((_, i) => i !== missing))).not.toContain("complete");
      expect(broken).toEqual([["order", 3]]);
      expect(push(frames)).toContain("complete");
    }
    const { push, broken } = collector();
    push([frames[0]!, frames[2]!, frames[1]!, ...frames.slice(3)]);
    expect(broken).toEqual([["order", 3]]);
  });

  it("mixes no segments of two PDUs", () => {
    const other = segment(pduOf(64, 2), BASE, 5, 4, false);
    const { push, broken } = collector();
    expect(push([...frames.slice(0, 4), ...other.slice(4)])).not.toContain("complete");
    expect(broken).toEqual([["order", 4]]);
  });

  it("mixes no classic and FD segments", () => {
    const [begin] = segment(pduOf(72), BASE, 5, 3, true);
    const end = { ...frames[1]!, id: frames[1]!.id | (1 << 16) };
    const { push, broken } = collector();
    expect(push([begin!, end])).toEqual(["incomplete", "broken"]);
    expect(broken).toEqual([["order", 3]]);
  });

  it("says so when a PDU is interrupted by the next, and takes the next", () => {
    const { reassembler, push, broken } = collector();
    const next = segment(pduOf(64, 2), BASE, 5, 4, false);
    expect(push([...frames.slice(0, 4), ...next]).at(-1)).toBe("complete");
    expect(reassembler.pdu).toEqual(pduOf(64, 2));
    expect(broken).toEqual([["interrupted", 3]]);
  });

  it("waits 200 ms for a segment, and no longer", () => {
    const patient = collector();
    patient.push(frames.slice(0, 4));
    expect(patient.push(frames.slice(4), 200)).toContain("complete");
    const late = collector();
    late.push(frames.slice(0, 4));
    expect(late.push(frames.slice(4), 201)).not.toContain("complete");
    expect(late.broken).toEqual([["timeout", 3]]);
  });

  it("holds 4 KiB at most", () => {
    const { push, broken } = collector();
    const endless = Array.from({ length: 600 }, (_, i) => {
      const [frame] = segment(pduOf(8, i), BASE, 5, 3, false);
      const first = i === 0 ? 1 << 17 : 0;
      return { ...frame!, id: (BASE << 18) | first | ((i & 15) << 12) | (3 << 8) | 5 };
    });
    expect(push(endless)).not.toContain("complete");
    expect(broken).toEqual([["length", 3]]);
  });

  it("refuses a segment that is not full, or empty", () => {
    const short = frames.map((f, i) => (i === 2 ? { ...f, data: f.data.subarray(0, 7) } : f));
    const empty = frames.map((f, i) => (i === 7 ? { ...f, data: f.data.subarray(0, 0) } : f));
    for (const wrong of [short, empty]) {
      const { push, broken } = collector();
      expect(push(wrong)).not.toContain("complete");
      expect(broken).toEqual([["length", 3]]);
    }
  });

  it("survives any sequence of frames, and never returns more than 4 KiB", () => {
    const anyFrame = fc.record({
      id: fc.nat({ max: 2 ** 18 - 1 }).map((low) => (BASE << 18) | low),
      data: fc.uint8Array({ maxLength: 64 }),
      fd: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 100 }), (sequence) => {
        const { reassembler, push } = collector();
        push(sequence);
        expect(reassembler.pdu.length).toBeLessThanOrEqual(MAX_PDU);
      }),
      { numRuns: 200 },
    );
  });
});
