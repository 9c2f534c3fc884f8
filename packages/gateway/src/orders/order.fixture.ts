/** Orders as an operator signs them. */
import { createHash } from "node:crypto";
import { type LctId, type Millis, millis } from "@wattseal/base";
import { encodeOrder, type Order, type OrderedAction } from "@wattseal/energy-ledger";
import { Ed25519SecretKey } from "@wattseal/lct-keys";

const seeded = (seed: string) => ({
  bytes: (length: number) =>
    new Uint8Array(createHash("sha256").update(seed).digest()).slice(0, length),
});
export const OPERATOR = Ed25519SecretKey.generate(seeded("operator"));
export const STRANGER = Ed25519SecretKey.generate(seeded("stranger"));
export const ISOLATE: OrderedAction = { action: "isolate", body: {} };
export const ALLOW: OrderedAction = { action: "allow", body: {} };

export function idOf(number: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, number);
  return id;
}

/** Good for a minute from `now` on, unless it says otherwise. */
export function orderFor(
  pack: LctId,
  now: Millis,
  changes: Partial<Order> = {},
  key = OPERATOR,
): Uint8Array {
  const expires = millis(now + 60_000);
  const order: Order = { id: idOf(1), pack, what: ALLOW, expires, chain: [], ...changes };
  return encodeOrder(order, key.publicKey, (bytes) => key.sign(bytes));
}
