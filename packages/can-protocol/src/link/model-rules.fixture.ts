/**
 * The simplest model that says what a link end may accept: what the peer of this slot sent, in its class, once,
 * under a session of both ends, and a command only within 2 s of the reading whose tick it carries. It knows
 * nothing of counters beyond their order, of keys or of segments.
 */
import type { ModuleMessage, PackMessage } from "../inner/messages.js";
import type { Accepted, PduClass } from "./types.js";

export type Side = "pack" | "module";
type AnyAccepted = Accepted<ModuleMessage> | Accepted<PackMessage>;
/** Volts a step, in the fields that carry a serial number here. */
export const VOLT = 0.015;

interface Sent {
  readonly place: number;
  readonly from: Side;
  readonly class: PduClass;
}

export class Model {
  readonly #sent = new Map<string, Sent>();
  readonly #accepted = new Set<string>();
  readonly #sessions = new Map<string, Set<string>>();
  readonly #counters = new Map<string, number>();
  #serial = 0;

  /** A number that no other message carries. */
  serial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  sends(key: string, sent: Sent): void {
    this.#sent.set(key, sent);
  }

  session(place: number, side: Side, hash: string): void {
    const known = this.#sessions.get(`${side} ${place}`) ?? new Set();
    this.#sessions.set(`${side} ${place}`, known.add(hash));
  }

  accepts(place: number, side: Side, effect: AnyAccepted, age: number | undefined): void {
    const { class: cls, counter, message } = effect;
    const hash = String(effect.handshakeHash);
    const at = `${side} ${place}`;
    const peer: Side = side === "pack" ? "module" : "pack";
    must(this.#sessions.get(at)?.has(hash), "a session that was told here");
    if (message.kind !== "ping") {
      must(this.#sessions.get(`${peer} ${place}`)?.has(hash), "a session of the peer's");
    }
    const line = `${at} ${hash} ${cls}`;
    must(counter > (this.#counters.get(line) ?? -1), "a counter not accepted before");
    this.#counters.set(line, counter);
    const key = keyOf(message);
    if (key !== undefined) {
      const sent = this.#sent.get(key);
      must(sent !== undefined, "something that was sent");
      must(sent?.place === place && sent.from === peer, "the peer's own");
      must(sent?.class === cls, "the class that it was sent in");
      must(!this.#accepted.has(key), "accepted for the first time");
      this.#accepted.add(key);
    }
    if (age !== undefined) must(age >= 0 && age <= 2000, `fresh, not ${age} ms old`);
  }

  get accepted(): number {
    return this.#accepted.size;
  }
}

function must(condition: boolean | undefined, what: string): void {
  if (condition !== true) throw new Error(`accepted what is not ${what}`);
}

/** Undefined for what the ends say by themselves: heartbeats, pings, outcomes. */
function keyOf(message: ModuleMessage | PackMessage): string | undefined {
  if (message.kind === "telemetry") return `reading ${message.inMwh}`;
  if (message.kind === "state-report") return `report ${Math.round(message.voltage / VOLT)}`;
  if (message.kind === "time") return `time ${message.utcMs}`;
  if (message.kind !== "state-change") return undefined;
  return `state ${Math.round(message.hvBusVoltage / VOLT)}`;
}
