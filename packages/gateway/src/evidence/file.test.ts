import { createHash } from "node:crypto";
import { DecodeError, micros, moduleUid } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockBuilder, decodeContent, type KeptReading } from "./block.js";
import { FILE_HEAD, fileName, parseFileName, readFile } from "./file.js";

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const remainder = fc.integer({ min: 0, max: 23_999_999_999 });
const reading: fc.Arbitrary<KeptReading> = fc.record({
  module: fc.constantFrom(moduleUid("5701000000000001"), moduleUid("57010000000000ff")),
  session: fc.constantFrom(hash(1), hash(2), hash(3)),
  time: fc.integer({ min: 0, max: 2 ** 53 - 1 }).map(micros),
  counter: u48,
  length: fc.integer({ min: 0, max: 65_535 }),
  tag: bytes(16),
  body: bytes(42),
  begins: fc.option(
    fc.record({
      continued: fc.boolean(),
      carried: fc.record({ in: remainder, out: remainder }),
    }),
    { nil: undefined },
  ),
});
const key = fc.record({ session: bytes(32), key: bytes(32) });

function blockOf(
  readings: readonly KeptReading[],
  keys: readonly Parameters<BlockBuilder["key"]>[0][],
) {
  const builder = new BlockBuilder();
  for (const one of readings) expect(builder.reading(one)).toBe(true);
  for (const one of keys) expect(builder.key(one)).toBe(true);
  return builder.take() ?? new Uint8Array(0);
}
const fileOf = (...blocks: Uint8Array[]) => new Uint8Array(Buffer.concat([FILE_HEAD, ...blocks]));

describe("a file of evidence", () => {
  it("gives back what its blocks were given", () => {
    const block = fc.tuple(
      fc.array(reading, { minLength: 1, maxLength: 20 }),
      fc.array(key, { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(block, { maxLength: 4 }), (blocks) => {
        const read = readFile(fileOf(...blocks.map(([readings, keys]) => blockOf(readings, keys))));
        expect(read).toEqual({
          readings: blocks.flatMap(([readings]) => readings),
          keys: blocks.flatMap(([, keys]) => keys),
          damage: undefined,
        });
      }),
    );
  });

  it("has the layout of docs/evidence.md", () => {
    const body = Uint8Array.from({ length: 42 }, (_, i) => i);
    const one: KeptReading = {
      module: moduleUid("5701000000000001"),
      session: hash(0xaa),
      time: micros(0x0006_1234_5678_9abc),
      counter: 0x0102_0304_0506,
      length: 64,
      tag: new Uint8Array(16).fill(0xbb),
      body,
      begins: { continued: true, carried: { in: 0x0102_0304, out: 5 } },
    };
    const content = Buffer.concat([
      Buffer.from("010057010000000000 01".replace(" ", ""), "hex"),
      hash(0xaa),
      Buffer.from("020003bc9a78563412060006050403020140 00".replace(" ", ""), "hex"),
      one.tag,
      body,
      Buffer.from("040302010000050000000000", "hex"),
      Buffer.of(3),
      hash(0xcc),
      hash(0xdd),
    ]);
    const head = Buffer.alloc(12);
    head.writeUInt32LE(content.length);
    createHash("sha256").update(content).digest().copy(head, 4, 0, 8);
    expect(Buffer.from(fileOf(blockOf([one], [{ session: hash(0xcc), key: hash(0xdd) }])))).toEqual(
      Buffer.concat([Buffer.from("wsevid1\n"), head, content]),
    );
  });

  const whole = fileOf(
    blockOf(fc.sample(reading, { numRuns: 3, seed: 1 }), []),
    blockOf(fc.sample(reading, { numRuns: 2, seed: 2 }), fc.sample(key, { numRuns: 1, seed: 3 })),
  );

  it("shows any changed bit, and keeps what is before it", () => {
    const { readings } = readFile(whole);
    for (let bit = 0; bit < 8 * whole.length; bit += 1) {
      const flipped = whole.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const read = readFile(flipped);
      const lost = read.readings.length < readings.length || read.keys.length === 0;
      expect(lost, `bit ${bit}`).toBe(true);
      expect(readings.slice(0, read.readings.length)).toEqual(read.readings);
    }
  });

  it("cut anywhere, as a power cut leaves it, is read up to there and is no damage", () => {
    const { readings } = readFile(whole);
    for (let length = 0; length < whole.length; length += 1) {
      const read = readFile(whole.subarray(0, length));
      expect(read.damage).toBeUndefined();
      expect(readings.slice(0, read.readings.length)).toEqual(read.readings);
    }
  });

  it("whatever its bytes, is read without a fault", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        readFile(junk);
        readFile(fileOf(junk));
        try {
          decodeContent(junk);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["a reading of no session", [2, 0, 0, ...new Array(76).fill(0)]],
    ["a session out of number", [1, 1, ...new Array(40).fill(0)]],
    ["an unknown record", [4]],
    ["a cut record", [3, 1]],
  ])("refuses %s", (_, content) => {
    expect(() => decodeContent(Uint8Array.from(content))).toThrow(DecodeError);
  });

  it.each([
    ["bytes", hash(1), 600],
    ["sessions", undefined, 255],
  ])("is full of %s at some point, and says so", (_, session, least) => {
    const builder = new BlockBuilder();
    const [one] = fc.sample(reading, 1);
    let taken = 0;
    while (builder.reading({ ...one!, session: session ?? hash(taken) })) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(least);
    expect(builder.take()!.length).toBeLessThanOrEqual(65_536 + 12);
    expect(builder.take()).toBeUndefined();
    expect(builder.reading(one!)).toBe(true);
  });

  it("has a name that sorts as it was written, and only such names are taken for ours", () => {
    const name = { sequence: 12, begun: 1_760_000_040_000 };
    expect(fileName(name)).toBe("0000000012-1760000040000.evidence");
    expect(parseFileName(fileName(name))).toEqual(name);
    for (const other of [
      "",
      "notes.txt",
      "12-1760000040000.evidence",
      "9999999999-1760000040000.evidence",
      `${fileName(name)}.new`,
    ]) {
      expect(parseFileName(other)).toBeUndefined();
    }
  });
});
