import { milliwattHours } from "@wattseal/base";
import { DeviceHalf, labelText, type PackPairing } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import {
  kindsAt,
  LinkPair,
  moduleHalf,
  nextHalf,
  ofKind,
  outcomesOf,
  packHalf,
  packHash,
  SLOT,
  seededEntropy,
  thirdHalf,
  UID,
} from "./link-pair.fixture.js";
import { PackRoll } from "./pack-roll.js";

const results = (pair: LinkPair) => outcomesOf(pair).map(({ result }) => result);
const rolled = (pair: LinkPair) => ofKind(pair.packEffects, "rolled");

function begun(pair = new LinkPair()): LinkPair {
  pair.link().run(500, 100);
  pair.nextCustody = nextHalf;
  pair.toPack({ kind: "key-roll", packHalf: nextHalf.publicKey });
  return pair;
}

describe("a key-roll", () => {
  it("ends in a session under the next half, and in a module that knows no other", () => {
    const pair = begun().run(5000, 100);
    expect(results(pair)).toEqual([{ kind: "acknowledged" }]);
    expect(rolled(pair)).toEqual([{ kind: "rolled", packHalf: nextHalf.publicKey }]);
    expect(pair.pairing).toMatchObject({ packHalf: nextHalf.publicKey });
    expect(pair.pairing).not.toHaveProperty("nextPackHalf");
    expect(ofKind(pair.packEffects, "down")).toEqual([]);
    const before = pair.pack.status.counts;
    expect(before.rejected).toBe(0);
    pair.custody = nextHalf;
    pair.nextCustody = undefined;
    pair.resetPack();
    pair.run(1000, 100);
    expect(pair.pack.status.linked).toBe(true);
  });

  it("is acknowledged when it is durable, and refused when it is not", () => {
    const pair = new LinkPair();
    pair.flash = "worn-out";
    begun(pair).run(2000, 100);
    expect(results(pair)).toEqual([{ kind: "refused", reason: "failed" }]);
    expect(pair.pairing).toMatchObject({ packHalf: packHalf.publicKey });
    expect(pair.pack.status.linked).toBe(true);
  });

  it("cut short by the module's supply leaves a module that the pack still reaches, and goes on", () => {
    const pair = new LinkPair();
    pair.flash = "power-fails";
    begun(pair).run(300, 100);
    pair.flash = "durable";
    pair.resetModule();
    pair.run(20_000, 100);
    expect(pair.pairing).toMatchObject({ packHalf: nextHalf.publicKey });
    expect(rolled(pair)).toHaveLength(1);
  });

  it("cut short by the pack's reset, at any point, is finished by a pack that holds both halves", () => {
    for (const after of [0, 1, 50, 150, 2000, 3000]) {
      const pair = begun().run(after, 100);
      pair.resetPack();
      pair.run(60_000, 100);
      expect(pair.pack.status.linked).toBe(true);
      expect(rolled(pair).length).toBeGreaterThanOrEqual(1);
      expect(pair.pairing).toMatchObject({ packHalf: nextHalf.publicKey });
    }
  });

  it("whose old half is in force again is undone by none: both halves open until one is proven", () => {
    const pair = begun();
    pair.channel = (frame) => ({ delays: frame.id >>> 19 === 0x31a ? [] : [0] }); // no handshakes
    pair.run(1000, 100);
    expect(pair.pairing).toMatchObject({
      packHalf: packHalf.publicKey,
      nextPackHalf: nextHalf.publicKey,
    });
    pair.nextCustody = undefined;
    pair.channel = () => ({ delays: [0] });
    pair.resetPack();
    pair.run(5000, 100);
    expect(pair.pack.status.linked).toBe(true);
    expect(pair.pairing).toMatchObject({ nextPackHalf: nextHalf.publicKey });
  });

  it("to a half that yields no secret is refused: it would lock the pack out", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.order({ kind: "key-roll", packHalf: new Uint8Array(32) });
    pair.run(100, 100);
    expect(results(pair)).toEqual([{ kind: "refused", reason: "malformed" }]);
  });

  it("replaces one that was never proven", () => {
    const pair = begun();
    pair.channel = (frame) => ({ delays: frame.id >>> 19 === 0x31a ? [] : [0] });
    pair.run(1000, 100);
    pair.toPack({ kind: "key-roll", packHalf: thirdHalf.publicKey });
    pair.channel = () => ({ delays: [0] });
    pair.run(10_000, 100);
    expect(pair.pairing).toMatchObject({ packHalf: thirdHalf.publicKey });
  });
});

describe("the pack's record of a roll", () => {
  const other = DeviceHalf.generate(seededEntropy(23));
  const modules = [moduleHalf, other].map(({ publicKey }, i) => {
    const uid = i === 0 ? UID : ("0102000000000009" as typeof UID);
    return {
      uid,
      slot: (SLOT + i) as typeof SLOT,
      busId: 0,
      half: publicKey,
      label: labelText(uid, publicKey),
      ratedCapacity: milliwattHours(1),
      ratedWatts: 1,
    };
  });
  const pairing: PackPairing = {
    packHash,
    packHalf: { reference: "old", publicKey: packHalf.publicKey },
    modules,
  };
  const next = { reference: "new", publicKey: nextHalf.publicKey };

  it("is stored before the first order, and after the last module has proven the next half", () => {
    const { roll, effect } = PackRoll.begin(pairing, next);
    expect(effect).toEqual({ kind: "store-pairing", pairing: { ...pairing, nextHalf: next } });
    expect(roll.proven(modules[0]!.uid)).toBeUndefined();
    expect(roll.proven(modules[0]!.uid)).toBeUndefined();
    expect(roll.waiting).toEqual([modules[1]!.uid]);
    expect(roll.proven(modules[1]!.uid)).toEqual({
      kind: "store-pairing",
      pairing: { ...pairing, packHalf: next },
    });
    expect(roll.proven(modules[1]!.uid)).toBeUndefined();
  });

  it("lets no second roll begin meanwhile", () => {
    const { effect } = PackRoll.begin(pairing, next);
    expect(() => PackRoll.begin(effect.pairing, next)).toThrow(
      expect.objectContaining({ code: "bad-pairing" }),
    );
  });
});

describe("an erase", () => {
  it("is acknowledged when durable; then the module is unpaired, silent, and both ends say so", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.order({ kind: "erase" });
    pair.run(10);
    expect(results(pair)).toEqual([{ kind: "acknowledged" }]);
    expect(pair.pairing).toBeUndefined();
    const erased = [{ kind: "down", reason: "erased" }];
    expect(ofKind(pair.packEffects, "down")).toEqual(erased);
    expect(ofKind(pair.moduleEffects, "down")).toEqual(erased);
    expect([pair.pack.deadline, pair.module.deadline]).toEqual([undefined, undefined]);
    pair.wire.length = 0;
    pair.toModule({ kind: "open" });
    pair.resetModule();
    pair.resetPack();
    pair.run(30_000);
    expect(pair.wire.every(({ id }) => id >>> 18 === 0x634)).toBe(true); // only the pack still asks
    expect(kindsAt(pair)).not.toContain("erase");
  });

  it("that could not be stored is refused, and the link stays", () => {
    const pair = new LinkPair().link().run(500, 100);
    pair.flash = "worn-out";
    pair.order({ kind: "erase" });
    pair.run(500, 100);
    expect(results(pair)).toEqual([{ kind: "refused", reason: "failed" }]);
    expect(pair.module.status.linked).toBe(true);
  });
});
