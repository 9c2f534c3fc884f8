/** Every order from `send` to what became of it: held for a tick, pending on the module's word, told once. */
import type { CanFrame } from "../bus.js";
import { MODULE_STATE } from "../catalogue/scales.js";
import type { ModuleMessage, Outcome, PackOrder } from "../inner/messages.js";
import { OUTCOME } from "../inner/messages.js";
import { DOMAIN } from "../secured/sealed-pdu.js";
import { HELD_LIMIT, OFF_LIMIT, PENDING_LIMIT } from "./limits.js";
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
  readonly frames: readonly CanFrame[];
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
  /** Requests that timed out a moment ago: their answers may still come. */
  #late: readonly Held[] = [];
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

  /**
   * Whether the outcome of one more can be awaited; told as unsent if not. An order that turns the module off always
   * can: beyond its own places it takes that of the oldest such order, which is told as timed out.
   */
  admits(order: PackOrder, now: number): boolean {
    const rivals = this.#pending.filter((other) => turnsOff(other.order) === turnsOff(order));
    if (turnsOff(order)) {
      const [oldest] = rivals;
      if (oldest !== undefined && rivals.length >= OFF_LIMIT) this.#settle(oldest, TIMED_OUT);
      return true;
    }
    if (rivals.length >= PENDING_LIMIT) {
      this.unsent(order, "queue-full");
      return false;
    }
    this.#late = this.#late.filter(({ until }) => now < until);
    const asked = [...this.#pending, ...this.#late];
    if (!asked.some((other) => sharesAnswer(order, other.order))) return true;
    this.unsent(order, "asked");
    return false;
  }

  /** Without a tick nothing leaves; an order that turns the module off waits for one whatever else waits. */
  hold(order: PackOrder, now: number): void {
    const mustLeave = turnsOff(order);
    const rivals = this.#held.filter((other) => turnsOff(other.order) === mustLeave);
    const isFull = rivals.length >= (mustLeave ? OFF_LIMIT : HELD_LIMIT);
    if (isFull && !mustLeave) {
      this.unsent(order, "queue-full");
      return;
    }
    const evicted = isFull ? rivals[0] : undefined;
    const held = { order, until: now + this.#limits.freshnessMs };
    this.#held = [...this.#held.filter((other) => other !== evicted), held];
    if (evicted !== undefined) this.unsent(evicted.order, "queue-full");
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

  /** An order's frames found no room. */
  givenBack(frames: readonly CanFrame[]): void {
    const given = this.#pending.find(({ pdu }) => pdu.frames === frames);
    if (given === undefined) return;
    this.#pending = this.#pending.filter((other) => other !== given);
    this.unsent(given.order, "queue-full");
  }

  /**
   * What the module says, under the session named by `handshakeHash`; `current` is the one in use. Returns the order
   * that it acknowledges. What comes under the session before is no answer to an order of the present one.
   */
  hear(
    message: ModuleMessage,
    handshakeHash: Uint8Array,
    current: Uint8Array | undefined,
  ): PackOrder | undefined {
    if (this.#pending.length === 0 && this.#late.length === 0) return undefined;
    const asked = this.#pending.filter(
      ({ pdu }) => pdu.handshakeHash === handshakeHash || handshakeHash === current,
    );
    const answered =
      message.kind === "outcome"
        ? commanded(asked, message, handshakeHash)
        : asked.find(({ order }) => answers(message, order));
    if (answered === undefined) {
      // What was asked for in vain has come after all: nothing more is to be expected of it.
      this.#late = this.#late.filter(({ order }) => !answers(message, order));
      return undefined;
    }
    this.#timeouts = 0;
    const result = message.kind === "outcome" ? resultOf(message) : ACKNOWLEDGED;
    this.#settle(answered, result);
    return result.kind === "acknowledged" ? answered.order : undefined;
  }

  expire(now: number): void {
    for (let first = this.#held[0]; first !== undefined && now >= first.until; ) {
      this.#held = this.#held.slice(1);
      this.unsent(first.order, "no-tick");
      first = this.#held[0];
    }
    for (let first = this.#pending[0]; first !== undefined && now >= first.until; ) {
      this.#timeouts += 1;
      this.#giveUp(first, now);
      first = this.#pending[0];
    }
  }

  /** The session is over: nothing more will be heard of what it carried. */
  abandon(now: number): void {
    for (const order of this.release()) this.unsent(order, "no-session");
    for (const pending of this.#pending) this.#giveUp(pending, now);
    this.#timeouts = 0;
  }

  /** Doubt was acted upon. */
  forgetTimeouts(): void {
    this.#timeouts = 0;
  }

  #giveUp(pending: Pending, now: number): void {
    const { order } = pending;
    this.#late = [
      ...this.#late.filter(({ until }) => now < until),
      { order, until: now + this.#limits.outcomeMs },
    ];
    this.#settle(pending, TIMED_OUT);
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

/** Counters start anew with each session: the present one's order is meant before its predecessor's. */
function commanded(
  asked: readonly Pending[],
  outcome: Outcome,
  handshakeHash: Uint8Array,
): Pending | undefined {
  const meant = asked.filter(({ pdu }) => isMeant(outcome, pdu));
  return meant.find(({ pdu }) => pdu.handshakeHash === handshakeHash) ?? meant[0];
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

/** Whether one message could answer either: nothing in it says which request it answers. */
function sharesAnswer(one: PackOrder, other: PackOrder): boolean {
  if (one.kind !== other.kind) return false;
  switch (one.kind) {
    case "cell-detail-request":
      return "cell" in other && other.cell === one.cell;
    case "log-frame-request": {
      const counters = "counter" in other ? [one.counter, other.counter] : [];
      return counters[0] === counters[1] || counters.includes(LAST_LOG_FRAME);
    }
    case "hardware-request":
    case "capability-request":
    case "counter-statement-request":
      return true;
    case "telemetry-request": // any reading is what a request for one asks for, whichever brought it
    case "state-change":
    case "isolate":
    case "time":
    case "key-roll":
    case "erase":
      return false;
  }
}

/** What must get through whatever else waits. */
export const turnsOff = (order: PackOrder): boolean =>
  order.kind === "isolate" || (order.kind === "state-change" && order.state === MODULE_STATE.off);
