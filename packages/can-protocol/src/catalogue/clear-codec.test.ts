import { fromHex, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CLEAR_FRAMES,
  type ClearFrameName,
  clearId,
  decodeClear,
  encodeClear,
  MODULE_STATE,
  MODULE_STATUS,
  parseClearId,
  uidOf,
  VCU_SCALE,
} from "../index.js";
import type { Scale } from "./layout.js";

const status1 = {
  state: MODULE_STATE.on,
  status: MODULE_STATUS.normal,
  soc: 87.5,
  soh: 98,
  cells: 94,
  current: 0,
  voltage: 350,
};

describe("known answers", () => {
  it("status 1 of a module On/Normal, 87.5 %, 98 %, 94 cells, 0 A, 350.00 V", () => {
    const frame = encodeClear("status1", status1, { address: 5 });
    expect(toHex(frame.data)).toBe("23afc45e0080255b");
    expect(frame.id).toBe(0x14080005);
    expect(decodeClear(frame)).toEqual({
      name: "status1",
      address: 5,
      sequence: 0,
      values: { ...status1, voltage: 349.995 },
    });
  });

  it.each([
    [0, 32_768],
    [10, 33_268],
    [-42, 30_668],
    [-655.36, 0],
    [655.34, 65_535],
  ])("%f A is raw %i", (current, raw) => {
    const frame = encodeClear("status1", { ...status1, current }, { address: 5 });
    expect(new DataView(frame.data.buffer).getUint16(4, true)).toBe(raw);
    expect(decodeClear(frame)?.values).toMatchObject({ current });
  });

  it("21.93 degC is 0x1E30, 0 degC is 5535", () => {
    const frame = encodeClear("status3", { low: 0, high: 21.93, average: -55.35 }, { address: 1 });
    expect(toHex(frame.data)).toBe("9f15301e00000000");
    expect(decodeClear(frame)?.values).toEqual({ low: 0, high: 21.93, average: -55.35 });
  });

  it.each([
    [0x500, 0, 0xff, 0x140000ff],
    [0x502, 0, 5, 0x14080005],
    [0x510, 0, 0xff, 0x144000ff],
    [0x514, 0, 5, 0x14500005],
    [0x517, 0, 0, 0x145c0000],
    [0x522, 127, 5, 0x14887f05],
  ])("base %i, sequence %i, address %i", (base, sequence, address, id) => {
    expect(clearId({ base, sequence, address })).toBe(id);
    expect(parseClearId(id)).toEqual({ base, sequence, address });
  });

  it("uid = mfg ‖ part ‖ 0 ‖ 0 ‖ unique id u32le, from an announce", () => {
    const data = fromHex("3412" + "0a" + "0b" + "78563412");
    const message = decodeClear({ id: 0x140000ff, data, fd: false });
    expect(message).toMatchObject({ name: "announce", values: { fw: 0x1234, manufacturer: 10 } });
    expect(message?.name === "announce" && uidOf(message.values)).toBe("0a0b000078563412");
  });

  it("vehicle-side scales", () => {
    const physical = (raw: number, s: Scale) => (raw * s.multiply + s.add) / s.divide;
    expect(physical(7000, VCU_SCALE.voltage)).toBe(350);
    expect(physical(32_000, VCU_SCALE.current)).toBe(0);
    expect(physical(1, VCU_SCALE.current)).toBe(-1599.95);
    expect(physical(8736, VCU_SCALE.temperature)).toBe(0);
    expect(physical(64_000, VCU_SCALE.soc)).toBe(100);
    expect(physical(250, VCU_SCALE.soh)).toBe(100);
  });
});

describe("lengths and addresses", () => {
  it("sends a state change of 4 bytes, or the 2 that some modules insist on", () => {
    const values = { id: 5, state: 3, hvBusVoltage: 350.1 };
    expect(toHex(encodeClear("stateChange", values, { address: 5 }).data)).toBe("05032c5b");
    const short = encodeClear("stateChange", values, { address: 5, length: 2 });
    expect(toHex(short.data)).toBe("0503");
    expect(decodeClear(short)?.values).toEqual({ ...values, hvBusVoltage: 0 });
    expect(() => encodeClear("stateChange", values, { address: 5, length: 3 })).toThrow(/length/);
  });

  it("insists on DLC 1 for status and 3 for detail requests", () => {
    expect(encodeClear("statusRequest", { id: 5 }, { address: 5 }).data).toHaveLength(1);
    expect(encodeClear("detailRequest", { id: 5, cell: 7 }, { address: 5 }).data).toHaveLength(3);
    const id = clearId({ base: 0x512, sequence: 0, address: 5 });
    expect(() => decodeClear({ id, data: new Uint8Array(8), fd: false })).toThrow(/length/);
  });

  it("refuses an address that the frame never has, and FD frames", () => {
    const data = new Uint8Array(8);
    expect(() => decodeClear({ id: 0x14080000, data, fd: false })).toThrow(/address/);
    expect(() => decodeClear({ id: 0x14080005, data, fd: true })).toThrow(/length/);
    expect(() => encodeClear("status1", status1)).toThrow(/address/);
    expect(encodeClear("maxState", { max: 3 }).id).toBe(0x145c0000);
    expect(encodeClear("announceRequest", { controller: 1 }).id & 0xff).toBe(0xff);
  });

  it("passes over identifiers that are not the catalogue's", () => {
    expect(decodeClear({ id: 0x600 << 18, data: new Uint8Array(8), fd: false })).toBeUndefined();
  });

  it("refuses values that do not fit, NaN, and fractions of a raw count", () => {
    const fieldRange = expect.objectContaining({ code: "field-range" });
    for (const wrong of [
      { current: 700 },
      { soc: 128 },
      { state: 16 },
      { cells: 1.5 },
      { voltage: Number.NaN },
    ]) {
      expect(() => encodeClear("status1", { ...status1, ...wrong }, { address: 5 })).toThrow(
        fieldRange,
      );
    }
  });

  it("carries 63-bit times as far as an integer is exact", () => {
    const frame = encodeClear("setTime", { time: 2 ** 53 - 1, rtcValid: 1 });
    expect(toHex(frame.data)).toBe("ffffffffffff1f80");
    expect(decodeClear(frame)?.values).toEqual({ time: 2 ** 53 - 1, rtcValid: 1 });
    const beyond = { ...frame, data: fromHex("0000000000002000") };
    expect(() => decodeClear(beyond)).toThrow(expect.objectContaining({ name: "DecodeError" }));
  });
});

describe("every frame of the catalogue", () => {
  const names = Object.keys(CLEAR_FRAMES) as ClearFrameName[];
  it.each(names)("%s: bytes to values and back", (name) => {
    const spec = CLEAR_FRAMES[name];
    const [length] = spec.lengths as readonly number[];
    const address = { module: 9, unregistered: 0xff, broadcast: 0 }[spec.address];
    const id = clearId({ base: spec.base, sequence: 3, address });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length!, maxLength: length! }), (data) => {
        if (name === "setTime") {
          data[6]! &= 0x1f; // larger times are refused
          data[7]! &= 0x80;
        }
        const message = decodeClear({ id, data, fd: false });
        expect(message).toMatchObject({ name, address, sequence: 3 });
        const again = encodeClear(name, message!.values as never, {
          address,
          sequence: 3,
          length: length!,
        });
        expect(again.id).toBe(id);
        // Bits of no field are the sender's zeros.
        expect(decodeClear(again)).toEqual(message);
      }),
      { numRuns: 50 },
    );
  });

  it("survives anything with one error", () => {
    const frames = fc.record({
      id: fc.nat({ max: 2 ** 29 - 1 }).map((n) => ((n % 0x40) + 0x4f0) * 2 ** 18 + (n % 2 ** 18)),
      data: fc.uint8Array({ maxLength: 8 }),
      fd: fc.boolean(),
    });
    fc.assert(
      fc.property(frames, (frame) => {
        try {
          decodeClear(frame);
        } catch (error) {
          expect(error).toMatchObject({ name: "DecodeError" });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
