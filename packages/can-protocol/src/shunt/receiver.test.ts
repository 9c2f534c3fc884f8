import { micros, milliwattHours, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CanFrame, encodeShunt, isSecured, isShunt, ShuntReceiver } from "../index.js";

const PERIOD = 200_000;
const mwh = milliwattHours;
const values = (amps: number) => ({ volts: 350.01, amps, inMwh: mwh(2 ** 40), outMwh: mwh(7) });
const at = (ms: number) => micros(1000 * ms);

function hear(receiver: ShuntReceiver, frames: readonly CanFrame[], time: number) {
  return frames.map((frame, i) => receiver.frame(frame, micros(time + 300 * i)));
}

describe("the pack's shunt on the bus", () => {
  it("sends three frames that nobody else sends, byte for byte as docs/firmware/shunt.md says", () => {
    const frames = encodeShunt(0x1_05, values(-42));
    const sent = frames.map(({ id, data }) => `${id.toString(16)} ${toHex(data)}`);
    expect(sent).toEqual([
      "19000000 0500265bccf77f00",
      "19040000 0500000000000001",
      "19080000 0500070000000000",
    ]);
    for (const { id } of frames) expect([isShunt(id), isSecured(id)]).toEqual([true, false]);
  });

  it("gives a reading when its frames are all there, in steps of the module bus", () => {
    const receiver = new ShuntReceiver();
    const heard = hear(receiver, encodeShunt(0, values(1310.4)), 5_000_000);
    expect(heard.map(({ sample }) => sample !== undefined)).toEqual([false, false, true]);
    expect(heard[2]).toEqual({
      sample: {
        time: 5_000_600,
        voltage: 23_334,
        current: 65_520,
        inMwh: 2 ** 40,
        outMwh: 7,
      },
      alarms: [],
    });
  });

  it("takes no reading of which a frame is missing, late or of another number", () => {
    const [reading, inward, out] = encodeShunt(3, values(1));
    const [, foreign] = encodeShunt(4, values(1));
    for (const frames of [
      [reading, out],
      [inward, out],
      [reading, foreign, out],
      [out, reading, inward],
    ]) {
      const receiver = new ShuntReceiver();
      const heard = frames.map((frame, i) => receiver.frame(frame!, at(i)).sample);
      expect(heard.every((sample) => sample === undefined)).toBe(true);
    }
    const receiver = new ShuntReceiver();
    receiver.frame(reading!, at(0));
    receiver.frame(inward!, at(1));
    expect(receiver.frame(out!, at(101)).sample).toBeUndefined();
  });

  it("tells of numbers that do not follow, and counts on from the last", () => {
    const receiver = new ShuntReceiver();
    const heard = [254, 255, 256, 258, 259].map(
      (count, i) => hear(receiver, encodeShunt(count, values(1)), i * PERIOD)[2]!,
    );
    expect(heard.every(({ sample }) => sample !== undefined)).toBe(true);
    expect(heard.flatMap(({ alarms }, i) => alarms.map(({ kind }) => [i, kind]))).toEqual([
      [3, "shunt-sequence"],
    ]);
  });

  it("drops what comes faster than any shunt sends, and says so", () => {
    const receiver = new ShuntReceiver();
    const heard = [0, 19, 39].map(
      (ms, i) => hear(receiver, encodeShunt(i, values(1)), 1000 * ms)[2]!,
    );
    expect(heard.map(({ sample }) => sample !== undefined)).toEqual([true, false, true]);
    expect(heard[1]!.alarms).toEqual([expect.objectContaining({ kind: "shunt-flood" })]);
  });

  it("tells a flood of alarms once in ten seconds, and counts them all", () => {
    const receiver = new ShuntReceiver();
    const [reading] = encodeShunt(0, values(1));
    const wrong = { ...reading!, data: new Uint8Array(3) };
    let counted = 0;
    let told = 0;
    for (let ms = 0; ms < 35_000; ms += 10) {
      for (const { suppressed } of receiver.frame(wrong, at(ms)).alarms) {
        told += 1;
        counted += 1 + suppressed;
      }
    }
    for (const { suppressed } of receiver.close()) counted += 1 + suppressed;
    expect([told, counted]).toEqual([4, 3500]);
  });

  it("refuses other lengths, FD frames and other identifiers of its bases", () => {
    const [reading] = encodeShunt(0, values(1));
    for (const wrong of [
      { ...reading!, data: reading!.data.slice(0, 7) },
      { ...reading!, fd: true },
      { ...reading!, id: reading!.id + 5 },
      { ...reading!, id: reading!.id + 0x100 },
    ]) {
      expect(new ShuntReceiver().frame(wrong, at(0))).toMatchObject({
        sample: undefined,
        alarms: [{ kind: "shunt-malformed" }],
      });
    }
  });

  it("survives anything, and never gives a value beyond its field", () => {
    const receiver = new ShuntReceiver();
    let time = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(0x640, 0x641, 0x642, 0x643, 0x632),
        fc.uint8Array({ maxLength: 8 }),
        fc.nat(300_000),
        (base, data, step) => {
          time += step;
          const heard = receiver.frame({ id: base << 18, data, fd: false }, micros(time));
          if (heard.sample === undefined) return;
          const { voltage, current, inMwh, outMwh } = heard.sample;
          expect(voltage).toBeLessThan(2 ** 16);
          expect(Math.abs(current)).toBeLessThanOrEqual(2 ** 23);
          for (const energy of [inMwh, outMwh]) expect(energy).toBeLessThan(2 ** 48);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
