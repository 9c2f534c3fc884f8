import { bytesEqual, type LctId, type Millis } from "@wattseal/base";
import {
  decodeOrder,
  MAX_ORDER_LIFE,
  OrderError,
  orderKeyId,
  type SignedOrder,
} from "@wattseal/energy-ledger";
import type { OrderMemory } from "./memory.js";

/**
 * Why an order is not obeyed. `malformed`, `action`, `pack`, `chain`: what it says is nothing for this pack. `key`,
 * `signature`: nobody whom the configuration names signed it. `repeated`: obeyed before. `expired`, `too-far`, `clock`:
 * not in time, or no clock to tell by. `retained`: a broker kept it. `rate`: too many. `not-entered`: the log did not
 * take it, so it was not obeyed. `stopping`: the gateway is.
 */
export const ORDER_REFUSALS = [
  "malformed",
  "retained",
  "action",
  "pack",
  "chain",
  "key",
  "signature",
  "repeated",
  "clock",
  "expired",
  "too-far",
  "rate",
  "not-entered",
  "stopping",
] as const;
export type OrderRefusal = (typeof ORDER_REFUSALS)[number];

/** What an order is held against. */
export interface Judges {
  readonly pack: LctId;
  /** Ed25519 keys whose orders are obeyed. */
  readonly keys: readonly Uint8Array[];
  readonly memory: Pick<OrderMemory, "has">;
  /** UTC as the log has it; undefined where its clock is not synchronised, or stands still. */
  readonly now: Millis | undefined;
  /** Whether there is room: asked before a signature is checked, and before an order is taken. */
  readonly room: (what: "signature" | "isolate" | "other") => boolean;
}

export interface Refusal {
  readonly kind: "refused";
  readonly reason: OrderRefusal;
  /** For operators: of the order's own words no more than what it names. */
  readonly detail: string;
}

export type Judgement =
  | { readonly kind: "accepted"; readonly order: SignedOrder; readonly key: Uint8Array }
  | Refusal;

/**
 * Judges one message, with no effect but on `room`. What costs nothing comes first; the signature (RFC 9052 §4.4) before
 * anything that a stranger could learn from, or use up.
 */
export function judgeOrder(bytes: Uint8Array, judges: Judges): Judgement {
  const { pack, keys, memory, now, room } = judges;
  let order: SignedOrder;
  try {
    order = decodeOrder(bytes);
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    return refused(error.problem, error.reason);
  }
  if (order.pack !== pack) return refused("pack", `is for ${order.pack}`);
  if (order.chain.length > 0) return refused("chain", "rests on a delegation: none are taken yet");
  const key = keys.find((known) => bytesEqual(orderKeyId(known), order.keyId));
  if (key === undefined) return refused("key", "is signed under a key that [orders] does not name");
  if (!room("signature")) return refused("rate", "came with too many others");
  if (!order.isSignedBy(key)) return refused("signature", "its signature does not hold");
  if (memory.has(order))
    return refused("repeated", "was taken before, or is as old as one that was");
  const untimely = outOfTime(order, now);
  if (untimely !== undefined) return untimely;
  const isolates = order.what.action === "isolate";
  if (!room(isolates ? "isolate" : "other")) return refused("rate", "came with too many others");
  return { kind: "accepted", order, key };
}

/** To isolate is the one thing that is done with no clock to judge by: it can be refused for its age only with one. */
export function outOfTime(
  { what, expires }: Pick<SignedOrder, "what" | "expires">,
  now: Millis | undefined,
): Refusal | undefined {
  if (now === undefined) {
    if (what.action === "isolate") return undefined;
    return refused("clock", "cannot be judged: the pack's clock is not synchronised");
  }
  if (expires <= now) return refused("expired", `expired ${now - expires} ms ago`);
  if (expires <= now + MAX_ORDER_LIFE) return undefined;
  return refused("too-far", `expires in ${expires - now} ms, over ${MAX_ORDER_LIFE}`);
}

export function refused(reason: OrderRefusal, detail: string): Refusal {
  return { kind: "refused", reason, detail };
}
