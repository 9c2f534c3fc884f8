import { lctId, millis } from "@wattseal/base";
import { MAX_ORDER_BYTES, MAX_ORDER_LIFE } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { START } from "../clock.fixture.js";
import { type Judges, judgeOrder, ORDER_REFUSALS } from "./acceptance.js";
import { ALLOW, ISOLATE, idOf, OPERATOR, orderFor, STRANGER } from "./order.fixture.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const OTHER = lctId(`lct:pack:${"q".repeat(32)}`);
const judges: Judges = {
  pack: PACK,
  keys: [OPERATOR.publicKey],
  memory: { has: () => false },
  now: START,
  room: () => true,
};
const judged = (bytes: Uint8Array, changes: Partial<Judges> = {}) => {
  const judgement = judgeOrder(bytes, { ...judges, ...changes });
  return judgement.kind === "refused" ? judgement.reason : judgement.order.what.action;
};
const order = (changes: Parameters<typeof orderFor>[2] = {}, key = OPERATOR) =>
  orderFor(PACK, START, changes, key);
const expiringIn = (ms: number, what = ALLOW) => order({ what, expires: millis(START + ms) });

describe("an order from afar", () => {
  it("is accepted from a pinned key, for this pack, in time", () => {
    expect(judged(order())).toBe("allow");
    expect(judgeOrder(order(), judges)).toMatchObject({ key: OPERATOR.publicKey });
    expect(judged(order({}, STRANGER), { keys: [OPERATOR.publicKey, STRANGER.publicKey] })).toBe(
      "allow",
    );
  });

  it("is refused where it says nothing for this pack", () => {
    expect(judged(new Uint8Array(0))).toBe("malformed");
    expect(judged(new Uint8Array(MAX_ORDER_BYTES + 1))).toBe("malformed");
    expect(judged(order({ pack: OTHER }))).toBe("pack");
    expect(judged(order({ chain: [idOf(1)] }))).toBe("chain");
  });

  it("is refused under a key that is not pinned, and where the signature is another's", () => {
    expect(judged(order({}, STRANGER))).toBe("key");
    expect(judged(order(), { keys: [] })).toBe("key");
    const forged = order();
    forged.set(order({}, STRANGER).slice(-64), forged.length - 64);
    expect(judged(forged)).toBe("signature");
  });

  it("is obeyed once", () => {
    expect(judged(order(), { memory: { has: () => true } })).toBe("repeated");
  });

  it("is in time until it expires, which is at most five minutes ahead", () => {
    expect(judged(expiringIn(1))).toBe("allow");
    expect(judged(expiringIn(0))).toBe("expired");
    expect(judged(expiringIn(-1, ISOLATE))).toBe("expired");
    expect(judged(expiringIn(MAX_ORDER_LIFE))).toBe("allow");
    expect(judged(expiringIn(MAX_ORDER_LIFE + 1))).toBe("too-far");
    expect(judged(expiringIn(MAX_ORDER_LIFE + 1, ISOLATE))).toBe("too-far");
  });

  it("is to isolate and nothing else where no clock can judge it", () => {
    const now = undefined;
    expect(judged(order(), { now })).toBe("clock");
    for (const ms of [-1, 1, 10 * MAX_ORDER_LIFE]) {
      expect(judged(expiringIn(ms, ISOLATE), { now })).toBe("isolate");
    }
    expect(judged(order({ what: ISOLATE }), { now, memory: { has: () => true } })).toBe("repeated");
  });

  it("finds no room only after what costs nothing, and is not taken before its signature holds", () => {
    const asked: string[] = [];
    const room = (what: string) => asked.push(what) > 0;
    judged(order({ pack: OTHER }), { room });
    judged(order({}, STRANGER), { room });
    expect(asked).toEqual([]);
    judged(order(), { room, memory: { has: () => true } });
    expect(asked).toEqual(["signature"]);
    judged(order(), { room });
    judged(order({ what: ISOLATE }), { room });
    expect(asked.slice(1)).toEqual(["signature", "other", "signature", "isolate"]);
    expect(judged(order(), { room: (what) => what !== "signature" })).toBe("rate");
    expect(judged(order(), { room: (what) => what !== "other" })).toBe("rate");
    expect(judged(order({ what: ISOLATE }), { room: (what) => what !== "other" })).toBe("isolate");
  });

  it("is never accepted with one bit changed, and every refusal has a type", () => {
    const good = [order(), order({ what: ISOLATE })];
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.nat(), fc.boolean(), (bytes, at, timed) => {
        const bad = bytes.slice();
        bad[(at >> 3) % bad.length]! ^= 1 << (at & 7);
        const judgement = judgeOrder(bad, { ...judges, now: timed ? START : undefined });
        expect(judgement.kind).toBe("refused");
        if (judgement.kind === "refused") expect(ORDER_REFUSALS).toContain(judgement.reason);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(judged(bytes)).toBe("malformed");
      }),
    );
  });
});
