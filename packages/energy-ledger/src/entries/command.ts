/**
 * Orders from afar: what somebody signed for a pack, and what became of it. A forged one moves a contactor, so an order
 * has one form, is short, and says for whom, until when and by what authority it is good.
 */
import { decodeSign1, encodeSign1, messageOf, sha256, verifySign1 } from "@wattseal/base";
import type { FieldReader } from "../codec/reader.js";
import { Words } from "../codec/reader.js";
import { entryIndex, hash32, label, lct, phrase, time } from "../codec/scalars.js";
import {
  byteString,
  constant,
  decodeAs,
  encodeAs,
  list,
  oneOf,
  record,
  type Schema,
  type Value,
} from "../codec/schema.js";
import { LedgerError } from "../errors.js";
import { energyResolve } from "./energy.js";
import { societyCertify, societyCommit, societyReserve } from "./society.js";

/** An order as signed, at most: the longest action has a third of it. */
export const MAX_ORDER_BYTES = 2_048;
/** Farthest that an order's expiry may lie ahead of the pack's time, ms. */
export const MAX_ORDER_LIFE = 300_000;
const KEY_ID_BYTES = 16;

/** What one action is: its name, and the schema of what it takes. */
function row<const A extends string, B>(action: A, schema: Schema<B>) {
  return {
    action,
    schema,
    read: (reader: FieldReader) => ({ action, body: schema.read(reader) }),
  };
}

const nothing = record({});

/** The one table of what can be ordered; names are those of the control socket's operations. */
const ACTIONS = [
  row("isolate", nothing),
  row("allow", nothing),
  row("reserve", societyReserve),
  row("commit", societyCommit),
  row("rollback", record({ ticket: entryIndex })),
  row("certify", societyCertify),
  row("resolve", energyResolve),
] as const;

type Row = (typeof ACTIONS)[number];
export type OrderAction = Row["action"];
/** An action and what it takes. */
export type OrderedAction<A extends OrderAction = OrderAction> = {
  readonly [Name in A]: {
    readonly action: Name;
    readonly body: Value<Extract<Row, { action: Name }>["schema"]>;
  };
}[A];

export const ORDER_ACTIONS: readonly OrderAction[] = ACTIONS.map(({ action }) => action);
const actions = new Words("action", ACTIONS, ({ action }) => action);

const orderedAction: Schema<OrderedAction> = {
  read(reader) {
    reader.array(2);
    const name = label.read(reader);
    const found = actions.of(name);
    if (found === undefined) throw new OrderError("action", `there is no action "${name}"`);
    return found.value.read(reader);
  },
  write(writer, { action, body }) {
    const found = actions.of(action);
    if (found === undefined) throw new OrderError("action", `there is no action "${action}"`);
    const schema: Schema<unknown> = found.value.schema;
    writer.array(2);
    writer.textBytes(found.bytes);
    schema.write(writer, body);
  },
};

/** Payload of an order. */
const orderPayload = record({
  purpose: constant("wattseal-order-1"),
  /** Drawn at random for each order: a pack obeys it once. */
  id: byteString("an order id", 16),
  /** Whom it is for. */
  pack: lct,
  /** What to do. */
  what: orderedAction,
  /** UTC ms: not obeyed from then on. */
  expires: time,
  /** Delegations that the signer's right rests on; there are none yet. */
  chain: list(byteString("a delegation", 1, MAX_ORDER_BYTES), { max: 8 }),
});
type OrderPayload = Value<typeof orderPayload>;

/** What is ordered, of whom, until when. */
export type Order = Omit<OrderPayload, "purpose">;

/** An order with the signature that it came with. */
export interface SignedOrder extends Order {
  /** First 16 bytes of the SHA-256 of the key that is to have signed it. */
  readonly keyId: Uint8Array;
  /** True when `publicKey` (Ed25519, 32 bytes) signed it. */
  isSignedBy(publicKey: Uint8Array): boolean;
}

/** `malformed`: no order at all. `action`: one that this version does not know. */
export class OrderError extends LedgerError {
  readonly problem: "malformed" | "action";

  constructor(problem: OrderError["problem"], reason: string, options?: ErrorOptions) {
    super("command", reason, options);
    this.problem = problem;
  }
}

/** First 16 bytes of the SHA-256 of an Ed25519 public key: the kid of what it signs. */
export function orderKeyId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, KEY_ID_BYTES);
}

/** COSE_Sign1 (RFC 9052 §4.2) of an order: alg EdDSA and kid protected. `sign` receives the Sig_structure of §4.4. */
export function encodeOrder(
  order: Order,
  publicKey: Uint8Array,
  sign: (signedBytes: Uint8Array) => Uint8Array,
): Uint8Array {
  return encodeSign1({
    algorithm: "EdDSA",
    keyId: orderKeyId(publicKey),
    payload: encodeAs(orderPayload, { purpose: "wattseal-order-1", ...order }),
    sign,
  });
}

/** Parses without verifying. Throws OrderError. */
export function decodeOrder(bytes: Uint8Array): SignedOrder {
  if (bytes.length > MAX_ORDER_BYTES) {
    throw new OrderError("malformed", `an order of ${bytes.length} bytes, over ${MAX_ORDER_BYTES}`);
  }
  try {
    const signed = decodeSign1(bytes, "order");
    const { algorithm, keyId, payload } = signed;
    if (algorithm !== "EdDSA") throw new OrderError("malformed", "an order is signed with EdDSA");
    if (keyId.length !== KEY_ID_BYTES) {
      throw new OrderError("malformed", `a kid of ${keyId.length} bytes, not ${KEY_ID_BYTES}`);
    }
    const { purpose: _, ...order } = decodeAs(orderPayload, payload, "order");
    return { ...order, keyId, isSignedBy: (publicKey) => verifySign1(signed, publicKey) };
  } catch (cause) {
    if (cause instanceof OrderError) throw cause;
    throw new OrderError("malformed", messageOf(cause), { cause });
  }
}

/** An order that a pack took, before it did anything. */
export const opsCommand = record({
  /** As signed. */
  order: byteString("an order", 1, MAX_ORDER_BYTES),
  /** Ed25519 key that the pack's configuration names, and that signed it. */
  key: hash32,
});
export type OpsCommand = Value<typeof opsCommand>;

/** What became of it. */
export const opsOutcome = record({
  /** Index of the ops.command. */
  command: entryIndex,
  /** `partial`: some modules did not say that they obeyed. `refused`: the rules said no, and nothing changed. */
  outcome: oneOf("outcome", "done", "partial", "refused"),
  detail: phrase,
});
export type OpsOutcome = Value<typeof opsOutcome>;
