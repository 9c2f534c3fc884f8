import { inspect } from "node:util";
import { fromHex, toHex } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { DeviceHalf } from "./index.js";

describe("X25519", () => {
  it("meets RFC 7748 §5.2, one product", () => {
    const scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4";
    const u = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c";
    expect(toHex(DeviceHalf.fromSecret(fromHex(scalar)).dh(fromHex(u)))).toBe(
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    );
  });

  it("meets RFC 7748 §5.2, a thousand products from the base point", () => {
    let u = new Uint8Array(32);
    u[0] = 9;
    let scalar = u;
    for (let i = 0; i < 1000; i += 1) {
      const next = Uint8Array.from(DeviceHalf.fromSecret(scalar).dh(u));
      u = scalar;
      scalar = next;
      if (i === 0) {
        expect(toHex(scalar)).toBe(
          "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
        );
      }
    }
    expect(toHex(scalar)).toBe("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
  });

  it("derives the public half from the base point", () => {
    const half = DeviceHalf.fromSecret(new Uint8Array(32).fill(7));
    const base = new Uint8Array(32);
    base[0] = 9;
    expect(half.publicKey).toEqual(half.dh(base));
  });

  it("refuses peers of small order, whose secret is all zero (§6.1)", () => {
    const half = DeviceHalf.fromSecret(new Uint8Array(32).fill(7));
    const one = new Uint8Array(32);
    one[0] = 1;
    const orderEight = fromHex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
    for (const peer of [new Uint8Array(32), one, orderEight]) {
      expect(() => half.dh(peer)).toThrow(expect.objectContaining({ code: "weak-peer-half" }));
    }
  });

  it("refuses halves of another length", () => {
    const badParameter = expect.objectContaining({ code: "bad-parameter" });
    expect(() => DeviceHalf.fromSecret(new Uint8Array(31))).toThrow(badParameter);
    expect(() => DeviceHalf.fromSecret(new Uint8Array(32)).dh(new Uint8Array(33))).toThrow(
      badParameter,
    );
  });
});

describe("a half's secret", () => {
  const secret = new Uint8Array(32).fill(0x5a);

  it("is in no print, no JSON, no enumeration", () => {
    const half = DeviceHalf.fromSecret(secret);
    const shown = [
      inspect(half, { depth: 9, showHidden: true }),
      JSON.stringify(half),
      JSON.stringify({ ...half }),
      String(half),
    ].join();
    expect(shown).not.toMatch(/5a5a|90,\s*90|"\d+":90/);
    expect(inspect(half)).toContain("redacted");
  });

  it("is lent as a copy that is wiped on return", () => {
    const half = DeviceHalf.fromSecret(secret);
    let kept: Uint8Array = new Uint8Array(0);
    const sum = half.lend((bytes) => {
      kept = bytes;
      return toHex(bytes);
    });
    expect(sum).toBe(toHex(secret));
    expect(kept).toEqual(new Uint8Array(32));
  });

  it("is gone after dispose", () => {
    const half = DeviceHalf.fromSecret(secret);
    half.dispose();
    half.dispose();
    const disposed = expect.objectContaining({ code: "disposed" });
    expect(() => half.dh(new Uint8Array(32).fill(9))).toThrow(disposed);
    expect(() => half.lend((bytes) => bytes)).toThrow(disposed);
  });
});
