/** A module's receiving side, written from docs/firmware/link.md: frames in, a verdict on each. */
import type { CanFrame } from "@wattseal/can-protocol";
import { type Body, readBody } from "./bodies.fixture.js";
import { answer, hex, type Identity, join, type Keys } from "./crypto.fixture.js";
import {
  type AnyCls,
  Assembly,
  BASE,
  type Cls,
  candidates,
  classOfBase,
  openPdu,
  parseId,
} from "./wire.fixture.js";

export type Reason =
  | "handshake"
  | "handshake-length"
  | "duplicate"
  | "no-session"
  | "own-identifier"
  | "tag"
  | "order"
  | "interrupted"
  | "segment-length"
  | "pdu-length"
  | "padding"
  | "body-overruns"
  | "type"
  | "type-class"
  | "body-length"
  | "value"
  | "stale";

export interface Result {
  readonly reason?: Reason;
  /** Accepted. */
  readonly body?: Uint8Array;
  readonly answer?: string;
}

const NOTHING: Result = {};
/** Largest value of a field, where fewer are allowed than fit. */
const MOST: Readonly<Record<string, number>> = { "4 state": 3, "7 maxState": 3, "8 valid": 1 };

export class ReferenceReceiver {
  readonly #identity: Identity;
  readonly #bodies: readonly Body[];
  readonly #ephemeral: Uint8Array;
  readonly #payload: Uint8Array;
  readonly #assemblies = new Map<AnyCls, Assembly>();
  readonly #next: Record<Cls, number> = { urgent: 0, normal: 0, bulk: 0 };
  readonly #lastTag: Partial<Record<Cls, string>> = {};
  #keys: Keys | undefined;
  #lastMessage1 = "";

  constructor(
    identity: Identity,
    bodies: readonly Body[],
    ephemeral: Uint8Array,
    payload: Uint8Array,
  ) {
    this.#identity = identity;
    this.#bodies = bodies.filter(({ toPack }) => !toPack);
    this.#ephemeral = ephemeral;
    this.#payload = payload;
  }

  /** `tick` is the module's own when the frame arrives. */
  frame(frame: CanFrame, now: number, tick: number): Result {
    const id = parseId(frame.id);
    const cls = classOfBase(id.base);
    if (cls === undefined || id.slot !== this.#identity.slot) return NOTHING;
    if (id.base !== BASE[cls]) return { reason: "own-identifier" };
    const assembly = this.#assemblies.get(cls) ?? new Assembly();
    this.#assemblies.set(cls, assembly);
    const put = assembly.put(frame, now);
    if (put === "waiting") return NOTHING;
    if (put !== "whole") return { reason: put };
    if (cls === "handshake") return this.#message1(assembly.bytes);
    if (assembly.bytes.length < 19) return { reason: "pdu-length" };
    return this.#sealed(cls, assembly.counter, assembly.bytes, tick);
  }

  #message1(message: Uint8Array): Result {
    if (message.length !== 48) return { reason: "handshake-length" };
    if (hex(message) === this.#lastMessage1) return { reason: "duplicate" };
    const done = answer(this.#identity, message, this.#ephemeral, this.#payload);
    if (done === undefined) return { reason: "handshake" };
    this.#lastMessage1 = hex(message);
    this.#keys = done.keys;
    return { answer: "handshake message 2" };
  }

  #sealed(cls: Cls, bits: number, pdu: Uint8Array, tick: number): Result {
    const keys = this.#keys;
    if (keys === undefined) return { reason: "no-session" };
    const tag = hex(pdu.subarray(-16));
    if (this.#lastTag[cls] === tag) return { reason: "duplicate" };
    const { slot } = this.#identity;
    for (const counter of candidates(this.#next[cls], bits)) {
      const text = openPdu(pdu, { key: keys.toModule, cls, toPack: false, slot, counter });
      if (text === undefined) continue;
      this.#next[cls] = counter + 1;
      this.#lastTag[cls] = tag;
      return this.#plain(cls, text, tick);
    }
    return { reason: "tag" };
  }

  #plain(cls: Cls, text: Uint8Array, tick: number): Result {
    const type = text[0] ?? 0;
    const end = 3 + ((text[1] ?? 0) | ((text[2] ?? 0) << 8));
    if (end > text.length) return this.#malformed(type, "body-overruns");
    if (text.subarray(end).some((byte) => byte !== 0)) return this.#malformed(type, "padding");
    const spec = this.#bodies.find((body) => body.type === type);
    if (spec === undefined) return this.#malformed(type, "type");
    if (spec.cls !== cls) return this.#malformed(type, "type-class");
    const body = join(text.subarray(3, end));
    const values = readBody(spec, body);
    if (values === undefined) return this.#malformed(type, "body-length");
    const isImpossible = Object.entries(values).some(
      ([name, value]) => Number(value) > (MOST[`${type} ${name}`] ?? Number.POSITIVE_INFINITY),
    );
    if (isImpossible) return this.#malformed(type, "value");
    const age = (tick - Number(values["tick"]) + 2 ** 32) % 2 ** 32;
    if (type === 14 || age <= 2000) return { body };
    return type === 7 ? { reason: "stale" } : { reason: "stale", answer: "outcome stale" };
  }

  /** link.md §11: neither heartbeats nor pings are answered. */
  #malformed(type: number, reason: Reason): Result {
    if (type === 7 || type === 14) return { reason };
    const known = this.#bodies.some((body) => body.type === type);
    return { reason, answer: known ? "outcome malformed" : "outcome unsupported" };
  }
}
