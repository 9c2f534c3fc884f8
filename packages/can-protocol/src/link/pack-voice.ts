import type { CanFrame } from "../bus.js";
import { encodePackMessage } from "../inner/codec.js";
import type { ModuleMessage, PackOrder, Tick } from "../inner/messages.js";
import type { LinkEnd } from "./link-end.js";
import { NEVER } from "./link-time.js";
import { OrderBook, turnsOff } from "./order-book.js";
import type { PackLinkEffect } from "./types.js";

/** What the pack says under its session: orders and heartbeats, each with a tick that the module finds fresh. */
export class PackVoice {
  readonly #end: LinkEnd;
  readonly #orders: OrderBook;
  #maxState: number;
  /** The module's tick in the last telemetry accepted, and when that was. */
  #tick: { readonly tick: Tick; readonly at: number } | undefined;
  #heartbeatAt = NEVER;
  /** A heartbeat was due and had no tick: it leaves with the next. */
  #owed = false;

  constructor(end: LinkEnd, maxState: number, tell: (effect: PackLinkEffect) => void) {
    this.#end = end;
    this.#maxState = maxState;
    this.#orders = new OrderBook(end.limits, tell);
  }

  get deadline(): number {
    return Math.min(this.#heartbeatAt, this.#orders.deadline);
  }

  /** Orders in a row that nothing came back for, until `believe`. */
  get doubts(): number {
    return this.#orders.timeouts;
  }

  /** New keys are proven. The tick of a module that started anew means nothing: orders wait for its next. */
  start(now: number, anew: boolean): void {
    if (anew) this.#tick = undefined;
    this.#heartbeatAt = now;
  }

  /** No keys are left: nothing more can be said, nor heard of what was. */
  stop(now: number): void {
    this.#tick = undefined;
    this.#heartbeatAt = NEVER;
    this.#owed = false;
    this.#orders.abandon(now);
  }

  fresh(tick: Tick, now: number): void {
    this.#tick = { tick, at: now };
    for (const order of this.#orders.release()) this.#order(order, tick, now);
    if (this.#owed || this.#heartbeatAt <= now) this.#heartbeat(now);
  }

  send(order: PackOrder, now: number): void {
    const tick = this.#freshTick(now);
    if (this.#end.keys.current === undefined) this.#orders.unsent(order, "no-session");
    else if (tick === undefined) this.#orders.hold(order, now);
    else this.#order(order, tick, now);
  }

  /** The order that `message` acknowledges. */
  hear(message: ModuleMessage, handshakeHash: Uint8Array): PackOrder | undefined {
    return this.#orders.hear(message, handshakeHash, this.#end.keys.current?.handshakeHash);
  }

  /** Frames that found no room. */
  unsent(frames: readonly CanFrame[]): void {
    this.#orders.givenBack(frames);
  }

  grant(maxState: number, now: number): void {
    this.#maxState = maxState;
    this.#heartbeat(now);
  }

  timer(now: number): void {
    if (now >= this.#heartbeatAt) this.#heartbeat(now);
    this.#orders.expire(now);
  }

  believe(): void {
    this.#orders.forgetTimeouts();
  }

  #order(order: PackOrder, tick: Tick, now: number): void {
    const session = this.#end.keys.current;
    if (session === undefined || !this.#orders.admits(order, now)) return;
    const pdu = encodePackMessage({ ...order, tick });
    const sealed = this.#end.seal(session, pdu, turnsOff(order) ? "reserved" : undefined);
    const { class: cls, type } = pdu;
    const { handshakeHash } = session;
    this.#orders.sent(order, { class: cls, type, handshakeHash, ...sealed }, now);
  }

  #heartbeat(now: number): void {
    const session = this.#end.keys.current;
    if (session === undefined) return;
    this.#heartbeatAt = now + this.#end.limits.heartbeatMs;
    const tick = this.#freshTick(now);
    this.#owed = tick === undefined;
    if (tick === undefined) return;
    const heartbeat = { kind: "heartbeat", tick, maxState: this.#maxState } as const;
    this.#end.seal(session, encodePackMessage(heartbeat), "latest");
  }

  /** The last tick, unless the module would refuse it for its age. */
  #freshTick(now: number): Tick | undefined {
    if (this.#tick === undefined || now - this.#tick.at > this.#end.limits.freshnessMs) return;
    return this.#tick.tick;
  }
}
