import { bytesEqual, encodeCbor, lctId, millis, milliwattHours, sha256 } from "@wattseal/base";
import * as cborg from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NOON, PACK } from "../samples.fixture.js";
import {
  decodeOrder,
  encodeOrder,
  MAX_ORDER_BYTES,
  ORDER_ACTIONS,
  type Order,
  OrderError,
  type OrderedAction,
  orderKeyId,
} from "./command.js";

const KEY = sha256(Uint8Array.of(1));
const sign = () => new Uint8Array(64).fill(7);
const WORKER = lctId(`lct:agent:${"w".repeat(32)}`);
const ACTIONS: readonly OrderedAction[] = [
  { action: "isolate", body: {} },
  { action: "allow", body: {} },
  {
    action: "reserve",
    body: { amount: milliwattHours(5), worker: WORKER, task: "compute", order: undefined },
  },
  {
    action: "commit",
    body: { ticket: 7, amount: undefined, quality: 9_500, proof: KEY },
  },
  { action: "rollback", body: { ticket: 7 } },
  {
    action: "certify",
    body: { amount: milliwattHours(5), by: "load", certifier: "substation-4", proof: undefined },
  },
  {
    action: "resolve",
    body: { interval: 7, decision: "reject", evidence: "operator", reason: "x".repeat(200) },
  },
];
const orderOf = (what: OrderedAction): Order => ({
  id: new Uint8Array(16).fill(9),
  pack: PACK,
  what,
  expires: millis(NOON),
  chain: [],
});
const problemOf = (bytes: Uint8Array) => {
  try {
    decodeOrder(bytes);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(OrderError);
    return error instanceof OrderError ? error.problem : undefined;
  }
};
/** COSE_Sign1 by hand: RFC 9052 §4.2, header {1: -8, 4: kid}. */
function signedByHand(
  payload: unknown,
  header: unknown = new Map<number, unknown>([
    [1, -8],
    [4, orderKeyId(KEY)],
  ]),
) {
  const parts = [cborg.encode(header), new Map(), cborg.encode(payload), new Uint8Array(64)];
  return Uint8Array.from([0xd2, ...cborg.encode(parts)]);
}
const PAYLOAD: readonly unknown[] = [
  "wattseal-order-1",
  new Uint8Array(16),
  PACK,
  ["isolate", []],
  NOON,
  [],
];
const payload = (place = 0, value: unknown = "wattseal-order-1") => PAYLOAD.with(place, value);

describe("an order", () => {
  it("has an action of each kind here", () => {
    expect(ACTIONS.map(({ action }) => action)).toEqual(ORDER_ACTIONS);
  });

  it.each(ACTIONS)("to $action comes back as it was written, and fits", (what) => {
    const bytes = encodeOrder(orderOf(what), KEY, sign);
    expect(bytes.length).toBeLessThan(MAX_ORDER_BYTES);
    const { keyId, isSignedBy, ...order } = decodeOrder(bytes);
    expect(order).toEqual(orderOf(what));
    expect(keyId).toEqual(orderKeyId(KEY));
    expect(isSignedBy(KEY)).toBe(false);
  });

  it("is what an independent encoder writes", () => {
    expect(problemOf(signedByHand(payload()))).toBeUndefined();
    expect(decodeOrder(signedByHand(payload())).what).toEqual({ action: "isolate", body: {} });
  });

  it("names an unknown action as such, and everything else as malformed", () => {
    expect(problemOf(signedByHand(payload(3, ["explode", []])))).toBe("action");
    expect(problemOf(signedByHand(payload(3, ["explode", [1, 2, "x"]])))).toBe("action");
    expect(problemOf(signedByHand(payload(3, ["constructor", []])))).toBe("action");
    expect(problemOf(signedByHand(payload(3, ["isolate", [1]])))).toBe("malformed");
    expect(problemOf(signedByHand(payload(3, ["isolate"])))).toBe("malformed");
    expect(problemOf(signedByHand(payload(0, "wattseal-order-2")))).toBe("malformed");
    expect(problemOf(signedByHand(payload(1, new Uint8Array(15))))).toBe("malformed");
    expect(problemOf(signedByHand(payload(2, "lct:pack:x")))).toBe("malformed");
    expect(problemOf(signedByHand(payload(4, -1)))).toBe("malformed");
    expect(problemOf(signedByHand(payload(4, NOON + 0.5)))).toBe("malformed");
    expect(problemOf(signedByHand([...payload(), 1]))).toBe("malformed");
    expect(problemOf(signedByHand(payload(), new Map([[1, -8]])))).toBe("malformed");
    expect(
      problemOf(
        signedByHand(
          payload(),
          new Map<number, unknown>([
            [1, -7],
            [4, orderKeyId(KEY)],
          ]),
        ),
      ),
    ).toBe("malformed");
    expect(problemOf(signedByHand(payload(5, [new Uint8Array(MAX_ORDER_BYTES)])))).toBe(
      "malformed",
    );
    expect(problemOf(encodeCbor(["wattseal-order-1"]))).toBe("malformed");
    expect(problemOf(new Uint8Array(0))).toBe("malformed");
  });

  it("reads a chain, which is for whoever obeys to judge", () => {
    expect(decodeOrder(signedByHand(payload(5, [KEY, KEY]))).chain).toEqual([KEY, KEY]);
  });

  it("has one form: any other bytes are refused, with a type, or are another order", () => {
    const good = ACTIONS.map((what) => encodeOrder(orderOf(what), KEY, sign));
    const oneForm = (bytes: Uint8Array) => {
      if (problemOf(bytes) !== undefined) return;
      const { keyId, isSignedBy: _, ...order } = decodeOrder(bytes);
      expect(keyId.length).toBe(16);
      const again = encodeOrder(order, KEY, () => bytes.slice(-64));
      // The kid and the signature are the sender's; all else has one encoding.
      expect(bytesEqual(again.slice(26), bytes.slice(26))).toBe(true);
    };
    for (const bytes of good) {
      for (let length = 0; length < bytes.length; length += 1) {
        expect(problemOf(bytes.subarray(0, length))).toBe("malformed");
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (bytes, changes) => {
          const changed = bytes.slice();
          for (const [at, value] of changes) changed[at % changed.length] = value;
          oneForm(changed);
        },
      ),
      { numRuns: 3_000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), oneForm), { numRuns: 1_000 });
  });
});
