import { randomBytes } from "node:crypto";
import { type Cancel, micros, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import {
  type BusListener,
  type CanBus,
  type CanFrame,
  isSecured,
  type LocalPackLink,
  ModuleLink,
  type ModuleLinkEvent,
  PackLink,
  type PackLinkEvent,
  slotOf,
  withHalves,
} from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import { HandClock } from "../clock.fixture.js";
import { Outbox } from "./outbox.js";

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const PACK_HASH = new Uint8Array(32).fill(0xaa);
const MODULES = 31;
const FRAMES_A_MS = 4;
const HANDSHAKE_TO_MODULE = 0x634;

/** The pack's controller on a cable that can be cut: eight mailboxes, lowest identifier first. */
class Cable implements CanBus {
  readonly info = { nominalBitRate: 500_000, dataBitRate: undefined };
  readonly state = "active";
  readonly #clock: HandClock;
  #listener: BusListener | undefined;
  #boxes: CanFrame[] = [];
  #running = false;
  cut = false;
  toModules: (frame: CanFrame) => void = () => {};

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  send(frame: CanFrame): boolean {
    if (this.#boxes.length >= 8) return false;
    this.#boxes.push(frame);
    this.run();
    return true;
  }

  run(): void {
    if (this.#running || this.cut) return;
    this.#running = true;
    this.#clock.at(millis(this.#clock.now() + 1), () => {
      this.#running = false;
      for (let n = 0; n < FRAMES_A_MS && !this.cut; n += 1) this.#leave();
      if (this.#boxes.length > 0) this.run();
    });
  }

  #leave(): void {
    this.#boxes.sort((a, b) => a.id - b.id);
    const frame = this.#boxes.shift();
    if (frame === undefined) return;
    this.toModules(frame);
    this.#listener?.sent(frame, micros(0));
  }

  toPack(frame: CanFrame): void {
    if (!this.cut) this.#listener?.frame(frame, micros(0));
  }

  listen(listener: BusListener): () => void {
    this.#listener = listener;
    return () => {};
  }

  close(): void {}
}

interface End<Event> {
  handle(event: Event): void;
}

/** Handles events, and the timer when it is due. */
function driven<Event, Effect>(
  clock: HandClock,
  link: {
    handle(event: Event | { kind: "timer" }, now: ReturnType<HandClock["now"]>): readonly Effect[];
    readonly deadline: ReturnType<HandClock["now"]> | undefined;
  },
  perform: (effect: Effect) => void,
): End<Event> {
  let cancel: Cancel = () => {};
  const handle = (event: Event | { kind: "timer" }) => {
    for (const effect of link.handle(event, clock.now())) perform(effect);
    cancel();
    const { deadline } = link;
    if (deadline !== undefined) cancel = clock.at(deadline, () => handle({ kind: "timer" }));
  };
  return { handle };
}

function fullBus() {
  const clock = new HandClock();
  const cable = new Cable(clock);
  const unsent: number[] = [];
  const alarms: string[] = [];
  const outbox = new Outbox(cable, (_, frames) => {
    unsent.push(frames);
  });
  const custody = DeviceHalf.generate(entropy);
  const packs = new Map<number, { link: LocalPackLink; end: End<PackLinkEvent> }>();
  const modules = new Map<number, { link: ModuleLink; end: End<ModuleLinkEvent> }>();
  for (let place = 1; place <= MODULES; place += 1) {
    const half = DeviceHalf.generate(entropy);
    const uid = moduleUid(`57010000000000${place.toString(16).padStart(2, "0")}`);
    const common = { entropy, fd: false };
    const at = { slot: slot(place), busId: 0 };
    const module = { uid, half: half.publicKey, ...at };
    const packHalf = custody.publicKey;
    const link = withHalves(
      new PackLink({ ...common, packHash: PACK_HASH, module, packHalf, maxState: 3 }),
      [custody],
    );
    const end = driven<PackLinkEvent, ReturnType<LocalPackLink["handle"]>[number]>(
      clock,
      link,
      (effect) => {
        if (effect.kind === "alarm") alarms.push(effect.alarm.kind);
        if (effect.kind === "withdraw") outbox.scheduler.withdraw(effect.slot, effect.what);
        if (effect.kind === "transmit") outbox.transmit(effect);
      },
    );
    packs.set(place, { link, end });
    const peer = new ModuleLink({
      ...common,
      uid,
      pairing: { packHash: PACK_HASH, packHalf: custody.publicKey, fed: PACK_HASH, ...at },
      custody: half,
      bootedAt: clock.now(),
      capabilities: 0,
    });
    const peerEnd = driven<ModuleLinkEvent, ReturnType<ModuleLink["handle"]>[number]>(
      clock,
      peer,
      (effect) => {
        if (effect.kind === "alarm") alarms.push(`module ${effect.alarm.kind}`);
        if (effect.kind === "transmit") for (const frame of effect.frames) cable.toPack(frame);
      },
    );
    modules.set(place, { link: peer, end: peerEnd });
  }
  cable.toModules = (frame) => modules.get(slotOf(frame.id))?.end.handle({ kind: "frame", frame });
  cable.listen({
    frame: (frame) => {
      if (isSecured(frame.id)) packs.get(slotOf(frame.id))?.end.handle({ kind: "frame", frame });
    },
    sent: (frame) => outbox.scheduler.sent(frame),
    error: () => {},
    state: () => {},
  });
  for (const { end } of [...packs.values(), ...modules.values()]) end.handle({ kind: "open" });
  /** Every module reads once. */
  const read = () => {
    for (const { link, end } of modules.values()) {
      const message = {
        kind: "telemetry" as const,
        status1: { state: 3, status: 2, soc: 50, soh: 98, cells: 94, current: 1, voltage: 350.01 },
        status2: { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 },
        status3: { low: 20, high: 25, average: 21.93 },
        inMwh: milliwattHours(1),
        outMwh: milliwattHours(2),
        tick: link.tick(clock.now()),
        boot: 1,
      };
      end.handle({ kind: "send", message });
    }
  };
  const linked = () => [...packs.values()].filter(({ link }) => link.status.linked).length;
  return { clock, cable, outbox, packs, unsent, alarms, read, linked };
}

describe("31 links on a cable that is cut for an hour", () => {
  it("keep no more than their latest words, and link again without alarms against themselves", () => {
    const { clock, cable, outbox, unsent, alarms, read, linked } = fullBus();
    clock.advance(1000);
    for (let second = 0; second < 3; second += 1) {
      read();
      clock.advance(1000);
    }
    expect(linked()).toBe(MODULES);
    cable.cut = true;
    let most = 0;
    for (let second = 0; second < 3600; second += 1) {
      clock.advance(1000);
      most = Math.max(most, outbox.scheduler.waiting());
    }
    expect(linked()).toBe(0);
    // One that has begun in each class, and of each slot a handshake or a heartbeat.
    expect(most).toBeLessThanOrEqual(2 * 6 + MODULES * 6);
    expect(unsent).toEqual([]);
    let handshakes = 0;
    const { toModules } = cable;
    cable.toModules = (frame) => {
      if (frame.id >>> 18 === HANDSHAKE_TO_MODULE) handshakes += 1;
      toModules(frame);
    };
    cable.cut = false;
    cable.run();
    clock.advance(1000);
    expect(handshakes).toBeLessThanOrEqual(MODULES * 6);
    for (let second = 0; second < 60; second += 1) {
      read();
      clock.advance(1000);
    }
    expect(linked()).toBe(MODULES);
    // At most what had begun to leave when the cable was cut.
    expect(alarms.length).toBeLessThanOrEqual(2);
  }, 60_000);

  it("give back an order that finds no room, and have room for those that turn modules off", () => {
    const { clock, cable, outbox, packs, unsent, read } = fullBus();
    clock.advance(1000);
    read();
    clock.advance(100);
    cable.cut = true;
    for (const { end } of packs.values()) {
      for (let n = 0; n < 64; n += 1) {
        const message = { kind: "state-change" as const, state: 3, hvBusVoltage: n };
        end.handle({ kind: "send", message });
      }
    }
    const given = unsent.length;
    expect(given).toBeGreaterThan(0);
    const full = outbox.scheduler.waiting("urgent");
    for (const { end } of packs.values()) {
      end.handle({ kind: "send", message: { kind: "isolate", cause: 1 } });
    }
    expect(unsent).toHaveLength(given);
    expect(outbox.scheduler.waiting("urgent")).toBe(full + MODULES * 3);
  });
});
