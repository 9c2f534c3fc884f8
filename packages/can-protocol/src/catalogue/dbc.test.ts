import { Can, Dbc } from "candied";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CanFrame,
  CLEAR_FRAMES,
  type ClearFrameName,
  clearId,
  decodeClear,
  exportDbc,
} from "../index.js";
import type { Fields } from "./layout.js";

/** An independent reader of the file: knows nothing of this package. */
function reader(text: string): Can {
  const dbc = new Dbc();
  const database = dbc.load(text, true);
  const can = new Can();
  can.database = database;
  return can;
}

/** Message as the file names it for this identifier: address and segment bits masked as its comment says. */
function foreignly(can: Can, { id, data }: CanFrame, keepAddress = false) {
  const address = id & 0xff;
  const masked = address === 0xff || keepAddress ? id & ~0x3ff00 : id & ~0x3ffff;
  // This reader keeps bit 31, which marks 29-bit identifiers in the file, in its ids.
  const frame = can.createFrame(masked + 0x8000_0000, [...data], true);
  const bound = can.decode(frame);
  if (bound === undefined) return undefined;
  const values: Record<string, number> = {};
  for (const [name, signal] of bound.boundSignals) values[name] = signal.value;
  return { name: bound.name, values };
}

const names = Object.keys(CLEAR_FRAMES) as ClearFrameName[];

describe("the DBC file", () => {
  const text = exportDbc();
  const can = reader(text);

  it.each(names)("%s: an independent reader finds the values that we find", (name) => {
    const spec = CLEAR_FRAMES[name];
    const address = { module: 9, unregistered: 0xff, broadcast: 0 }[spec.address];
    const id = clearId({ base: spec.base, sequence: 0, address });
    const length = spec.layout.length;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (data) => {
        if (name === "setTime") {
          data[6]! &= 0x1f; // beyond 2^53 a double has no place for it, there or here
          data[7]! &= 0x80;
        }
        const frame = { id, data, fd: false };
        const ours = decodeClear(frame)!;
        const theirs = foreignly(can, frame)!;
        expect(theirs.name.toLowerCase()).toBe(name.toLowerCase());
        expect(Object.keys(theirs.values).sort()).toEqual(Object.keys(ours.values).sort());
        for (const [signal, value] of Object.entries(ours.values)) {
          expect(theirs.values[signal]).toBeCloseTo(value, 6);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("has one message for each base, with the extended bit", () => {
    const ids = [...text.matchAll(/^BO_ (\d+) /gm)].map(([, id]) => Number(id));
    expect(ids).toHaveLength(names.length);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toBeGreaterThan(0x8000_0000);
    expect(ids).toContain(0x8000_0000 + 0x14080000);
    expect(ids).toContain(0x8000_0000 + 0x140000ff);
    expect(ids).toContain(0x8000_0000 + 0x145c0000);
  });

  it("has one for each module id when asked", () => {
    const own = exportDbc({ modules: [5, 31, 5] });
    expect(own).toContain(`BO_ ${0x8000_0000 + 0x14080005} Status1_M05: 8 Module`);
    expect(own).toContain(`BO_ ${0x8000_0000 + 0x1408001f} Status1_M31: 8 Module`);
    expect(own.match(/^BO_ \d+ MaxState:/gm)).toHaveLength(1);
    const data = Uint8Array.of(0x23, 0xaf, 0xc4, 0x5e, 0, 0x80, 0x25, 0x5b);
    const found = foreignly(reader(own), { id: 0x14080005, data, fd: false }, true);
    expect(found?.name).toBe("Status1_M05");
    expect(found?.values).toMatchObject({ soc: 87.5, soh: 98, cells: 94 });
    expect(found?.values["voltage"]).toBeCloseTo(349.995, 9);
    for (const wrong of [0, 32, 1.5, Number.NaN]) {
      expect(() => exportDbc({ modules: [wrong] })).toThrow(/module id/);
    }
  });

  it("writes limits, units and value names as tools expect them", () => {
    expect(text).toContain(' SG_ current : 32|16@1+ (0.02,-655.36) [-655.36|655.34] "A"  Pack');
    expect(text).toContain(' SG_ voltage : 48|16@1+ (0.015,0) [0|983.025] "V"  Pack');
    expect(text).toContain(' SG_ time : 0|63@1+ (1,0) [0|9223372036854775807] "s"  Module');
    expect(text).toContain(' SG_ rtcValid : 63|1@1+ (1,0) [0|1] ""  Module');
    expect(text).toMatch(/^VAL_ \d+ state 0 "off" 1 "standby" 2 "precharge" 3 "on" ;$/m);
    expect(text).toMatch(/^BA_ "GenMsgCycleTime" BO_ \d+ 200;$/m);
  });

  it("describes every bit at most once, inside the frame", () => {
    for (const name of names) {
      const { fields, layout }: { fields: Fields; layout: { length: number } } = CLEAR_FRAMES[name];
      const taken = new Set<number>();
      for (const { at, width } of Object.values(fields)) {
        for (let bit = at; bit < at + width; bit += 1) {
          expect(taken.has(bit)).toBe(false);
          expect(bit).toBeLessThan(8 * layout.length);
          taken.add(bit);
        }
      }
    }
  });
});
