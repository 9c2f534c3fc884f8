import { DecodeError, micros } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TraceFormat, traceReader } from "./formats.js";
import { fdDlcOf, type TraceRecord } from "./record.js";
import { ONE_OF_EACH, readAll, write } from "./trace.fixture.js";

const FORMATS: readonly TraceFormat[] = ["candump", "asc", "pcap"];

const common = {
  time: fc.integer({ min: 1_000_000_000_000_000, max: 4_294_967_295_999_999 }).map(micros),
  channel: fc.constant("can0"),
  direction: fc.constant(undefined),
};
const identified = fc.oneof(
  fc.record({ id: fc.nat(0x7_ff), extended: fc.constant(false) }),
  fc.record({ id: fc.nat(0x1f_ff_ff_ff), extended: fc.constant(true) }),
);
const data = (maxLength: number) => fc.uint8Array({ maxLength });
const record: fc.Arbitrary<TraceRecord> = fc
  .oneof(
    fc.tuple(identified, data(8), fc.integer({ min: 8, max: 15 })).map(([id, bytes, raw]) => ({
      ...id,
      kind: "classic" as const,
      dlc: bytes.length < 8 ? bytes.length : raw,
      data: bytes,
    })),
    fc.tuple(identified, fc.nat(15)).map(([id, dlc]) => ({ ...id, kind: "remote" as const, dlc })),
    fc
      .tuple(
        identified,
        data(64).filter((bytes) => fdDlcOf(bytes.length) !== undefined),
        fc.nat(3),
      )
      .map(([id, bytes, flags]) => ({ ...id, kind: "fd" as const, flags, data: bytes })),
    fc
      .tuple(fc.nat(0x1f_ff_ff_ff), data(8))
      .map(([classes, bytes]) => ({ kind: "error" as const, classes, data: bytes })),
  )
  .chain((content) => fc.record(common).map((origin) => ({ ...origin, ...content })));

/** Reads, and writes again what came of it; a DecodeError is the only way out. */
function survive(format: TraceFormat, bytes: Uint8Array, size: number): void {
  const reader = traceReader(format);
  try {
    for (const one of readAll(reader, bytes, size).slice(0, 2)) {
      if (one.kind !== "remote") expect(one.data.length).toBeLessThanOrEqual(64);
      write([one], "candump");
      write([one], "asc");
      write([one], "pcap");
    }
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
  }
}

describe("trace codecs", () => {
  it("give back every record from candump and pcap", () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 8 }),
        fc.integer({ min: 1, max: 99 }),
        (all, size) => {
          for (const format of ["candump", "pcap"] as const) {
            const reader = traceReader(format);
            expect(readAll(reader, write(all, format), size)).toEqual(all);
            expect(reader.problems.count).toBe(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("give back from ASC all but what it has no room for", () => {
    fc.assert(
      fc.property(record, (one) => {
        const reader = traceReader("asc");
        const [back] = readAll(reader, write([one], "asc"));
        expect(reader.problems.count).toBe(0);
        if (one.kind === "error") expect(back).toMatchObject({ kind: "error", time: one.time });
        else expect(back).toEqual({ ...one, direction: "rx" });
      }),
      { numRuns: 1000 },
    );
  });

  it("survive random bytes in any pieces", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FORMATS),
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 50 }),
        (format, bytes, size) => {
          survive(format, bytes, size);
          survive("pcap", Buffer.concat([write([], "pcap"), bytes]), size);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("survive random words of their own", () => {
    const word = fc.constantFrom(
      ..."( ) . # ## _ R x 1 0 9 12 64 ff 123 7FF 20000080 (1.0) can0 CANFD Rx Tx d r ErrorFrame date base hex dec".split(
        " ",
      ),
      "\n",
      "timestamps relative",
      " ",
    );
    const text = fc.array(word, { maxLength: 40 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), text, (format, line) =>
        survive(format, new TextEncoder().encode(line), 16),
      ),
      { numRuns: 3000 },
    );
  });

  it("survive a flipped bit anywhere", () => {
    for (const format of FORMATS) {
      const bytes = write(ONE_OF_EACH, format);
      for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        survive(format, flipped, 1000);
      }
    }
  });
});
