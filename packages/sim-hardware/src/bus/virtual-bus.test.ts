import { millis } from "@wattseal/base";
import type { CanBus, CanFrame } from "@wattseal/can-protocol";
import { frameNanos } from "@wattseal/can-protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classic, listener, START, START_MICROS, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { VirtualBus } from "./virtual-bus.js";

const CLASSIC = { nominalBitRate: 500_000, dataBitRate: undefined };
const FD = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };

function busOf(info: typeof CLASSIC | typeof FD = CLASSIC) {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const bus = new VirtualBus(kernel, info);
  return { kernel, bus, run: (ms = 100) => kernel.run({ until: millis(kernel.now() + ms) }) };
}

/** Everything a node hears, as `id@µs since the start`. */
function record(node: CanBus, what: "frame" | "sent" = "frame"): string[] {
  const heard: string[] = [];
  node.listen(
    listener({
      [what]: (frame: CanFrame, time: number) =>
        heard.push(`${frame.id.toString(16)}@${time - START_MICROS}`),
    }),
  );
  return heard;
}

/** ISO 11898-1 written down bit by bit: 29-bit identifier, CRC-15, stuffing after five, then 10 fixed bits and 3 of intermission. */
function bitsOnWire(frame: CanFrame): number {
  const text = (value: number, width: number) => value.toString(2).padStart(width, "0");
  const id = text(frame.id, 29);
  const data = [...frame.data].map((byte) => text(byte, 8)).join("");
  const fields = `0${id.slice(0, 11)}11${id.slice(11)}000${text(frame.data.length, 4)}${data}`;
  let crc = 0;
  for (const bit of fields) {
    const invert = Number(bit) ^ (crc >> 14);
    crc = ((crc << 1) & 0x7fff) ^ (invert === 1 ? 0x4599 : 0);
  }
  let stuffed = "";
  for (const bit of fields + text(crc, 15)) {
    stuffed += bit;
    if (/(0{5}|1{5})$/.test(stuffed)) stuffed += bit === "0" ? "1" : "0";
  }
  return stuffed.length + 10 + 3;
}

describe("VirtualBus: time on the wire", () => {
  it.each([
    ["all stuffing there can be", classic(0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["hardly any stuffing", classic(0x15_55_55_55, 0x55, 0xaa, 0x55)],
    ["no data", classic(0x14_48_7f_05)],
    [
      "the known answer of status 1",
      classic(0x14_08_00_05, 0x23, 0xaf, 0xc4, 0x5e, 0, 0x80, 0x25, 0x5b),
    ],
  ])("counts the bits of a classic frame one by one: %s", async (_name, frame) => {
    const { bus, run } = busOf();
    const [a, b] = [bus.attach(), bus.attach()];
    const heard = record(b);
    a.send(frame);
    await run();
    expect(heard).toEqual([`${frame.id.toString(16)}@${2 * bitsOnWire(frame)}`]);
  });

  it("delivers a frame when its last bit, and the intermission, have passed", async () => {
    const { bus, run } = busOf();
    const [a, b] = [bus.attach(), bus.attach()];
    const frame = classic(0x18_ff_00_01, 1, 2, 3, 4, 5, 6, 7, 8);
    const heard = record(b);
    const sent = record(a, "sent");
    a.send(frame);
    await run();
    const micros = frameNanos(frame, CLASSIC) / 1000;
    expect(heard).toEqual([`18ff0001@${micros}`]);
    expect(sent).toEqual(heard);
    // 131 bits of fields, CRC, ACK, EOF and intermission without stuffing, at 2 µs each; at most 1 in 4 stuffed.
    expect(micros).toBeGreaterThanOrEqual(131 * 2);
    expect(micros).toBeLessThan(165 * 2);
  });

  it("lets frames follow each other without a gap, sub-microsecond ends included", async () => {
    const { bus, run } = busOf({
      nominalBitRate: 307_692,
      dataBitRate: undefined,
    } as typeof CLASSIC);
    const [a, b] = [bus.attach({ mailboxes: 50 }), bus.attach()];
    const heard = record(b);
    const frames = Array.from({ length: 50 }, (_, i) => classic(0x100 + i, i, i, i));
    for (const frame of frames) a.send(frame);
    await run();
    const nanos = frames.reduce((sum, frame) => sum + frameNanos(frame, bus.info), 0);
    expect(heard.at(-1)).toBe(`${(0x131).toString(16)}@${Math.ceil(nanos / 1000)}`);
  });
});

describe("VirtualBus: arbitration", () => {
  it("lets the lowest identifier of all mailboxes go first, at each idle", async () => {
    const { bus, run } = busOf();
    const [a, b, c] = [bus.attach(), bus.attach(), bus.attach()];
    const heard: number[] = [];
    c.listen(listener({ frame: ({ id }) => void heard.push(id) }));
    a.send(classic(0x300));
    a.send(classic(0x100));
    b.send(classic(0x200));
    b.send(classic(0x050));
    await run();
    expect(heard).toEqual([0x050, 0x100, 0x200, 0x300]);
  });

  it("does not interrupt a frame on the wire for a lower identifier", async () => {
    const { kernel, bus, run } = busOf();
    const [a, b, c] = [bus.attach(), bus.attach(), bus.attach()];
    const heard: number[] = [];
    c.listen(listener({ frame: ({ id }) => void heard.push(id) }));
    a.send(classic(0x300));
    a.send(classic(0x301));
    kernel.atMicros(START_MICROS + 10, () => void b.send(classic(0x001)));
    await run();
    expect(heard).toEqual([0x300, 0x001, 0x301]);
  });

  it("lets an answer to a frame compete in the very next arbitration", async () => {
    const { bus, run } = busOf();
    const [a, b] = [bus.attach(), bus.attach()];
    const heard: number[] = [];
    bus.tap(({ id }) => void heard.push(id));
    b.listen(listener({ frame: ({ id }) => void (id === 0x300 && b.send(classic(0x010))) }));
    a.send(classic(0x300));
    a.send(classic(0x301));
    await run();
    expect(heard).toEqual([0x300, 0x010, 0x301]);
  });

  it("orders equal identifiers of one node by sending", async () => {
    const { bus, run } = busOf();
    const [a] = [bus.attach(), bus.attach()];
    const heard: number[] = [];
    bus.tap(({ data }) => void heard.push(data[0]!));
    for (const data of [3, 1, 2]) a.send(classic(0x100, data));
    await run();
    expect(heard).toEqual([3, 1, 2]);
  });

  it("delivers every frame once to every other node, in one order for all, and by identifier when queued together", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(0x1f_ff_ff_ff)), {
          maxLength: 40,
          selector: ([, id]) => id,
        }),
        async (sends) => {
          const { bus, run } = busOf();
          const nodes = Array.from({ length: 4 }, () => bus.attach({ mailboxes: 64 }));
          const heard = nodes.map((node) => record(node));
          const all: string[] = [];
          bus.tap(({ id }, time) => void all.push(`${id.toString(16)}@${time - START_MICROS}`));
          for (const [node, id] of sends) nodes[node]!.send(classic(id, node));
          await run();
          expect(all.length).toBe(sends.length);
          const ids = all.map((line) => Number.parseInt(line, 16));
          expect(ids).toEqual([...ids].sort((x, y) => x - y));
          heard.forEach((lines, node) => {
            expect(lines.length).toBe(sends.filter(([from]) => from !== node).length);
            expect(lines.every((line) => all.includes(line))).toBe(true);
          });
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("VirtualBus: nodes", () => {
  it("refuses a frame when the mailboxes are full, and has room again after sent()", async () => {
    const { bus, run } = busOf();
    const [a] = [bus.attach({ mailboxes: 3 }), bus.attach()];
    expect([1, 2, 3, 4].map((id) => a.send(classic(id)))).toEqual([true, true, true, false]);
    const accepted: boolean[] = [];
    a.listen(listener({ sent: ({ id }) => void (id === 1 && accepted.push(a.send(classic(9)))) }));
    await run();
    expect(accepted).toEqual([true]);
  });

  it("keeps a frame until another node is there to acknowledge it", async () => {
    const { bus, run } = busOf();
    const a = bus.attach();
    const sent = record(a, "sent");
    a.send(classic(1));
    await run();
    expect(sent).toEqual([]);
    bus.attach();
    await run();
    expect(sent.length).toBe(1);
  });

  it("forgets what a closed node had queued", async () => {
    const { bus, run } = busOf();
    const [a, b] = [bus.attach(), bus.attach()];
    const heard = record(b);
    a.send(classic(1));
    a.close();
    a.close();
    await run();
    expect(heard).toEqual([]);
    expect(() => a.send(classic(1))).toThrowError(expect.objectContaining({ code: "bus-closed" }));
  });

  it("refuses FD frames on a bus with classic nodes, and impossible frames anywhere", () => {
    const fd = { id: 1, data: new Uint8Array(64), fd: true };
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const node = busOf().bus.attach();
    expect(() => node.send(fd)).toThrowError(code("fd-on-classic-bus"));
    expect(() => node.send(classic(0x20_00_00_00))).toThrowError(code("frame-shape"));
    expect(() => node.send({ ...fd, fd: false })).toThrowError(code("frame-shape"));
    const fdNode = busOf(FD).bus.attach();
    expect(fdNode.send(fd)).toBe(true);
    expect(() => fdNode.send({ ...fd, data: new Uint8Array(9) })).toThrowError(code("frame-shape"));
  });

  it("sends the data phase of FD frames at the data rate", async () => {
    const { bus, run } = busOf(FD);
    const [a, b] = [bus.attach(), bus.attach()];
    const frame = { id: 1, data: new Uint8Array(64).fill(0x55), fd: true };
    const heard = record(b);
    a.send(frame);
    await run();
    expect(heard).toEqual([`1@${Math.ceil(frameNanos(frame, FD) / 1000)}`]);
  });
});

describe("VirtualBus: load and faults", () => {
  it("measures the share of the last second that the wire was busy", async () => {
    const { kernel, bus, run } = busOf();
    const [a] = [bus.attach(), bus.attach()];
    const frame = classic(0x123, 1, 2, 3);
    let cancel = () => {};
    const every = () => {
      a.send(frame);
      cancel = kernel.atMicros(kernel.nowMicros() + 1000, every);
    };
    every();
    await run(3000);
    const share = frameNanos(frame, CLASSIC) / 1e6;
    expect(bus.load().busy).toBeCloseTo(share, 2);
    expect(bus.load().framesPerSecond).toBe(1000);
    expect(bus.load().frames).toBe(3000);
    cancel();
    await run(3000);
    expect(bus.load().busy).toBe(0);
  });

  it("flips one bit of the next matching frame for receivers, not for its sender", async () => {
    const { bus, run } = busOf();
    const [a, b] = [bus.attach(), bus.attach()];
    const got: number[][] = [];
    b.listen(listener({ frame: ({ data }) => void got.push([...data]) }));
    bus.corruptNext({ bit: 9, matches: ({ id }) => id === 2 });
    const sent: CanFrame[] = [];
    a.listen(listener({ sent: (frame) => void sent.push(frame) }));
    for (const id of [1, 2, 3]) a.send(classic(id, 0, 0));
    await run();
    expect(got).toEqual([
      [0, 0],
      [0, 0x40],
      [0, 0],
    ]);
    expect(sent.map(({ data }) => [...data])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });
});
