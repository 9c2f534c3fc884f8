import { createHmac, hkdfSync } from "node:crypto";
import { inspect } from "node:util";
import { x25519 } from "@noble/curves/ed25519.js";
import { fromHex, milliwattHours, moduleUid, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  COUNTER_STATEMENT_LENGTH,
  CounterStatementReader,
  DeviceHalf,
  writeCounterStatement,
} from "./index.js";

const moduleSecret = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
const fedSecret = Uint8Array.from({ length: 32 }, (_, i) => 255 - 5 * i);
const module = DeviceHalf.fromSecret(moduleSecret);
const federation = DeviceHalf.fromSecret(fedSecret);
const other = DeviceHalf.fromSecret(new Uint8Array(32).fill(7));
const reader = new CounterStatementReader(federation, module.publicKey);

const READING = {
  uid: moduleUid("0102000078563412"),
  boot: 0x1234,
  tick: 0x89abcdef,
  inMwh: milliwattHours(0x0123456789ab),
  outMwh: milliwattHours(0xffffffffffff),
};
const FIELDS = "0102000078563412" + "3412" + "efcdab89" + "ab8967452301" + "ffffffffffff";

/** By another library's curve, and the platform's HKDF and HMAC. */
function byHand(fields: Uint8Array): string {
  const shared = x25519.getSharedSecret(fedSecret, x25519.getPublicKey(moduleSecret));
  const key = hkdfSync("sha256", shared, new Uint8Array(0), "wattseal-counter-1", 32);
  return createHmac("sha256", new Uint8Array(key)).update(fields).digest("hex");
}

describe("a counter statement", () => {
  const statement = writeCounterStatement(READING, module, federation.publicKey);

  it("is the bytes that an independent computation gives", () => {
    expect(statement).toHaveLength(COUNTER_STATEMENT_LENGTH);
    expect(toHex(statement)).toBe(FIELDS + byHand(fromHex(FIELDS)));
  });

  it("is read by the holder of the federation half, and of no other", () => {
    expect(reader.read(statement)).toEqual(READING);
    expect(new CounterStatementReader(other, module.publicKey).read(statement)).toBeUndefined();
    expect(new CounterStatementReader(federation, other.publicKey).read(statement)).toBeUndefined();
  });

  it("shows nothing of its key where its reader is printed", () => {
    expect(`${inspect(reader)} ${JSON.stringify(reader)}`).toBe("CounterStatementReader {}");
  });

  it("cannot be made by the pack, which holds neither of the two halves", () => {
    const forged = writeCounterStatement(READING, other, federation.publicKey);
    expect(reader.read(forged)).toBeUndefined();
  });

  it("says nothing once any bit of it is another", () => {
    for (let bit = 0; bit < 8 * statement.length; bit += 1) {
      const altered = Uint8Array.from(statement);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(reader.read(altered)).toBeUndefined();
    }
  });

  it("of another length is refused with its offset", () => {
    for (const length of [0, 57, 59]) {
      const bytes = new Uint8Array(length);
      expect(() => reader.read(bytes)).toThrow(expect.objectContaining({ name: "DecodeError" }));
    }
  });

  it("carries every value of its fields, and none beyond", () => {
    const readings = fc.record({
      uid: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      boot: fc.nat({ max: 0xffff }),
      tick: fc.nat({ max: 0xffff_ffff }),
      inMwh: fc.nat({ max: 2 ** 48 - 1 }),
      outMwh: fc.nat({ max: 2 ** 48 - 1 }),
    });
    fc.assert(
      fc.property(readings, ({ uid, boot, tick, inMwh, outMwh }) => {
        const reading = {
          uid: moduleUid(toHex(Uint8Array.of(uid[0]!, uid[1]!, 0, 0, ...uid.subarray(4)))),
          boot,
          tick,
          inMwh: milliwattHours(inMwh),
          outMwh: milliwattHours(outMwh),
        };
        const bytes = writeCounterStatement(reading, module, federation.publicKey);
        expect(reader.read(bytes)).toEqual(reading);
      }),
      { numRuns: 50 },
    );
    for (const wrong of [{ boot: 65_536 }, { tick: 2 ** 32 }, { inMwh: milliwattHours(2 ** 48) }]) {
      const reading = { ...READING, ...wrong };
      expect(() => writeCounterStatement(reading, module, federation.publicKey)).toThrow(
        expect.objectContaining({ code: "bad-parameter" }),
      );
    }
  });
});
