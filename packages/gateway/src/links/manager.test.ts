import { randomBytes } from "node:crypto";
import {
  type Micros,
  micros,
  millis,
  milliwattHours,
  moduleUid,
  silentLogger,
  slot,
} from "@wattseal/base";
import {
  type BusListener,
  CAPABILITY,
  type CanBus,
  type CanFrame,
  MODULE_STATE,
  ModuleLink,
  type ModuleLinkEffect,
  type ModuleMessage,
  slotOf,
} from "@wattseal/can-protocol";
import {
  DeviceHalf,
  inMemory,
  type PackCustody,
  type PackPairing,
  type PairedModule,
} from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import { HandClock } from "../clock.fixture.js";
import { LinkManager } from "./manager.js";

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
/** Base 0x634 and the bit `first`. */
const MESSAGE_1_FIRST = (0x634 << 1) | 1;
const PACK_HASH = new Uint8Array(32).fill(0xaa);

/** Pack and modules on one wire: what either sends, the other has at once, one frame after another. */
class Wire implements CanBus {
  readonly info = { nominalBitRate: 500_000, dataBitRate: undefined };
  readonly state = "active";
  readonly #clock: HandClock;
  #pack: BusListener | undefined;
  #free = 0;
  toModules: (frame: CanFrame) => void = () => {};
  fromModuleLink: (from: ModuleLink, message: ModuleMessage) => void = () => {};
  /** Frames of modules as they come to the pack. */
  alter: (frame: CanFrame) => CanFrame = (frame) => frame;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  send(frame: CanFrame): boolean {
    this.#inTurn(() => {
      this.toModules(frame);
      this.#pack?.sent(frame, this.#time());
    });
    return true;
  }

  fromModule(frame: CanFrame): void {
    this.#inTurn(() => this.#pack?.frame(this.alter(frame), this.#time()));
  }

  listen(listener: BusListener): () => void {
    this.#pack = listener;
    return () => {
      this.#pack = undefined;
    };
  }

  close(): void {}

  #time(): Micros {
    return micros(this.#clock.now() * 1000);
  }

  /** A frame takes a millisecond. */
  #inTurn(step: () => void): void {
    this.#free = Math.max(this.#free, this.#clock.now()) + 1;
    this.#clock.at(millis(this.#free), step);
  }
}

function paired(count: number, custodyOf: (half: DeviceHalf) => PackCustody = inMemory) {
  const clock = new HandClock();
  const wire = new Wire(clock);
  const packHalf = DeviceHalf.generate(entropy);
  const custody = custodyOf(packHalf);
  const modules: PairedModule[] = [];
  const links: ModuleLink[] = [];
  for (let place = 1; place <= count; place += 1) {
    const half = DeviceHalf.generate(entropy);
    const uid = moduleUid(`570100000000000${place}`);
    modules.push({
      uid,
      slot: slot(place),
      busId: 0,
      half: half.publicKey,
      label: "",
      ratedCapacity: milliwattHours(5_000_000),
      ratedWatts: 20_000,
    });
    const fed = new Uint8Array(32).fill(1);
    links.push(
      new ModuleLink({
        uid,
        pairing: {
          packHash: PACK_HASH,
          packHalf: packHalf.publicKey,
          slot: slot(place),
          busId: 0,
          fed,
        },
        custody: half,
        entropy,
        fd: false,
        bootedAt: clock.now(),
        capabilities: CAPABILITY.keyRoll,
      }),
    );
  }
  const granted: number[] = [];
  // Flash takes a moment, and answers after that.
  const store = () =>
    clock.at(millis(clock.now() + 5), () => {
      for (const link of links) {
        carryOut(link.handle({ kind: "stored", durable: true }, clock.now()));
      }
    });
  const carryOut = (effects: readonly ModuleLinkEffect[]) => {
    for (const effect of effects) {
      if (effect.kind === "transmit") effect.frames.map((frame) => wire.fromModule(frame));
      if (effect.kind === "store-pairing") store();
      if (effect.kind === "message" && effect.message.kind === "heartbeat") {
        granted.push(effect.message.maxState);
      }
    }
  };
  wire.toModules = (frame) => {
    for (const link of links) carryOut(link.handle({ kind: "frame", frame }, clock.now()));
  };
  const advance = (ms: number) => clock.pass(ms, () => manager.agreeing);
  const say = async (place: number) => {
    const message = {
      kind: "telemetry" as const,
      status1: { state: 3, status: 2, soc: 50, soh: 98, cells: 94, current: 1, voltage: 350.01 },
      status2: { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 },
      status3: { low: 20, high: 25, average: 21.93 },
      inMwh: milliwattHours(1),
      outMwh: milliwattHours(2),
      tick: links[place - 1]!.tick(clock.now()),
      boot: 1,
    };
    carryOut(links[place - 1]!.handle({ kind: "send", message }, clock.now()));
    await advance(50);
  };
  const events: string[] = [];
  const stored: PackPairing[] = [];
  const manager = new LinkManager({
    bus: wire,
    pairing: {
      packHash: PACK_HASH,
      packHalf: { reference: "test", publicKey: packHalf.publicKey },
      modules,
    },
    custody,
    clock,
    entropy,
    logger: silentLogger,
    storePairing: async (pairing) => {
      stored.push(pairing);
    },
    listener: {
      session: (module) => {
        events.push(`session ${module.slot}`);
      },
      message: (module, { message }) => {
        events.push(`${message.kind} ${module.slot}`);
      },
      alarm: (module, { kind }) => {
        events.push(`alarm ${kind} ${module.slot}`);
      },
      lost: (module) => {
        events.push(`lost ${module.slot}`);
      },
      custody: (away) => {
        events.push(`custody ${away ?? "back"}`);
      },
      down: (module, reason) => {
        events.push(`down ${reason} ${module.slot}`);
      },
      retired: (session, key) => {
        events.push(`retired ${session.length} ${key.length}`);
      },
    },
  });
  /** Starts both sides and gives them the time that a handshake may take. */
  const link = async () => {
    manager.start();
    for (const module of links) carryOut(module.handle({ kind: "open" }, clock.now()));
    await advance(3000);
  };
  wire.fromModuleLink = (from, message) =>
    carryOut(from.handle({ kind: "send", message }, clock.now()));
  return { clock, advance, wire, manager, link, links, modules, say, events, stored, granted };
}

describe("the link manager", () => {
  it("links every paired module and hands its messages on", async () => {
    const { manager, link, modules, say, events } = paired(3);
    await link();
    expect(modules.every(({ uid }) => manager.status(uid)?.linked === true)).toBe(true);
    await say(2);
    expect(events).toContain("session 3");
    expect(events.at(-1)).toBe("telemetry 2");
    expect(manager.status(modules[1]!.uid)?.counts.accepted).toBeGreaterThan(0);
  });

  it("opens the links one after another: all at once, their first words would hold up handshakes under way", async () => {
    const { manager, clock, wire, events, advance } = paired(3);
    const offered: { slot: number; ms: number }[] = [];
    const started = clock.now();
    wire.toModules = ({ id }) => {
      if (id >> 17 === MESSAGE_1_FIRST) {
        offered.push({ slot: slotOf(id), ms: clock.now() - started });
      }
    };
    manager.start();
    await advance(100);
    // 2 · 45 frames of 140 bits at 500 kbit/s are 25.2 ms; a frame takes 1 ms here.
    expect(offered).toEqual([
      { slot: 1, ms: 1 },
      { slot: 2, ms: 27 },
      { slot: 3, ms: 53 },
    ]);
    manager.stop();
    expect(events).toEqual(["down closed 1", "down closed 2", "down closed 3"]);
  });

  it("opens no link any more once stopped", async () => {
    const { manager, wire, advance } = paired(2);
    const slots = new Set<number>();
    wire.toModules = ({ id }) => {
      slots.add(slotOf(id));
    };
    manager.start();
    await advance(10);
    manager.stop();
    await advance(10_000);
    expect(slots).toEqual(new Set([1]));
  });

  it("says that a module has fallen silent, once, and links it again when it speaks", async () => {
    const { link, say, events, wire, advance } = paired(1);
    await link();
    await say(1);
    const listening = wire.toModules;
    wire.toModules = () => {};
    await advance(10_000);
    expect(events.filter((event) => event === "down silent 1")).toHaveLength(1);
    wire.toModules = listening;
    await advance(60_000);
    expect(events.filter((event) => event === "session 1").length).toBeGreaterThan(1);
  });

  it("raises an alarm for a frame changed on the wire, and for that PDU only", async () => {
    const { link, say, events, wire } = paired(1);
    await link();
    await say(1);
    let flipped = false;
    wire.alter = (frame) => {
      if (flipped) return frame;
      flipped = true;
      const data = frame.data.slice();
      data[0]! ^= 1;
      return { ...frame, data };
    };
    await say(1);
    await say(1);
    expect(events.filter((event) => event.startsWith("alarm"))).toEqual(["alarm tag-failure 1"]);
    expect(events.filter((event) => event === "telemetry 1")).toHaveLength(2);
  });

  it("tells what became of each order, once", async () => {
    const { link, manager, modules, links, wire, say, advance } = paired(2);
    await link();
    await say(1);
    await say(2);
    const answered = manager.order(modules[0]!.uid, { kind: "capability-request" });
    await advance(20);
    wire.fromModuleLink(links[0]!, {
      kind: "capability",
      version: 1,
      capabilities: 0,
      maxRate: 10,
      maxPdu: 4096,
    });
    await advance(20);
    expect(await answered).toEqual({ kind: "acknowledged" });
    const ignored = manager.isolateAll(1);
    await advance(30_000);
    const results = await Promise.all([...ignored.values()]);
    expect(results).toEqual([{ kind: "timed-out" }, { kind: "timed-out" }]);
    expect(await manager.order(moduleUid("0000000000000000"), { kind: "erase" })).toEqual({
      kind: "unsent",
      reason: "no-session",
    });
  });

  it("keeps everyone isolated until allowed: who comes back later too", async () => {
    const { link, manager, say, granted, advance } = paired(2);
    await link();
    await say(1);
    await say(2);
    await advance(1000);
    expect(granted.at(-1)).toBe(MODULE_STATE.on);
    void manager.isolateAll(1);
    expect(manager.isolated).toBe(true);
    for (let second = 0; second < 5; second += 1) {
      await say(1);
      await say(2);
      await advance(1000);
    }
    expect(granted.slice(-4)).toEqual(new Array(4).fill(MODULE_STATE.off));
    manager.allow();
    await say(1);
    await advance(1000);
    expect(granted.at(-1)).toBe(MODULE_STATE.on);
  });

  it("answers for every paired module, linked or not, when one order goes to all", async () => {
    const { manager, modules } = paired(2);
    manager.start();
    const results = manager.orderAll({ kind: "capability-request" });
    expect([...results.keys()]).toEqual(modules.map(({ uid }) => uid));
    const unsent = { kind: "unsent", reason: "no-session" };
    expect(await Promise.all([...results.values()])).toEqual([unsent, unsent]);
  });

  it("rolls the pack's half, and keeps the old one on record until every module has proven the new", async () => {
    const { link, manager, say, stored, advance } = paired(1);
    await link();
    await say(1);
    const next = DeviceHalf.generate(entropy);
    await manager.roll(inMemory(next), "next.key");
    expect(stored).toHaveLength(1);
    expect(manager.rolling).toHaveLength(1);
    for (let i = 0; i < 40 && manager.rolling.length > 0; i += 1) {
      await advance(200);
      await say(1);
    }
    expect(manager.rolling).toEqual([]);
    expect(stored.at(-1)?.packHalf.publicKey).toEqual(next.publicKey);
    expect(stored).toHaveLength(2);
  });

  it("counts frames that belong to nobody, and stays deaf and silent once stopped", async () => {
    const { manager, link, wire, say, events, advance } = paired(1);
    await link();
    wire.fromModule({ id: 0x14080005, data: new Uint8Array(8), fd: false });
    await advance(1);
    expect(manager.foreignFrames).toBe(1);
    manager.stop();
    const heard = events.length;
    await say(1);
    expect(events.length).toBe(heard);
    expect(events.at(-1)).toBe("down closed 1");
  });

  it("links on when what holds the pack's half comes back, and says once that it was away", async () => {
    let away = true;
    const { link, advance, events } = paired(3, (half) => ({
      publicKey: half.publicKey,
      dh: async (peer) => {
        if (away) throw new Error("the signer is away");
        return half.dh(peer);
      },
    }));
    await link();
    await advance(60_000);
    expect(events.filter((event) => event.startsWith("custody"))).toEqual([
      "custody the signer is away",
    ]);
    expect(events.filter((event) => event.startsWith("down"))).toEqual([
      "down custody 1",
      "down custody 2",
      "down custody 3",
    ]);
    away = false;
    await advance(60_000);
    expect(events.filter((event) => event.startsWith("custody")).slice(1)).toEqual([
      "custody back",
    ]);
    expect(events).toEqual(expect.arrayContaining(["session 1", "session 2", "session 3"]));
  });

  it("asks a holder that never answers no more than once for each link, and says nothing once stopped", async () => {
    const asked: ((shared: Uint8Array) => void)[] = [];
    const { manager, clock, events } = paired(2, (half) => ({
      publicKey: half.publicKey,
      dh: () => new Promise((answer) => void asked.push(answer)),
    }));
    manager.start();
    for (let second = 0; second < 600; second += 1) {
      clock.advance(1000);
      await Promise.resolve();
    }
    expect(asked).toHaveLength(2);
    expect(events).toEqual(expect.arrayContaining(["down custody 1", "down custody 2"]));
    const before = events.length;
    manager.stop();
    const shared = new Uint8Array(32).fill(7);
    for (const answer of asked) answer(shared);
    await manager.agreeing;
    expect(shared).toEqual(new Uint8Array(32));
    expect(events.slice(before).every((event) => event.startsWith("down closed"))).toBe(true);
  });
});
