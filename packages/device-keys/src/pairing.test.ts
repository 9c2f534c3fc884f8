import { createHash } from "node:crypto";
import { decodeCbor, encodeCbor, milliwattHours, moduleUid, slot, toHex } from "@wattseal/base";
import { decode as decodeWithCborg } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beginKeyRoll,
  compareLabel,
  decodeModulePairing,
  decodePackPairing,
  encodeModulePairing,
  encodePackPairing,
  endKeyRoll,
  holdsPackHalf,
  labelGroups,
  labelText,
  type ModulePairing,
  type PackPairing,
  type PairedModule,
} from "./index.js";

const packHash = new Uint8Array(32).fill(1);
const half = (n: number) => new Uint8Array(32).fill(n);
const uid = (n: number) => moduleUid(`0102000000000${n.toString(16).padStart(3, "0")}`);

function paired(n: number, busId = 0): PairedModule {
  return {
    uid: uid(n),
    slot: slot(n),
    busId,
    half: half(n),
    label: labelText(uid(n), half(n)),
    ratedCapacity: milliwattHours(2_500_000),
    ratedWatts: 1200,
  };
}

const pack: PackPairing = {
  packHash,
  packHalf: { reference: "file:pack-half", publicKey: half(200) },
  modules: [paired(1), paired(2), paired(31)],
};
const module: ModulePairing = {
  packHash,
  packHalf: half(200),
  slot: slot(7),
  busId: 3,
  fed: half(201),
};

describe("pairing records", () => {
  it("come back as they went", () => {
    expect(decodePackPairing(encodePackPairing(pack))).toEqual(pack);
    expect(decodeModulePairing(encodeModulePairing(module))).toEqual(module);
  });

  it("are lists with the version first, as an independent decoder reads them", () => {
    expect(decodeWithCborg(encodeModulePairing(module))).toEqual([
      1,
      packHash,
      half(200),
      7,
      3,
      half(201),
    ]);
    const [version, , reference, , modules] = decodeWithCborg(encodePackPairing(pack));
    expect([version, reference, modules.length]).toEqual([1, "file:pack-half", 3]);
  });

  it("let the same slot be taken on two buses, but nothing else be taken twice", () => {
    const twoBuses = [paired(1), { ...paired(2, 1), slot: slot(1) }];
    expect(
      decodePackPairing(encodePackPairing({ ...pack, modules: twoBuses })).modules,
    ).toHaveLength(2);
    const relabelled = (m: PairedModule) => ({ ...m, label: labelText(m.uid, m.half) });
    const wrong: readonly (readonly PairedModule[])[] = [
      [paired(1), paired(1)],
      [paired(2), paired(1)],
      [paired(1), { ...paired(1), slot: slot(2) }],
      [paired(1), relabelled({ ...paired(2), half: half(1) })],
      [{ ...paired(1), label: labelText(uid(2), half(2)) }],
      [{ ...paired(1), half: new Uint8Array(31) }],
      [{ ...paired(1), busId: 256 }],
      [{ ...paired(1), ratedWatts: -1 }],
    ];
    for (const modules of wrong) {
      expect(() => encodePackPairing({ ...pack, modules })).toThrow(
        expect.objectContaining({ code: "bad-pairing" }),
      );
    }
  });

  it("of a roll under way carry the half that is to follow, and are as they were without", () => {
    const rolling: ModulePairing = { ...module, nextPackHalf: half(202) };
    expect(decodeModulePairing(encodeModulePairing(rolling))).toEqual(rolling);
    expect(decodeWithCborg(encodeModulePairing(rolling))).toHaveLength(7);
    const begun = beginKeyRoll(pack, { reference: "file:next", publicKey: half(202) });
    expect(decodePackPairing(encodePackPairing(begun))).toEqual(begun);
    expect(decodePackPairing(encodePackPairing(begun)).packHalf).toEqual(pack.packHalf);
    expect(endKeyRoll(begun)).toEqual({
      ...pack,
      packHalf: { reference: "file:next", publicKey: half(202) },
    });
  });

  it("roll to another half, one at a time", () => {
    const next = { reference: "file:next", publicKey: half(202) };
    const badPairing = expect.objectContaining({ code: "bad-pairing" });
    expect(() => beginKeyRoll(beginKeyRoll(pack, next), next)).toThrow(badPairing);
    expect(() => beginKeyRoll(pack, pack.packHalf)).toThrow(badPairing);
    expect(() => endKeyRoll(pack)).toThrow(badPairing);
  });

  it("of another shape or version are refused with one error", () => {
    for (const fields of [
      [2, packHash, half(200), 7, 3, half(201)],
      [1, packHash, half(200), 7, 3],
      [1, packHash, half(200), 0, 3, half(201)],
      [1, packHash, half(200), 7, 256, half(201)],
      [1, packHash, half(200).subarray(1), 7, 3, half(201)],
      [1, packHash, "text", 7, 3, half(201)],
      [1, packHash, half(200), 7, 3, half(201), half(1).subarray(1)],
      [1, packHash, half(200), 7, 3, half(201), half(1), 0],
      [],
      7,
    ]) {
      expect(() => decodeModulePairing(encodeCbor(fields))).toThrow(
        expect.objectContaining({ name: "DecodeError" }),
      );
    }
  });

  it("never decode from altered bytes to something that encodes otherwise", () => {
    const good = encodePackPairing(pack);
    const positions = fc.nat({ max: 8 * good.length - 1 });
    fc.assert(
      fc.property(positions, (bit) => {
        const altered = Uint8Array.from(good);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        let decoded: PackPairing;
        try {
          decoded = decodePackPairing(altered);
        } catch (error) {
          expect(error).toMatchObject({ name: "DecodeError" });
          return;
        }
        expect(toHex(encodePackPairing(decoded))).toBe(toHex(altered));
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodePackPairing, decodeModulePairing]) {
          expect(() => decode(bytes)).toThrow(expect.objectContaining({ name: "DecodeError" }));
        }
      }),
    );
  });

  it("tell a custody that holds another half", () => {
    expect(holdsPackHalf(pack, half(200))).toBe(true);
    expect(holdsPackHalf(pack, half(201))).toBe(false);
  });

  it("hold no more than the record says", () => {
    expect(decodeCbor(encodeModulePairing(module))).toHaveLength(6);
  });
});

describe("the label", () => {
  const id = uid(1);
  const key = half(1);

  it("has eight groups: u32be(SHA-256(uid ‖ half)[4i..]) mod 100000", () => {
    const digest = createHash("sha256").update(Buffer.from(id, "hex")).update(key).digest();
    const expected = Array.from({ length: 8 }, (_, i) =>
      (digest.readUInt32BE(4 * i) % 100_000).toString().padStart(5, "0"),
    );
    expect(labelGroups(id, key)).toEqual(expected);
    expect(labelText(id, key)).toBe(expected.join(" "));
  });

  it("matches from five groups on, whatever stands between them", () => {
    const groups = labelGroups(id, key);
    expect(compareLabel(groups.join(" "), id, key)).toBe("match");
    expect(compareLabel(groups.slice(0, 5).join(""), id, key)).toBe("match");
    expect(compareLabel(` ${groups.slice(0, 6).join("-\n")} `, id, key)).toBe("match");
    expect(compareLabel(groups.slice(0, 4).join(" "), id, key)).toBe("too-few");
    expect(compareLabel("", id, key)).toBe("malformed");
    expect(compareLabel("1234", id, key)).toBe("malformed");
    expect(compareLabel(`${groups.join(" ")} 00000`, id, key)).toBe("malformed");
    expect(compareLabel(groups.join(" ").replace(/\d/, "x"), id, key)).toBe("malformed");
  });

  it("differs when any digit does", () => {
    const text = labelGroups(id, key).join("");
    for (let i = 0; i < text.length; i += 1) {
      const digit = (Number(text[i]) + 1) % 10;
      const typed = `${text.slice(0, i)}${digit}${text.slice(i + 1)}`;
      expect(compareLabel(typed, id, key)).toBe("mismatch");
    }
  });
});
