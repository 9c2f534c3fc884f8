import { millis } from "@wattseal/base";
import { type BusError, type BusState, type CanFrame, frameBits } from "@wattseal/can-protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classic, listener, START, START_MICROS, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { nanosThrough, wireBits } from "./bits.js";
import { FaultConfinement } from "./confinement.js";
import type { Disturbance } from "./fate.js";
import { type AttachOptions, VirtualBus } from "./virtual-bus.js";

const CLASSIC = { nominalBitRate: 500_000, dataBitRate: undefined };
const FD = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };
/** µs at 500 kbit/s. */
const BIT = 2;
/** Six bits of error flag, answered by six more, eight of delimiter, three of intermission. */
const ERROR_FRAME = (12 + 8 + 3) * BIT;

function benchOf(info: typeof CLASSIC | typeof FD = CLASSIC) {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const bus = new VirtualBus(kernel, info);
  const run = (ms = 100) => kernel.run({ until: millis(kernel.now() + ms) });
  const node = (name: string, options: AttachOptions = {}) => {
    const can = bus.attach({ name, mailboxes: 64, ...options });
    const frames: CanFrame[] = [];
    const log: string[] = [];
    const errors: BusError[] = [];
    const states: BusState[] = [];
    const note = (what: string, time: number) => void log.push(`${what}@${time - START_MICROS}`);
    can.listen(
      listener({
        frame: (frame, time) => {
          frames.push(frame);
          note(`${frame.id}`, time);
        },
        sent: ({ id }, time) => note(`sent ${id}`, time),
        error: (error, time) => {
          errors.push(error);
          note(`${error.kind}${error.transmitting ? " own" : ""}`, time);
        },
        state: (state, time) => {
          states.push(state);
          note(state, time);
        },
      }),
    );
    const counters = () => {
      const view = bus.controllers.find((one) => one.name === name)!;
      return [view.transmitErrors, view.receiveErrors];
    };
    return { can, frames, log, errors, states, counters };
  };
  /** Disturbs the first `times` frames. */
  const disturb = (disturbance: Disturbance, times = 1) => {
    let left = times;
    bus.disturb(() => {
      left -= 1;
      return left >= 0 ? disturbance : undefined;
    });
  };
  return { kernel, bus, run, node, disturb };
}

const micros = (frame: CanFrame) => frameBits(frame).nominal * BIT;
const FRAME = classic(0x15_55_55_55, 0x55, 0xaa, 0x55);

describe("a frame written out bit by bit", () => {
  it("is as long, at both rates, as the count of bits says", () => {
    const lengths = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64);
    fc.assert(
      fc.property(
        fc.nat(2 ** 29 - 1),
        lengths,
        fc.nat(255),
        fc.boolean(),
        (id, length, fill, fd) => {
          fc.pre(fd || length <= 8);
          const frame = { id, data: new Uint8Array(length).map((_, i) => fill ^ (i >> 1)), fd };
          const { bits, fastFrom, fastTo } = wireBits(frame);
          const counted = frameBits(frame);
          expect(fastTo - fastFrom).toBe(counted.data);
          // Three bits of intermission belong to no frame.
          expect(bits.length - counted.data).toBe(counted.nominal - 3);
        },
      ),
    );
  });

  it("takes a quarter of the time for each bit of the data phase", () => {
    const bits = wireBits({ id: 1, data: new Uint8Array(64), fd: true });
    const [first, second] = [bits.fastFrom - 1, bits.fastFrom].map((index) =>
      nanosThrough(bits, index, FD),
    );
    expect(second! - first!).toBe(500);
    expect(nanosThrough(bits, 9, FD)).toBe(20_000);
  });
});

describe("an error on the wire", () => {
  it("destroys the frame at that bit; its sender repeats it after the error frame", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    disturb({ bit: 60 });
    a.can.send(FRAME);
    await run();
    const broken = 61 * BIT;
    const whole = broken + ERROR_FRAME + micros(FRAME);
    expect(a.log).toEqual([`bit own@${broken}`, `sent ${FRAME.id}@${whole}`]);
    expect(b.log).toEqual([`stuff@${broken}`, `${FRAME.id}@${whole}`]);
    expect(c.log).toEqual(b.log);
    // 8 for a destroyed frame, 1 less for the good one; 1 for receivers, and 0 again.
    expect([a, b, c].map(({ counters }) => counters())).toEqual([
      [7, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  it("in the data phase of an FD frame is followed by an error frame at the nominal rate", async () => {
    const { run, node, disturb } = benchOf(FD);
    const [a, b] = [node("a"), node("b")];
    const frame = { id: 0x15_55_55_55, data: new Uint8Array(64).fill(0x5a), fd: true };
    const bits = wireBits(frame);
    disturb({ bit: bits.fastFrom + 99 });
    a.can.send(frame);
    await run();
    const broken = bits.fastFrom * BIT + 100 / 2;
    const counted = frameBits(frame);
    const whole = broken + ERROR_FRAME + counted.nominal * BIT + Math.ceil(counted.data / 2);
    expect(a.log).toEqual([`bit own@${broken}`, `sent ${frame.id}@${whole}`]);
    expect(b.frames).toEqual([frame]);
  });

  it("in the last bit of a frame makes receivers have it twice", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b] = [node("a"), node("b")];
    disturb({ bit: -1 + wireBits(FRAME).bits.length });
    a.can.send(FRAME);
    await run();
    expect(b.frames).toEqual([FRAME, FRAME]);
    expect(a.log.map((line) => line.split("@")[0])).toEqual(["form own", `sent ${FRAME.id}`]);
    expect(b.errors).toEqual([]);
  });

  it("at one receiver's input is signalled by that one, and the frame comes again for all", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    disturb({ bit: 60, at: "b" });
    a.can.send(FRAME);
    await run();
    expect(b.errors).toEqual([{ kind: "crc", transmitting: false }]);
    expect(c.errors).toEqual([{ kind: "form", transmitting: false }]);
    expect([b.frames, c.frames]).toEqual([[FRAME], [FRAME]]);
    // 1 for the error and 8 for being the first to signal it.
    expect([a, b, c].map(({ counters }) => counters())).toEqual([
      [7, 0],
      [0, 8],
      [0, 0],
    ]);
  });

  it("at the input of an error passive receiver costs that one the frame, unnoticed by the others", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    disturb({ bit: 60, at: "b" }, 40);
    for (let i = 0; i < 20; i += 1) a.can.send(classic(0x100 + i, i));
    await run();
    expect(b.states).toEqual(["warning", "passive"]);
    expect(c.frames.length).toBe(20);
    expect(b.frames).toEqual([]);
    // Fifteen errors of 9 make b passive; after that nothing of a's is destroyed any more.
    expect(a.counters()).toEqual([15 * 8 - 20, 0]);
  });

  it("in the acknowledgement slot is an acknowledgement error", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b] = [node("a"), node("b")];
    disturb({ bit: wireBits(FRAME).bits.length - 9 });
    a.can.send(FRAME);
    await run();
    expect(a.errors).toEqual([{ kind: "ack", transmitting: true }]);
    expect(b.frames).toEqual([FRAME]);
  });

  it("is left behind by a node that goes in the middle of its frame", async () => {
    const { kernel, run, node } = benchOf();
    const [a, b] = [node("a"), node("b"), node("c")];
    a.can.send(FRAME);
    kernel.atMicros(START_MICROS + 100, () => a.can.close());
    await run();
    expect(b.frames).toEqual([]);
    expect(b.log).toEqual(["stuff@100"]);
    b.can.send(FRAME);
    await run();
    expect(b.log.at(-1)).toMatch(/^sent/);
  });
});

describe("fault confinement", () => {
  it("counts as ISO 11898-1 does: warning at 96, passive at 128, off at 256", () => {
    const counters = new FaultConfinement();
    const states: string[] = [];
    for (let errors = 1; errors <= 32; errors += 1) {
      counters.transmitError();
      states.push(counters.state);
    }
    expect(states.indexOf("warning")).toBe(11);
    expect(states.indexOf("passive")).toBe(15);
    expect(states.indexOf("bus-off")).toBe(31);
    const receiver = new FaultConfinement();
    for (let errors = 0; errors < 1000; errors += 1) receiver.receiveError();
    expect([receiver.state, receiver.receiveErrors]).toEqual(["passive", 255]);
    receiver.receivedWell();
    expect([receiver.state, receiver.receiveErrors]).toEqual(["warning", 127]);
  });

  it("takes a sender whose every frame is destroyed off the bus, and lets it back after 128 × 11 recessive bits", async () => {
    const { kernel, run, node, disturb } = benchOf();
    const [a, b] = [node("a"), node("b")];
    disturb({ bit: 60 }, 32);
    a.can.send(FRAME);
    a.can.send(classic(2));
    const whileOff: unknown[] = [];
    a.can.listen(
      listener({
        state: (state) => {
          if (state !== "bus-off") return;
          kernel.atMicros(kernel.nowMicros() + 1000, () => {
            whileOff.push(a.can.state, a.can.send(classic(3)));
          });
        },
      }),
    );
    await run();
    expect(a.states).toEqual(["warning", "passive", "bus-off", "active"]);
    expect(whileOff).toEqual(["bus-off", false]);
    // What was queued is forgotten.
    expect(b.frames).toEqual([]);
    const off = Number(a.log.find((line) => line.startsWith("bus-off"))!.split("@")[1]);
    const back = Number(a.log.find((line) => line.startsWith("active"))!.split("@")[1]);
    // One of the 128 is the end of the error frame itself.
    expect(back - off).toBe(127 * 11 * BIT + ERROR_FRAME);
    expect(a.counters()).toEqual([0, 0]);
    a.can.send(classic(4));
    await run();
    expect(b.frames).toEqual([classic(4)]);
  });

  it("counts one run of recessive bits a frame while the wire is busy", async () => {
    const { run, node, bus } = benchOf();
    const [a, b] = [node("a"), node("b"), node("c")];
    const attack = bus.disturb((_frame, from) => (from === "a" ? { bit: 60 } : undefined));
    a.can.send(classic(1));
    const refill = () => {
      while (b.can.send(classic(5)));
    };
    b.can.listen(listener({ sent: refill }));
    refill();
    let frames = 0;
    bus.tap(() => {
      if (a.states.at(-1) === "bus-off") frames += 1;
    });
    await run(10);
    attack();
    await run(60);
    expect(a.states.at(-1)).toBe("active");
    // Meanwhile it hears nothing at all.
    const [off, back] = ["bus-off", "active"].map((state) =>
      a.log.findIndex((line) => line.startsWith(state)),
    );
    expect(back! - off!).toBe(1);
    expect(frames).toBeGreaterThanOrEqual(126);
    expect(frames).toBeLessThanOrEqual(128);
  });

  it("takes the only listener's acknowledgement away with bus-off", async () => {
    const { bus, run, node } = benchOf();
    const [a, b] = [node("a"), node("b")];
    const attack = bus.disturb((_frame, from) => (from === "b" ? { bit: 60 } : undefined));
    b.can.send(classic(1));
    b.can.listen(
      listener({
        state: (state) => {
          if (state === "bus-off") a.can.send(classic(2));
        },
      }),
    );
    await run(20);
    attack();
    expect(
      a.errors.filter(({ kind, transmitting }) => kind === "ack" && transmitting).length,
    ).toBeGreaterThan(2);
    // Back again, it takes the frame that waited for it.
    expect(b.frames).toEqual([classic(2)]);
  });

  it("keeps a node that nobody acknowledges passive, not off, until somebody does", async () => {
    const { run, node } = benchOf();
    const a = node("a");
    a.can.send(FRAME);
    await run();
    expect(a.states).toEqual(["warning", "passive"]);
    expect(a.errors.length).toBe(16);
    expect(a.errors.every(({ kind }) => kind === "ack")).toBe(true);
    expect(a.counters()).toEqual([128, 0]);
    const b = node("b");
    await run();
    expect(b.frames).toEqual([FRAME]);
    expect(a.states.at(-1)).toBe("warning");
  });

  it("makes an error passive sender wait eight bits, in which a higher identifier goes first", async () => {
    const { run, node, disturb } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    disturb({ bit: 60 }, 16);
    a.can.send(classic(1));
    b.can.send(classic(0x1000));
    await run();
    expect(a.states).toContain("passive");
    expect(c.frames.map(({ id }) => id)).toEqual([0x1000, 1]);
  });
});

describe("one identifier sent by two nodes at once", () => {
  it("is a bit error for both, until the recessive one is passive and gives way unnoticed", async () => {
    const { run, node } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    a.can.send(classic(0x100, 0xff));
    b.can.send(classic(0x100, 0x00));
    await run();
    expect(c.frames.map(({ data }) => data[0])).toEqual([0x00, 0xff]);
    // Sixteen collisions make both passive; the seventeenth is a's alone.
    expect(b.errors.filter(({ transmitting }) => transmitting).length).toBe(16);
    expect(a.errors.filter(({ transmitting }) => transmitting).length).toBe(17);
    expect(a.states).not.toContain("bus-off");
  });

  it("goes unnoticed when every bit is the same", async () => {
    const { run, node } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    a.can.send(FRAME);
    b.can.send(FRAME);
    await run();
    expect(c.frames).toEqual([FRAME]);
    expect(a.log).toEqual(b.log);
    expect(a.log).toEqual([`sent ${FRAME.id}@${micros(FRAME)}`]);
  });
});

describe("a wire that is stuck dominant", () => {
  it("takes the node off that was sending, makes the others passive, and serves all when it is free", async () => {
    const { kernel, bus, run, node } = benchOf();
    const [a, b, c] = [node("a"), node("b"), node("c")];
    a.can.send(FRAME);
    let release = () => {};
    kernel.atMicros(START_MICROS + 50, () => {
      release = bus.holdDominant();
    });
    await run(50);
    expect([a, b, c].map(({ can }) => can.state)).toEqual(["bus-off", "passive", "passive"]);
    b.can.send(classic(2));
    await run(50);
    expect(c.frames).toEqual([]);
    release();
    await run(50);
    expect(c.frames).toEqual([classic(2)]);
    a.can.send(classic(3));
    await run(50);
    expect(c.frames).toEqual([classic(2), classic(3)]);
  });
});

describe("a cut cable", () => {
  it("leaves each side to itself, and is one bus again when mended", async () => {
    const { bus, run, node } = benchOf();
    const [a, b, c, d] = [node("a"), node("b"), node("c"), node("d")];
    const mend = bus.cut((name) => name === "c" || name === "d");
    a.can.send(classic(1));
    c.can.send(classic(2));
    await run();
    expect([a, b, c, d].map(({ frames }) => frames.map(({ id }) => id))).toEqual([
      [],
      [1],
      [],
      [2],
    ]);
    mend();
    a.can.send(classic(3));
    await run();
    expect([b, c, d].map(({ frames }) => frames.at(-1)?.id)).toEqual([3, 3, 3]);
  });

  it("keeps what a node alone had to say until it is plugged in again", async () => {
    const { bus, run, node } = benchOf();
    const [a, b] = [node("a"), node("b")];
    const mend = bus.cut((name) => name === "a");
    a.can.send(classic(1));
    await run();
    expect(a.can.state).toBe("passive");
    mend();
    await run();
    expect(b.frames).toEqual([classic(1)]);
  });
});

describe("acceptance filters", () => {
  it("let through what equals the code under the mask, and acknowledge the rest", async () => {
    const { run, node } = benchOf();
    const a = node("a");
    const b = node("b", {
      filters: [
        { code: 0x100, mask: 0xf00 },
        { code: 0x205, mask: 0xfff },
      ],
    });
    for (const id of [0x100, 0x1ff, 0x204, 0x205, 0x1205]) a.can.send(classic(id));
    await run();
    expect(b.frames.map(({ id }) => id)).toEqual([0x100, 0x1ff, 0x205, 0x1205]);
    expect(a.errors).toEqual([]);
  });
});

describe("arbitration", () => {
  it("counts how often a node has to let others go first", async () => {
    const { bus, run, node } = benchOf();
    const [a, b] = [node("a"), node("b"), node("c")];
    for (const id of [1, 2, 3]) a.can.send(classic(id));
    b.can.send(classic(9));
    await run();
    expect(bus.controllers.map(({ arbitrationLosses }) => arbitrationLosses)).toEqual([0, 3, 0]);
  });
});

describe("any disturbances", () => {
  it("lose no frame of a controller that does not leave the bus, and invent none", async () => {
    const step = fc.record({ from: fc.nat(2), id: fc.nat(0xff), at: fc.nat(3000) });
    const noise = fc.record({
      bit: fc.nat(170),
      at: fc.constantFrom(undefined, "0", "1", "2"),
      every: fc.integer({ min: 10, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        noise,
        async (steps, { bit, at, every }) => {
          const { kernel, bus, run, node } = benchOf();
          const nodes = [node("0"), node("1"), node("2")];
          let count = 0;
          bus.disturb(() => {
            count += 1;
            if (count % every !== 0) return undefined;
            return at === undefined ? { bit } : { bit, at };
          });
          steps.forEach((one, i) => {
            const { from, id } = one;
            const frame = classic((id << 8) | (i << 2) | from, i);
            kernel.atMicros(START_MICROS + one.at, () => void nodes[from]!.can.send(frame));
          });
          await run(200);
          nodes.forEach((receiver, n) => {
            const expected = new Set(steps.flatMap(({ from }, i) => (from === n ? [] : [i])));
            // A frame may come twice (error in its last bit), never altered.
            expect(new Set(receiver.frames.map(({ data }) => data[0]))).toEqual(expected);
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
