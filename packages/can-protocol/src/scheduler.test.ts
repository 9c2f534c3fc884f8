import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusListener, BusState, CanBus, CanFrame } from "./bus.js";
import type { FrameClass } from "./index.js";
import { FrameScheduler } from "./scheduler.js";
import { classOf } from "./secured/identifier.js";
import { segment } from "./secured/segments.js";

const BASES: Record<FrameClass, number> = {
  urgent: 0x630,
  normal: 0x632,
  handshake: 0x634,
  bulk: 0x636,
};
const pdu = (cls: FrameClass, counter: number, frames: number, slot = 5) =>
  segment(new Uint8Array(8 * frames).fill(counter), BASES[cls], slot, counter, false);

/** A controller with `mailboxes`, which sends the lowest identifier first when told to. */
class Mailboxes implements CanBus {
  readonly info = { nominalBitRate: 500_000, dataBitRate: undefined };
  state: BusState = "active";
  readonly held: CanFrame[] = [];
  readonly gone: CanFrame[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }
  send(frame: CanFrame): boolean {
    if (this.held.length >= this.#size) return false;
    this.held.push(frame);
    return true;
  }
  listen(_listener: BusListener) {
    return () => {};
  }
  close(): void {}
  /** One frame leaves. */
  transmit(scheduler: FrameScheduler): boolean {
    this.held.sort((a, b) => a.id - b.id);
    const frame = this.held.shift();
    if (frame === undefined) return false;
    this.gone.push(frame);
    scheduler.sent({ ...frame });
    return true;
  }
}

interface Turn {
  readonly cls: FrameClass;
  readonly slot: number;
  readonly frames: number;
  readonly what: "latest" | "withdraw" | undefined;
  readonly transmit: number;
}

/** What was offered, PDU by PDU, and what has left when nothing more does. */
function played(script: readonly Turn[]) {
  const bus = new Mailboxes(2);
  const scheduler = new FrameScheduler(bus);
  const offered: (readonly CanFrame[])[] = [];
  const take = ({ cls, slot, frames, what }: Turn, i: number) => {
    if (what === "withdraw") {
      scheduler.withdraw(slot, cls === "handshake" ? "handshake" : "sealed");
      return;
    }
    const taken = pdu(cls, i, frames, slot);
    offered.push(taken);
    scheduler.offer(cls, taken, what);
  };
  for (const [i, turn] of script.entries()) {
    take(turn, i);
    for (let n = 0; n < turn.transmit; n += 1) bus.transmit(scheduler);
  }
  while (bus.transmit(scheduler));
  expect(scheduler.waiting()).toBe(0);
  return { offered, sent: bus.gone };
}

describe("the scheduler", () => {
  it("keeps one frame a class in the controller, urgent ahead, segments in order", () => {
    const bus = new Mailboxes(8);
    const scheduler = new FrameScheduler(bus);
    const bulk = pdu("bulk", 1, 20);
    scheduler.offer("bulk", bulk);
    expect(bus.held).toHaveLength(1);
    bus.transmit(scheduler);
    const urgent = pdu("urgent", 2, 3);
    scheduler.offer("urgent", urgent);
    expect(bus.held).toHaveLength(2);
    while (bus.transmit(scheduler)) expect(bus.held.length).toBeLessThanOrEqual(2);
    expect(bus.gone).toEqual([bulk[0], ...urgent, ...bulk.slice(1)]);
    expect(scheduler.waiting()).toBe(0);
  });

  it("loses and reorders nothing, whatever the mailboxes and the order of offers", () => {
    const offers = fc.array(
      fc.record({
        cls: fc.constantFrom<FrameClass[]>("urgent", "normal", "handshake", "bulk"),
        frames: fc.integer({ min: 1, max: 12 }),
        transmit: fc.nat({ max: 6 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), offers, (size, sequence) => {
        const bus = new Mailboxes(size);
        const scheduler = new FrameScheduler(bus);
        const offered: CanFrame[] = [];
        for (const [i, { cls, frames, transmit }] of sequence.entries()) {
          const taken = pdu(cls, i, frames, i + 1);
          expect(scheduler.offer(cls, taken)).toBe(true);
          offered.push(...taken);
          for (let n = 0; n < transmit; n += 1) bus.transmit(scheduler);
          const classes = bus.held.map(({ id }) => classOf(id));
          expect(new Set(classes).size).toBe(classes.length);
        }
        while (bus.transmit(scheduler));
        for (const cls of ["urgent", "normal", "handshake", "bulk"] as const) {
          const of = (frames: readonly CanFrame[]) =>
            frames.filter(({ id }) => classOf(id) === cls);
          expect(of(bus.gone)).toEqual(of(offered));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("refuses a PDU as a whole when the queue is full, and says when there is room", () => {
    const bus = new Mailboxes(1);
    const room: FrameClass[] = [];
    const scheduler = new FrameScheduler(bus, { room: (cls) => void room.push(cls) });
    let taken = 0;
    while (scheduler.offer("bulk", pdu("bulk", taken, 131))) taken += 1;
    expect(taken).toBe(31);
    expect(scheduler.waiting("bulk")).toBe(31 * 131);
    expect(scheduler.offer("urgent", pdu("urgent", 0, 3))).toBe(true);
    expect(room).toEqual([]);
    while (room.length === 0) expect(bus.transmit(scheduler)).toBe(true);
    expect(scheduler.offer("bulk", pdu("bulk", taken, 131))).toBe(true);
    while (bus.transmit(scheduler));
    expect(bus.gone).toHaveLength(32 * 131 + 3);
  });

  it("hands back at bus-off what has not left, PDU by PDU, and takes more when it is over", () => {
    const bus = new Mailboxes(4);
    const unsent: [FrameClass, number][] = [];
    const room: FrameClass[] = [];
    const scheduler = new FrameScheduler(bus, {
      unsent: (cls, frames) => void unsent.push([cls, frames.length]),
      room: (cls) => void room.push(cls),
    });
    scheduler.offer("normal", pdu("normal", 0, 8));
    scheduler.offer("normal", pdu("normal", 1, 8));
    scheduler.offer("bulk", pdu("bulk", 0, 5));
    for (let n = 0; n < 3; n += 1) bus.transmit(scheduler);
    bus.held.length = 0;
    scheduler.state("bus-off");
    expect(unsent).toEqual([
      ["normal", 5],
      ["normal", 8],
      ["bulk", 5],
    ]);
    expect(scheduler.waiting()).toBe(0);
    expect(scheduler.offer("urgent", pdu("urgent", 0, 3))).toBe(false);
    expect(bus.held).toEqual([]);
    scheduler.state("active");
    expect(room).toEqual(["urgent"]);
    expect(scheduler.offer("urgent", pdu("urgent", 0, 3))).toBe(true);
    expect(bus.held).toHaveLength(1);
  });

  it("puts a handshake message in the place of the one of its slot that has not begun to leave", () => {
    const bus = new Mailboxes(1);
    const scheduler = new FrameScheduler(bus);
    const begun = pdu("handshake", 0, 6, 1);
    scheduler.offer("handshake", begun);
    const others = pdu("handshake", 0, 6, 2);
    scheduler.offer("handshake", others);
    for (let n = 1; n < 1000; n += 1) scheduler.offer("handshake", pdu("handshake", n, 6, 1));
    expect(scheduler.waiting("handshake")).toBe(18);
    while (bus.transmit(scheduler));
    expect(bus.gone).toEqual([...begun, ...others, ...pdu("handshake", 999, 6, 1)]);
  });

  it("replaces what is marked as the latest, in its class, and nothing else", () => {
    const bus = new Mailboxes(1);
    const scheduler = new FrameScheduler(bus);
    const order = pdu("normal", 0, 4);
    scheduler.offer("normal", order);
    for (let n = 1; n < 100; n += 1) {
      scheduler.offer("normal", pdu("normal", n, 4), "latest");
      if (n === 50) scheduler.offer("normal", pdu("normal", 100, 4));
    }
    while (bus.transmit(scheduler));
    expect(bus.gone).toEqual([...order, ...pdu("normal", 100, 4), ...pdu("normal", 99, 4)]);
  });

  it("withdraws what has not begun to leave of a slot, its handshakes or its sealed PDUs", () => {
    const bus = new Mailboxes(1);
    const room: FrameClass[] = [];
    const scheduler = new FrameScheduler(bus, { room: (cls) => void room.push(cls) });
    const begun = pdu("normal", 0, 3, 1);
    scheduler.offer("normal", begun);
    scheduler.offer("normal", pdu("normal", 1, 3, 1));
    scheduler.offer("urgent", pdu("urgent", 1, 3, 1));
    scheduler.offer("handshake", pdu("handshake", 1, 6, 1));
    const others = 31 * 131;
    for (let n = 0; n < 31; n += 1) scheduler.offer("normal", pdu("normal", n, 131, 2));
    expect(scheduler.offer("normal", pdu("normal", 31, 131, 2))).toBe(false);
    scheduler.withdraw(1, "sealed");
    expect(scheduler.waiting()).toBe(3 + 6 + others);
    scheduler.withdraw(1, "handshake");
    expect(scheduler.waiting()).toBe(3 + others);
    scheduler.withdraw(2, "sealed");
    expect(room).toEqual(["normal"]);
    while (bus.transmit(scheduler));
    expect(bus.gone).toEqual(begun);
  });

  it("has room for what is reserved when the queue is full", () => {
    const scheduler = new FrameScheduler(new Mailboxes(1));
    let slot = 0;
    while (scheduler.offer("urgent", pdu("urgent", 0, 3, slot % 256))) slot += 1;
    for (let n = 0; n < 31 * 16; n += 1) {
      expect(scheduler.offer("urgent", pdu("urgent", n, 3), "reserved")).toBe(true);
    }
  });

  it("sends every PDU whole or not at all, in order, whatever is replaced or withdrawn", () => {
    const step = fc.record({
      cls: fc.constantFrom<FrameClass[]>("urgent", "normal", "handshake"),
      slot: fc.integer({ min: 1, max: 3 }),
      frames: fc.integer({ min: 1, max: 5 }),
      what: fc.constantFrom("latest", "withdraw", undefined),
      transmit: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (script) => {
        const { offered, sent } = played(script);
        for (const cls of ["urgent", "normal", "handshake"] as const) {
          const gone = sent.filter(({ id }) => classOf(id) === cls);
          expect(gone).toEqual(offered.filter(([first]) => gone.includes(first!)).flat());
        }
      }),
      { numRuns: 300 },
    );
  });

  it("lets frames pass that others send through the same controller", () => {
    const bus = new Mailboxes(1);
    const scheduler = new FrameScheduler(bus);
    bus.send({ id: 0x145c0000, data: new Uint8Array(1), fd: false });
    scheduler.offer("normal", pdu("normal", 0, 2));
    expect(scheduler.waiting("normal")).toBe(2);
    while (bus.transmit(scheduler));
    expect(bus.gone).toHaveLength(3);
  });

  it("hands back on close and takes nothing more", () => {
    const bus = new Mailboxes(1);
    const unsent: FrameClass[] = [];
    const scheduler = new FrameScheduler(bus, { unsent: (cls) => void unsent.push(cls) });
    scheduler.offer("normal", pdu("normal", 0, 2));
    scheduler.close();
    expect(unsent).toEqual(["normal"]);
    expect(scheduler.offer("normal", pdu("normal", 1, 2))).toBe(false);
  });
});
