import { millis, silentLogger } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PressureKeeper } from "./keeper.js";
import { levelOf, reserveOf } from "./levels.js";

const MIB = 2 ** 20;
const RESERVE = 64 * MIB;

/** A disk on which evidence and prunable entries lie, and what its keeper did, in order. */
function disk(holds: { free: number; evidence?: number; prunable?: number; total?: number }) {
  const space = { evidence: 0, prunable: 0, total: 10_000 * MIB, ...holds };
  const did: string[] = [];
  const losses: { from: number; until: number }[] = [];
  const keeper = new PressureKeeper({
    space: { read: async () => ({ free: space.free, total: space.total }) },
    reserve: RESERVE,
    shed: async (bytes) => {
      const gone = Math.min(space.evidence, bytes);
      did.push("shed");
      if (gone === 0) return undefined;
      space.evidence -= gone;
      space.free += gone;
      return { files: 1, bytes: gone, from: millis(1_000), until: millis(2_000) };
    },
    keep: () => void did.push("keep"),
    prune: async () => {
      did.push("prune");
      const gone = space.prunable;
      space.free += gone;
      space.prunable = 0;
      return gone > 0;
    },
    lost: ({ from, until }) => void losses.push({ from, until }),
    alarm: () => void did.push("alarm"),
    logger: silentLogger,
  });
  const look = async () => {
    did.length = 0;
    keeper.minute();
    await keeper.settled();
    return [...did];
  };
  return { space, keeper, look, losses };
}

describe("a disk that runs out of room", () => {
  it("is left alone while there is room", async () => {
    const { keeper, look, losses } = disk({ free: RESERVE, evidence: 900 * MIB });
    expect(await look()).toEqual([]);
    expect(keeper.wanted?.minutes).toBe(1);
    expect(losses).toEqual([]);
  });

  it("takes the readings first, as many as give a quarter more than the reserve, and says which are lost", async () => {
    const { keeper, look, losses, space } = disk({ free: 60 * MIB, evidence: 900 * MIB });
    expect(await look()).toEqual(["alarm", "shed"]);
    expect(space).toMatchObject({ free: 80 * MIB, evidence: 880 * MIB });
    expect(losses).toEqual([{ from: 1_000, until: 2_000 }]);
    expect(keeper.wanted).toBeUndefined();
    expect(await look()).toEqual(["keep"]);
    expect(keeper.wanted?.minutes).toBe(1);
  });

  it("then what witnesses have, and only then detail: ten minutes, and an hour below half", async () => {
    const { keeper, look, space } = disk({ free: 40 * MIB, evidence: 10 * MIB, prunable: 5 * MIB });
    expect(await look()).toEqual(["alarm", "shed", "prune"]);
    expect(keeper.wanted).toBeUndefined();
    expect(await look()).toEqual(["shed"]);
    expect(keeper.wanted).toMatchObject({ minutes: 10, reason: "disk-pressure" });
    space.free = 31 * MIB;
    await look();
    expect(keeper.wanted?.minutes).toBe(60);
    // Half the way back is not enough, nor is the reserve itself.
    space.free = 79 * MIB;
    expect(await look()).toEqual([]);
    expect(keeper.wanted?.minutes).toBe(60);
    space.free = 80 * MIB;
    expect(await look()).toEqual(["keep"]);
    expect(keeper.wanted).toMatchObject({ minutes: 1, reason: "room" });
  });

  it("looks for something to prune again and again, not at each minute", async () => {
    const { look, space } = disk({ free: 40 * MIB });
    const looks: string[][] = [];
    for (let i = 0; i < 21; i += 1) {
      if (i === 15) space.prunable = 30 * MIB;
      looks.push(await look());
    }
    expect(looks.flatMap((did, i) => (did.includes("prune") ? [i] : []))).toEqual([0, 10, 20]);
    expect(space.free).toBe(70 * MIB);
  });

  it("changes nothing where nobody can say how much room there is", async () => {
    const at = disk({ free: 0 });
    const warned: string[] = [];
    const keeper = new PressureKeeper({
      space: { read: () => Promise.reject(new Error("EIO")) },
      reserve: RESERVE,
      shed: async () => undefined,
      keep: () => {},
      prune: async () => false,
      lost: () => {},
      alarm: () => {},
      logger: { ...silentLogger, warn: (event) => void warned.push(event) },
    });
    keeper.minute();
    await keeper.settled();
    expect(warned).toEqual(["disk.unwatched"]);
    expect(keeper.wanted).toBeUndefined();
    expect(at.keeper.status).toBeUndefined();
  });

  it("takes a reserve of at most a tenth of a small disk", () => {
    expect(reserveOf(RESERVE, { free: 0, total: 100 * MIB })).toBe(10 * MIB);
    expect(reserveOf(RESERVE, { free: 0, total: 10_000 * MIB })).toBe(RESERVE);
  });

  it("gives way more, never less, until there is a quarter more than the reserve", () => {
    const order = ["room", "short", "scarce"] as const;
    fc.assert(
      fc.property(fc.array(fc.nat(200)), (frees) => {
        let level: (typeof order)[number] = "room";
        for (const free of frees) {
          const next = levelOf(free, 100, level);
          if (free >= 125) expect(next).toBe("room");
          else expect(order.indexOf(next)).toBeGreaterThanOrEqual(order.indexOf(level));
          if (free < 100) expect(next).not.toBe("room");
          if (free < 50) expect(next).toBe("scarce");
          level = next;
        }
      }),
    );
  });
});
