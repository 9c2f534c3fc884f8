/**
 * A whole module written from docs/firmware alone, and what goes wrong in modules: each fault departs from the
 * pages in one place.
 */
import type { Cancel, Clock } from "@wattseal/base";
import { millis } from "@wattseal/base";
import type { CanBus, CanFrame } from "@wattseal/can-protocol";
import { type Body, readBodies, readBody, type Values, writeBody } from "./bodies.fixture.js";
import {
  answer,
  hex,
  type Identity,
  type Keys,
  PLATFORM,
  statementMac,
  unhex,
} from "./crypto.fixture.js";
import type { Fault } from "./faults.fixture.js";
import {
  type AnyCls,
  Assembly,
  BASE,
  type Cls,
  candidates,
  classOfBase,
  cut,
  DOMAIN,
  openPdu,
  padded,
  parseId,
  plaintext,
  sealText,
} from "./wire.fixture.js";

interface Session {
  readonly keys: Keys;
  readonly packHalf: Uint8Array;
  readonly out: Record<Cls, number>;
  readonly next: Record<Cls, number>;
  readonly lastTag: Partial<Record<Cls, string>>;
}

const CAPABILITIES = 1 | 8 | 16;
const OUTCOME = { done: 0, stale: 1, refused: 2, unsupported: 3, malformed: 4 };
const SHORTEST_PERIOD_MS = 100;
const ON = 3;
const CELLS = 94;

export interface ForeignOptions {
  readonly bus: CanBus;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly federationHalf: Uint8Array;
  readonly fd: boolean;
  readonly random: (length: number) => Uint8Array;
  readonly fault?: Fault;
  readonly withoutErase?: boolean;
}

export class ForeignModule {
  readonly #options: ForeignOptions;
  readonly #bodies: readonly Body[] = readBodies();
  readonly #unlisten: Cancel;
  #assemblies = new Map<AnyCls, Assembly>();
  #queue: CanFrame[] = [];
  #outstanding = false;
  #bootedAt = 0;
  #boot = 41;
  #started = 0;
  #packHalf: Uint8Array;
  #nextPackHalf: Uint8Array | undefined;
  #erased = false;
  #lastMessage1 = "";
  #current: Session | undefined;
  #previous: { readonly session: Session; readonly until: number } | undefined;
  #unproven: { readonly sessions: readonly Session[]; readonly until: number } | undefined;
  #heardAt = 0;
  #periodMs = 200;
  #ordered = ON;
  #allowed = 0;
  #state = 0;
  #wanted = true;
  #hellos: number[] = [];
  #helloAt = 0;
  #failures = 0;
  #resync = { until: 0, step: 0 };
  #energy = 1_000_000;

  constructor(options: ForeignOptions) {
    this.#options = options;
    this.#packHalf = options.identity.packHalf;
    this.#unlisten = options.bus.listen({
      frame: (frame, time) => this.#frame(frame, time / 1000),
      sent: () => {
        this.#outstanding = false;
        this.#queue.shift();
        this.#fill();
      },
      error: () => {},
      state: () => {},
    });
    this.reset();
  }

  stop(): void {
    this.#unlisten();
    this.#started += 1;
  }

  /** Power off and on. */
  reset(): void {
    this.#started += 1;
    this.#bootedAt = this.#now;
    if (!this.#has("keeps its boot counter")) this.#boot += 1;
    this.#assemblies = new Map();
    this.#lastMessage1 = "";
    this.#periodMs = 200;
    this.#ordered = ON;
    this.#hellos = [];
    this.#failures = 0;
    this.#helloAt = this.#now + 250;
    this.#goOff();
    const { clock } = this.#options;
    const run = this.#started;
    const later = (ms: () => number, task: () => void) => {
      const again = () => {
        if (run !== this.#started) return;
        task();
        clock.at(millis(this.#now + ms()), again);
      };
      clock.at(millis(this.#now + ms()), again);
    };
    later(
      () => this.#periodMs,
      () => this.#telemetry(),
    );
    later(
      () => 10,
      () => this.#tend(),
    );
  }

  #has(fault: Fault): boolean {
    return this.#options.fault === fault;
  }

  get #now(): number {
    return this.#options.clock.now();
  }

  get #tick(): number {
    const ms = this.#now - this.#bootedAt;
    return (this.#has("counts two ticks a millisecond") ? 2 * ms : ms) % 2 ** 32;
  }

  // Timers: link.md §10

  #tend(): void {
    const now = this.#now;
    if (this.#erased) return;
    if (this.#unproven !== undefined && now >= this.#unproven.until) {
      if (!this.#has("keeps unproven keys")) this.#unproven = undefined;
    }
    const silence = this.#has("is gone after five seconds") ? 5000 : 11_100;
    if (this.#current !== undefined && now - this.#heardAt >= silence) this.#goOff();
    const isWaiting = this.#unproven !== undefined && now < this.#unproven.until;
    if (this.#wanted && !isWaiting && now >= this.#helloAt) this.#hello();
    if (this.#has("sends clear status too") && this.#tick % 5000 < 10) {
      this.#put([
        { id: 0x502 * 2 ** 18 + this.#options.identity.slot, data: new Uint8Array(8), fd: false },
      ]);
    }
  }

  #hello(): void {
    const { identity, fd } = this.#options;
    const uid = identity.uid.slice();
    if (this.#has("says another uid")) uid[7] = 0;
    this.#put(cut(uid, BASE.handshake + 1, identity.slot, this.#hellos.length, fd));
    const now = this.#now;
    this.#hellos.push(now);
    if (this.#has("hellos twice a second")) {
      this.#helloAt = now + 500;
      return;
    }
    this.#failures += 1;
    const step = Math.min(30_000, 2000 * 2 ** (this.#failures - 1));
    this.#helloAt = Math.max(this.#earliestHello(), now + step);
  }

  #earliestHello(): number {
    const last = this.#hellos.at(-1) ?? Number.NEGATIVE_INFINITY;
    const sixth = this.#hellos.at(-6) ?? Number.NEGATIVE_INFINITY;
    return Math.max(this.#now, last + 2000, sixth + 60_000);
  }

  #want(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#helloAt = this.#earliestHello();
  }

  #goOff(): void {
    this.#current = undefined;
    this.#previous = undefined;
    this.#unproven = undefined;
    this.#allowed = 0;
    this.#state = 0;
    this.#want();
  }

  // Sending: link.md §3, §6, §7

  #put(frames: readonly CanFrame[]): void {
    this.#queue.push(...frames);
    this.#fill();
  }

  #fill(): void {
    const next = this.#queue[0];
    if (this.#outstanding || next === undefined) return;
    this.#outstanding = this.#options.bus.send(next);
  }

  #send(type: number, values: Values): void {
    const current = this.#sealing();
    const spec = this.#bodies.find((body) => body.type === type && body.toPack);
    if (current === undefined || spec === undefined) return;
    const { identity, fd } = this.#options;
    const body = writeBody(spec, values);
    const length = padded(19 + body.length + (this.#has("pads a frame more") ? 8 : 0), fd);
    const text = plaintext(type, body, length);
    if (this.#has("pads with ones")) text.fill(0xff, 3 + body.length);
    const counter = current.out[spec.cls];
    const again = this.#has("uses some counters twice") && counter % 20 === 19 && type === 1;
    current.out[spec.cls] = counter + (again && this.#options.random(1)[0]! < 128 ? 0 : 1);
    const { cls } = spec;
    const how = { key: current.keys.toPack, cls, toPack: true, slot: identity.slot, counter };
    this.#put(cut(sealText(text, how), BASE[cls] + 1, identity.slot, counter, fd));
  }

  #sealing(): Session | undefined {
    if (this.#has("seals under keys not proven"))
      return this.#unproven?.sessions[0] ?? this.#current;
    const previous = this.#previous;
    const isLate = previous !== undefined && this.#now < previous.until - 500;
    if (this.#has("seals under the previous keys for a while") && isLate) return previous.session;
    return this.#current;
  }

  #telemetry(): void {
    if (this.#has("sends a type of its own") && this.#tick % 5000 < 200) this.#own();
    if (this.#queue.length > 0) return;
    this.#energy += 3;
    this.#send(1, {
      "status1.state": this.#state,
      "status1.status": 2,
      "status1.soc": this.#has("says 120 % charge") ? 120 : 55,
      "status1.soh": 98,
      "status1.cells": CELLS,
      "status1.current": 0,
      "status1.voltage": 345,
      "status2.cellLow": 3.66,
      "status2.cellHigh": 3.68,
      "status2.cellAverage": 3.67,
      "status2.cellTotal": 345,
      "status3.low": 20,
      "status3.high": 22,
      "status3.average": 21,
      inMwh: this.#energy,
      outMwh: 2 ** 33,
      tick: this.#tick,
      boot: this.#boot,
    });
  }

  #own(): void {
    const current = this.#current;
    if (current === undefined) return;
    const { identity, fd } = this.#options;
    const counter = current.out.normal;
    current.out.normal += 1;
    const text = plaintext(77, new Uint8Array(4), padded(23, fd));
    const how = { key: current.keys.toPack, cls: "normal" as const, toPack: true };
    const pdu = sealText(text, { ...how, slot: identity.slot, counter });
    this.#put(cut(pdu, BASE.normal + 1, identity.slot, counter, fd));
  }

  // Receiving: link.md §3 to §8

  #frame(frame: CanFrame, at: number): void {
    const id = parseId(frame.id);
    if (this.#erased) return;
    if (this.#has("obeys clear frames") && id.base === 0x51f) {
      this.#ordered = 0;
      this.#settle();
    }
    const cls = classOfBase(id.base);
    if (cls === undefined || id.slot !== this.#options.identity.slot || id.base !== BASE[cls])
      return;
    const assembly = this.#assemblies.get(cls) ?? this.#newAssembly();
    this.#assemblies.set(cls, assembly);
    if (assembly.put(frame, at) !== "whole") return;
    const bytes = assembly.bytes;
    if (cls === "handshake") this.#message1(bytes, assembly.counter);
    else if (bytes.length >= 19) this.#sealed(cls, assembly.counter, bytes);
  }

  #newAssembly(): Assembly {
    if (this.#has("waits for segments for ever")) return new Assembly({ timeoutMs: Infinity });
    if (this.#has("puts segments in place by number")) return new Assembly({ anyOrder: true });
    if (this.#has("takes repeated frames for new ones")) return new Assembly({ repeats: true });
    return new Assembly();
  }

  #message1(message: Uint8Array, bits: number): void {
    const { identity, random, fd } = this.#options;
    const repeated = hex(message) === this.#lastMessage1;
    if (repeated && !this.#has("answers the same message 1 again")) return;
    const payload = new Uint8Array(16);
    payload[0] = 1;
    payload[1] = CAPABILITIES;
    if (this.#has("puts noise after the payload of message 2")) payload[15] = 1;
    const ephemeral = this.#has("uses one ephemeral for ever")
      ? new Uint8Array(32).fill(7)
      : random(32);
    const halves = [
      this.#packHalf,
      ...(this.#nextPackHalf === undefined ? [] : [this.#nextPackHalf]),
    ];
    for (const packHalf of halves) {
      const curve = PLATFORM;
      const done = answer({ ...identity, packHalf }, message, ephemeral, payload, { curve });
      if (done === undefined) continue;
      this.#lastMessage1 = hex(message);
      const zero = { urgent: 0, normal: 0, bulk: 0 };
      const session = {
        keys: done.keys,
        packHalf,
        out: { ...zero },
        next: { ...zero },
        lastTag: {},
      };
      const room = this.#has("has room for one unproven session") ? 1 : 2;
      const sessions = [session, ...(this.#unproven?.sessions ?? [])].slice(0, room);
      this.#unproven = { sessions, until: this.#now + 1000 };
      this.#put(cut(done.message2, BASE.handshake + 1, identity.slot, bits, fd));
      return;
    }
  }

  #sealed(cls: Cls, bits: number, pdu: Uint8Array): void {
    const previous = this.#previous;
    if (previous !== undefined && this.#now > previous.until) this.#previous = undefined;
    const tag = hex(pdu.subarray(-16));
    const known = [this.#current, this.#previous?.session];
    if (known.some((session) => session?.lastTag[cls] === tag)) return;
    for (const session of [
      this.#current,
      ...(this.#unproven?.sessions ?? []),
      this.#previous?.session,
    ]) {
      const opened = session && this.#open(session, cls, bits, pdu);
      if (session === undefined || opened === undefined) continue;
      session.next[cls] = Math.max(session.next[cls], opened.counter + 1);
      session.lastTag[cls] = tag;
      if (this.#unproven?.sessions.includes(session) === true) this.#prove(session);
      this.#plain(cls, opened.counter, opened.text);
      return;
    }
    this.#lost();
  }

  #open(session: Session, cls: Cls, bits: number, pdu: Uint8Array) {
    const { slot } = this.#options.identity;
    const next = session.next[cls];
    let tries = candidates(next, bits);
    if (this.#has("takes the next counter only"))
      tries = tries.filter((counter) => counter === next);
    if (this.#has("takes old counters")) {
      for (let counter = next - 1; counter >= 0; counter -= 1) {
        if (counter % 16 === bits) tries.push(counter);
      }
    }
    for (const counter of tries) {
      const how = { key: session.keys.toModule, cls, toPack: false, slot, counter };
      const text = openPdu(pdu, how) ?? this.#openHalf(pdu, how);
      if (text !== undefined) return { counter, text };
    }
    return undefined;
  }

  #openHalf(pdu: Uint8Array, how: Parameters<typeof openPdu>[1]): Uint8Array | undefined {
    if (!this.#has("compares half of the tag")) return undefined;
    // A stream cipher: sealing the ciphertext gives the plaintext back, and from that the right tag.
    const text = sealText(pdu.subarray(0, -16), how).subarray(0, -16);
    const right = sealText(text, how).subarray(-16);
    return hex(right.subarray(0, 8)) === hex(pdu.subarray(-16, -8)) ? text : undefined;
  }

  #prove(session: Session): void {
    const old = this.#current;
    const keeps = this.#has("keeps the previous keys") ? Infinity : 1000;
    const until = this.#now + (this.#has("drops the previous keys at once") ? -1 : keeps);
    this.#previous = old === undefined ? undefined : { session: old, until };
    this.#current = session;
    const rest = this.#unproven?.sessions.filter((other) => other !== session) ?? [];
    this.#unproven = rest.length === 0 ? undefined : { sessions: rest, until: this.#now + 1000 };
    this.#heardAt = this.#now;
    this.#wanted = false;
    this.#failures = 0;
    if (this.#nextPackHalf !== undefined && hex(session.packHalf) === hex(this.#nextPackHalf)) {
      this.#packHalf = session.packHalf;
      this.#nextPackHalf = undefined;
    }
  }

  #lost(): void {
    const now = this.#now;
    if (this.#current === undefined) {
      this.#want();
      return;
    }
    if (now < this.#resync.until || this.#has("never asks when it opens nothing")) return;
    const calm = now > this.#resync.until + this.#resync.step;
    const step = calm ? 2000 : Math.min(60_000, 2 * this.#resync.step);
    this.#resync = { until: now + step, step };
    this.#want();
  }

  // Messages: link.md §9, §11; messages.md

  #plain(cls: Cls, counter: number, text: Uint8Array): void {
    const type = text[0] ?? 0;
    const end = 3 + ((text[1] ?? 0) | ((text[2] ?? 0) << 8));
    const reply = (code: number) => {
      if (type !== 7 && type !== 14) this.#outcome(type, cls, counter, code);
    };
    const spec = this.#bodies.find((body) => body.type === type && !body.toPack);
    if (spec === undefined) {
      if (!this.#has("says nothing to unknown types")) reply(OUTCOME.unsupported);
      return;
    }
    const values = this.#read(spec, text, end);
    const isWrongClass = spec.cls !== cls && !this.#has("takes any class");
    if (values === undefined || isWrongClass || !this.#isPadded(text, end)) {
      reply(OUTCOME.malformed);
      return;
    }
    if (!isPossible(type, values) && !this.#has("takes impossible values")) {
      reply(OUTCOME.malformed);
      return;
    }
    if (type === 14) this.#ping(values);
    else if (this.#isFresh(type, Number(values["tick"]))) {
      this.#heardAt = this.#now;
      this.#obey(type, values, reply);
    } else reply(OUTCOME.stale);
  }

  #isPadded(text: Uint8Array, end: number): boolean {
    const isLonger = text.length + 16 !== padded(16 + end, this.#options.fd);
    if (isLonger && this.#has("takes the shortest padding only")) return false;
    return text.subarray(end).every((byte) => byte === 0) || this.#has("looks at no padding");
  }

  #read(spec: Body, text: Uint8Array, end: number): Values | undefined {
    if (!this.#has("takes bodies of any length")) {
      return end > text.length ? undefined : readBody(spec, text.subarray(3, end));
    }
    const body = new Uint8Array(spec.length);
    body.set(text.subarray(3, Math.min(end, 3 + spec.length)));
    return readBody(spec, body);
  }

  #isFresh(type: number, tick: number): boolean {
    const age = (this.#tick - tick + 2 ** 32) % 2 ** 32;
    if (age <= 2000) return true;
    const isAhead = age > 2 ** 31;
    if (type === 7) return this.#has("obeys stale heartbeats");
    return this.#has(isAhead ? "obeys commands from the future" : "obeys stale commands");
  }

  #ping(values: Values): void {
    if (this.#has("lives on pings")) this.#heardAt = this.#now;
    this.#send(14, values);
  }

  #outcome(command: number, cls: Cls, counter: number, code: number): void {
    const outcome = {
      tick: this.#tick,
      command,
      code,
      class: DOMAIN[cls],
      counter: counter % 2 ** 32,
    };
    this.#send(5, outcome);
    if (this.#has("answers twice") && command === 8) this.#send(5, outcome);
  }

  #obey(type: number, values: Values, reply: (code: number) => void): void {
    const value = (name: string) => Number(values[name]);
    const code = this.#do(type, value, String(values["packHalf"]));
    if (code !== undefined) reply(code);
    if (type === 12 && code === OUTCOME.done && !this.#has("says erased and goes on"))
      this.#erase();
  }

  /** The outcome's code, unless a message was the answer. */
  #do(type: number, value: (name: string) => number, packHalf: string): number | undefined {
    switch (type) {
      case 1:
        return this.#period(value("periodMs"));
      case 2:
        return this.#cellDetail(value("cell"));
      case 4:
        return this.#stateChange(value("state"));
      case 6:
        return this.#order(0);
      case 7:
        this.#heartbeat(value("maxState"));
        return undefined;
      case 8:
        return OUTCOME.done;
      case 12:
        return this.#options.withoutErase === true ? OUTCOME.unsupported : OUTCOME.done;
      case 10:
        this.#capability();
        return undefined;
      case 11:
        return this.#keyRoll(packHalf);
      case 13:
        this.#statement();
        return undefined;
      default:
        return this.#has("says nothing to what it does not implement")
          ? undefined
          : OUTCOME.unsupported;
    }
  }

  #stateChange(state: number): number {
    if (state <= this.#allowed) return this.#order(state);
    return this.#has("says done to a state beyond the limit") ? OUTCOME.done : OUTCOME.refused;
  }

  #period(periodMs: number): number | undefined {
    if (periodMs === 0) {
      if (!this.#has("ignores period 0")) this.#telemetry();
      return undefined;
    }
    const isShort = periodMs < SHORTEST_PERIOD_MS && !this.#has("takes any period");
    if (isShort) return OUTCOME.unsupported;
    if (!this.#has("ignores the period ordered")) this.#periodMs = periodMs;
    return OUTCOME.done;
  }

  #cellDetail(cell: number): number | undefined {
    if (cell >= CELLS) return OUTCOME.unsupported;
    const detail = { temperature: 21, voltage: 3.67, soc: 55, soh: 98 };
    this.#send(2, { cell, cells: CELLS, ...detail });
    return undefined;
  }

  #capability(): void {
    const more = this.#has("declares more in its answer than in message 2") ? 4 : 0;
    this.#send(10, { version: 1, capabilities: CAPABILITIES | more, maxRate: 10, maxPdu: 4096 });
  }

  #order(state: number): number {
    this.#ordered = state;
    this.#settle();
    return OUTCOME.done;
  }

  #heartbeat(maxState: number): void {
    this.#allowed = maxState;
    if (this.#has("comes back after isolate")) this.#ordered = ON;
    this.#settle();
  }

  #settle(): void {
    const state = Math.min(this.#ordered, this.#allowed);
    const isHeldUp =
      this.#has("stays up when heartbeats allow less") && this.#allowed < this.#state;
    if (state === this.#state || isHeldUp) return;
    this.#state = state;
    this.#send(4, { tick: this.#tick, state, status: 2, faults: 0, voltage: 345 });
  }

  #keyRoll(packHalf: string): number {
    const half = unhex(packHalf);
    if (PLATFORM.dh(this.#options.identity.moduleSecret, half) === undefined)
      return OUTCOME.malformed;
    if (this.#has("forgets the old half before the new one is proven")) this.#packHalf = half;
    else if (hex(this.#packHalf) !== packHalf) this.#nextPackHalf = half;
    return OUTCOME.done;
  }

  #erase(): void {
    this.#goOff();
    this.#erased = true;
  }

  #statement(): void {
    const { identity, federationHalf } = this.#options;
    const values = {
      uid: hex(identity.uid),
      boot: this.#boot,
      tick: this.#tick,
      inMwh: this.#energy,
      outMwh: 2 ** 33,
    };
    const spec = this.#bodies.find((body) => body.type === 13 && body.toPack);
    if (spec === undefined) return;
    const statement = writeBody(spec, values).subarray(0, 26);
    const half = this.#has("makes statements with another key")
      ? PLATFORM.publicOf(identity.moduleSecret)
      : federationHalf;
    const mac = statementMac(identity.moduleSecret, half, statement);
    this.#send(13, { ...values, mac: hex(mac) });
  }
}

function isPossible(type: number, values: Values): boolean {
  const most = { 4: ["state", 3], 7: ["maxState", 3], 8: ["valid", 1] }[type] ?? ["", 0];
  const [name, value] = most;
  return Number(values[String(name)] ?? 0) <= Number(value);
}
