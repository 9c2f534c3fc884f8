import { utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CanFrame, frameBits, frameNanos } from "../index.js";
import { crc15 } from "./crc15.js";

/** The frame as a text of bits, stuffed bit by bit: slow, and written from the standard's figures alone. */
function stuff(bits: string, from = ""): string {
  let out = from;
  for (const bit of bits) {
    out += bit;
    if (/(0{5}|1{5})$/.test(out)) {
      // A stuff bit counts towards the next run, and a run of ten equal bits cannot occur.
      out += bit === "0" ? "1" : "0";
    }
  }
  return out;
}
const binary = (value: number, width: number) => value.toString(2).padStart(width, "0");
const dataBits = (data: Uint8Array) => [...data].map((byte) => binary(byte, 8)).join("");

function crcBits(bits: string): string {
  let crc = 0;
  for (const bit of bits) {
    const next = Number(bit) ^ (crc >> 14);
    crc = (crc << 1) & 0x7fff;
    if (next === 1) crc ^= 0x4599;
  }
  return binary(crc, 15);
}

function slowClassic({ id, data }: CanFrame): number {
  const head = `0${binary(id >>> 18, 11)}11${binary(id & 0x3ffff, 18)}000${binary(data.length, 4)}`;
  const body = head + dataBits(data);
  return stuff(body + crcBits(body)).length + 1 + 2 + 7 + 3;
}

function slowFd({ id, data }: CanFrame): { nominal: number; data: number } {
  const dlc = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64].indexOf(data.length);
  const head = `0${binary(id >>> 18, 11)}11${binary(id & 0x3ffff, 18)}0101`;
  const rest = `0${binary(dlc, 4)}${dataBits(data)}`;
  let nominal = stuff(head);
  const whole = stuff(head + rest);
  if (/(0{5}1|1{5}0)$/.test(nominal) && stuff(head.slice(0, -1)).length + 2 === nominal.length) {
    nominal = nominal.slice(0, -1);
  }
  // No dynamic stuff bit after the last data bit: a fixed one stands there.
  const beforeLast = stuff((head + rest).slice(0, -1));
  const end = whole.length - beforeLast.length === 2 ? whole.length - 1 : whole.length;
  const crcLength = data.length > 16 ? 21 : 17;
  const fixed = Math.ceil((4 + crcLength) / 4);
  return {
    nominal: nominal.length + 2 + 7 + 3,
    data: end - nominal.length + 4 + crcLength + fixed + 1,
  };
}

const ids = fc.oneof(
  fc.nat({ max: 2 ** 29 - 1 }),
  fc.constantFrom(0, 2 ** 29 - 1, 0x1f << 24, 0x3ffff, 0x20000),
);
const runs = fc.constantFrom(0x00, 0xff, 0xf8, 0x07, 0x1f, 0xe0, 0x3c, 0x55);
const dataOf = (lengths: readonly number[]) =>
  fc
    .constantFrom(...lengths)
    .chain((length) =>
      fc.array(fc.oneof(fc.nat({ max: 255 }), runs), { minLength: length, maxLength: length }),
    );

describe("bits on the wire", () => {
  it("the CRC has the catalogued check value", () => {
    expect(utf8("123456789").reduce((crc, byte) => crc15(crc, byte), 0)).toBe(0x059e);
  });

  it("of a classic frame are those of a frame written out", () => {
    fc.assert(
      fc.property(ids, dataOf([0, 1, 2, 3, 4, 5, 6, 7, 8]), (id, bytes) => {
        const frame = { id, data: Uint8Array.from(bytes), fd: false };
        expect(frameBits(frame)).toEqual({ nominal: slowClassic(frame), data: 0 });
      }),
      { numRuns: 1000 },
    );
  });

  it("of an FD frame are those of a frame written out", () => {
    fc.assert(
      fc.property(ids, dataOf([0, 1, 8, 12, 16, 20, 24, 32, 48, 64]), (id, bytes) => {
        const frame = { id, data: Uint8Array.from(bytes), fd: true };
        expect(frameBits(frame)).toEqual(slowFd(frame));
      }),
      { numRuns: 1000 },
    );
  });

  it("give the design's figures: 3.7 k frames/s classic, 2.7 k FD", () => {
    const random = (length: number) => new Uint8Array(length).map((_, i) => (i * 97 + 41) & 0xff);
    const id = (0x632 << 18) | 0x2ab05;
    const classic = { nominalBitRate: 500_000, dataBitRate: undefined };
    const fd = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };
    const perSecond = (frame: CanFrame, info: typeof classic | typeof fd) =>
      1e9 / frameNanos(frame, info);
    expect(perSecond({ id, data: random(8), fd: false }, classic)).toBeCloseTo(3700, -2);
    expect(Math.abs(perSecond({ id, data: random(64), fd: true }, fd) - 2700)).toBeLessThan(100);
  });

  it("are refused for lengths that no frame has", () => {
    for (const [length, fd] of [
      [9, false],
      [9, true],
      [65, true],
    ] as const) {
      expect(() => frameBits({ id: 0, data: new Uint8Array(length), fd })).toThrow(/no frame has/);
    }
  });
});
