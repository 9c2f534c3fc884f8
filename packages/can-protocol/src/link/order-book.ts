/** Every order from `send` to what became of it: held for a tick, pending on the module's word, told once. */
import type { ModuleMessage, Outcome, PackOrder } from "../inner/messages.js";
import { OUTCOME } from "../inner/messages.js";
import { DOMAIN } from "../secured/sealed-pdu.js";
import { HELD_LIMIT, PENDING_LIMIT } from "./limits.js";
import { NEVER } from "./link-time.js";
import type { LinkLimits } from "./options.js";
import type {
  OrderResult,
  PackLinkEffect,
  PduClass,
  RefusalReason,
  UnsentReason,
} from "./types.js";

/** The sealed PDU that carries an order. */
export interface OrderPdu {
  readonly class: PduClass;
  readonly type: number;
  readonly counter: number;
  /** Names the session. */
  readonly handshakeHash: Uint8Array;
}

interface Held {
  readonly order: PackOrder;
  readonly until: number;
}

interface Pending extends Held {
  readonly pdu: OrderPdu;
}

export class OrderBook {
  readonly #limits: LinkLimits;
  readonly #tell: (effect: PackLinkEffect) => void;
  #held: readonly Held[] = [];
  #pending: readonly Pending[] = [];
  #timeouts = 0;

  constructor(limits: LinkLimits, tell: (effect: PackLinkEffect) => void) {
    this.#limits = limits;
    this.#tell = tell;
  }

  get deadline(): number {
    return Math.min(this.#held[0]?.until ?? NEVER, this.#pending[0]?.until ?? NEVER);
  }

  /** Orders in a row that nothing came back for. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /** Whether the outcome of one more can be awaited; told as unsent if not. */
  admits(order: PackOrder): boolean {
    if (this.#pending.length < PENDING_LIMIT) return true;
    this.unsent(order, "queue-full");
    return false;
  }

  hold(order: PackOrder, now: number): void {
    if (this.#held.length >= HELD_LIMIT) this.unsent(order, "queue-full");
    else this.#held = [...this.#held, { order, until: now + this.#limits.freshnessMs }];
  }

  /** A fresh tick has come: the held orders, which are the caller's again. */
  release(): readonly PackOrder[] {
    if (this.#held.length === 0) return NONE;
    const held = this.#held;
    this.#held = [];
    return held.map(({ order }) => order);
  }

  sent(order: PackOrder, pdu: OrderPdu, now: number): void {
    this.#pending = [...this.#pending, { order, pdu, until: now + this.#limits.outcomeMs }];
  }

  unsent(order: PackOrder, reason: UnsentReason): void {
    this.#tell({ kind: "outcome", order, pdu: undefined, result: { kind: "unsent", reason } });
  }

  /** What the module says, under the session named by `handshakeHash`; returns the order that it acknowledges. */
  hear(message: ModuleMessage, handshakeHash: Uint8Array): PackOrder | undefined {
    if (this.#pending.length === 0) return undefined;
    const answered =
      message.kind === "outcome"
        ? this.#commanded(message, handshakeHash)
        : this.#pending.find(({ order }) => answers(message, order));
    if (answered === undefined) return undefined;
    this.#timeouts = 0;
    const result = message.kind === "outcome" ? resultOf(message) : ACKNOWLEDGED;
    this.#settle(answered, result);
    return result.kind === "acknowledged" ? answered.order : undefined;
  }

  /** Counters start anew with each session: the present one's order is meant before its predecessor's. */
  #commanded(outcome: Outcome, handshakeHash: Uint8Array): Pending | undefined {
    const meant = this.#pending.filter(({ pdu }) => isMeant(outcome, pdu));
    return meant.find(({ pdu }) => pdu.handshakeHash === handshakeHash) ?? meant[0];
  }

  expire(now: number): void {
    for (let first = this.#held[0]; first !== undefined && now >= first.until; ) {
      this.#held = this.#held.slice(1);
      this.unsent(first.order, "no-tick");
      first = this.#held[0];
    }
    for (let first = this.#pending[0]; first !== undefined && now >= first.until; ) {
      this.#timeouts += 1;
      this.#settle(first, TIMED_OUT);
      first = this.#pending[0];
    }
  }

  /** The session is over: nothing more will be heard of what it carried. */
  abandon(): void {
    for (const order of this.release()) this.unsent(order, "no-session");
    for (const pending of this.#pending) this.#settle(pending, TIMED_OUT);
    this.#timeouts = 0;
  }

  /** Doubt was acted upon. */
  forgetTimeouts(): void {
    this.#timeouts = 0;
  }

  #settle(pending: Pending, result: OrderResult): void {
    this.#pending = this.#pending.filter((other) => other !== pending);
    const { class: cls, counter } = pending.pdu;
    const { order } = pending;
    this.#tell({ kind: "outcome", order, pdu: { class: cls, counter }, result });
  }
}

const NONE: readonly PackOrder[] = [];
const ACKNOWLEDGED: OrderResult = { kind: "acknowledged" };
const TIMED_OUT: OrderResult = { kind: "timed-out" };
const REASONS: Readonly<Record<number, RefusalReason>> = {
  [OUTCOME.stale]: "stale",
  [OUTCOME.refused]: "state",
  [OUTCOME.unsupported]: "unsupported",
  [OUTCOME.malformed]: "malformed",
  [OUTCOME.failed]: "failed",
};

function resultOf({ code }: Outcome): OrderResult {
  if (code === OUTCOME.done) return ACKNOWLEDGED;
  return { kind: "refused", reason: REASONS[code] ?? "unknown" };
}

function isMeant(outcome: Outcome, { class: cls, counter, type }: OrderPdu): boolean {
  return (
    outcome.class === DOMAIN[cls] &&
    outcome.counter === counter % 2 ** 32 &&
    outcome.command === type
  );
}

const LAST_LOG_FRAME = 0xffff_ffff;

/** Whether a message is the very thing that an order asks for. */
function answers(message: ModuleMessage, order: PackOrder): boolean {
  switch (order.kind) {
    case "telemetry-request":
      return order.periodMs === 0 && message.kind === "telemetry";
    case "cell-detail-request":
      return message.kind === "cell-detail" && message.cell === order.cell;
    case "log-frame-request":
      if (message.kind !== "log-frame") return false;
      return order.counter === LAST_LOG_FRAME || message.counter === order.counter;
    case "hardware-request":
      return message.kind === "hardware";
    case "capability-request":
      return message.kind === "capability";
    case "counter-statement-request":
      return message.kind === "counter-statement";
    case "state-change":
    case "isolate":
    case "time":
    case "key-roll":
    case "erase":
      return false;
  }
}
