import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { micros, millis } from "@wattseal/base";
import type { BusInfo, TraceRecord } from "@wattseal/can-protocol";
import { afterAll, describe, expect, it } from "vitest";
import { VirtualBus } from "../bus/virtual-bus.js";
import { SimError } from "../errors.js";
import {
  classic,
  listener,
  recordedFile,
  START,
  START_MICROS,
  temporaryDirectory,
  VirtualWall,
} from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { convertTrace } from "./convert.js";
import { TraceFile } from "./file.js";
import { BusRecorder } from "./recorder.js";
import { ReplayBus } from "./replay-bus.js";
import { sendTrace } from "./send-trace.js";
import { openTrace, type TraceSource } from "./source.js";

const folder = temporaryDirectory();
afterAll(() => folder.remove());
const file = (name: string, content?: string) => {
  const path = join(folder.path, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};
const FD = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };
const CLASSIC = { nominalBitRate: 500_000, dataBitRate: undefined };

const LONG: TraceRecord = {
  kind: "fd",
  time: micros(1),
  channel: "can0",
  direction: undefined,
  id: 1,
  extended: true,
  flags: 1,
  data: new Uint8Array(64),
};

function simulation(info: BusInfo = FD) {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const bus = new VirtualBus(kernel, info);
  const after = (ms: number) => kernel.run({ until: millis(kernel.now() + ms) });
  return { kernel, bus, after };
}

describe("recording a bus", () => {
  it("writes each frame into all files with the time of the wire", async () => {
    const { kernel, bus, after } = simulation();
    const paths = { log: file("run.log"), pcap: file("run.pcap"), asc: file("run.asc") };
    const recorder = await BusRecorder.open([
      { path: paths.log, format: "candump" },
      { path: paths.pcap, format: "pcap" },
      { path: paths.asc, format: "asc" },
    ]);
    kernel.addReader(recorder);
    recorder.tap(bus, "vcan0");
    const [a] = [bus.attach(), bus.attach()];
    const times: number[] = [];
    bus.tap((_, time) => void times.push(time));
    a?.send(classic(0x12345678, 0xab, 0xcd));
    a?.send({ id: 7, data: new Uint8Array(12), fd: true });
    await after(10);
    const counts = await recorder.close();
    expect(counts.map(({ records }) => records)).toEqual([2, 2, 2]);
    const stamp = (i: number) => ((times[i] ?? 0) / 1e6).toFixed(6);
    expect(readFileSync(paths.log, "utf8")).toBe(
      `(${stamp(0)}) vcan0 00000007##1${"00".repeat(12)}\n(${stamp(1)}) vcan0 12345678#ABCD\n`,
    );
    await convertTrace(paths.pcap, file("back.log"));
    await convertTrace(paths.asc, file("asc.log"));
    const names = (text: string) => text.replaceAll("vcan0", "can0").replaceAll(" R\n", "\n");
    const expected = names(readFileSync(paths.log, "utf8"));
    expect(readFileSync(file("back.log"), "utf8")).toBe(expected);
    expect(names(readFileSync(file("asc.log"), "utf8"))).toBe(expected);
  });

  it("writes the errors of the wire, and what one controller saw of them", async () => {
    const { bus, after } = simulation(CLASSIC);
    const wire = await BusRecorder.open([{ path: file("wire.log"), format: "candump" }]);
    const node = await BusRecorder.open([{ path: file("node.log"), format: "candump" }]);
    wire.tap(bus, "vcan0");
    const sender = bus.attach();
    bus.attach();
    node.listen(sender, "can0");
    let spoilt = 0;
    bus.disturb(() => {
      spoilt += 1;
      return spoilt > 1 ? undefined : { bit: 30 };
    });
    sender.send(classic(5, 1));
    await after(10);
    await Promise.all([wire.close(), node.close()]);
    const frames = (name: string) =>
      readFileSync(file(name), "utf8")
        .replaceAll(/^\(.*?\) /gm, "")
        .trimEnd()
        .split("\n");
    const [bitError, ownBitError] = ["20000088#0000010000000000", "20000088#0000810000000000"];
    expect(frames("wire.log")).toEqual([`vcan0 ${bitError}`, "vcan0 00000005#01"]);
    expect(frames("node.log")).toEqual([`can0 ${ownBitError}`, "can0 00000005#01 T"]);
  });

  it("holds time while the disk is behind, so that what waits stays bounded", async () => {
    const { kernel } = simulation();
    const recorder = await BusRecorder.open([{ path: file("held.log"), format: "candump" }]);
    kernel.addReader(recorder);
    let steps = 0;
    const step = () => {
      steps += 1;
      for (let i = 0; i < 1000; i += 1) recorder.record(LONG);
      if (steps < 50) kernel.atMicros(kernel.nowMicros() + 1, step);
    };
    kernel.atMicros(START_MICROS, step);
    await kernel.run({ until: millis(START + 1) });
    expect(await recorder.close()).toMatchObject([{ records: 50_000, dropped: 0 }]);
  });

  it("drops and counts what a bus that cannot wait brings too fast", async () => {
    const trace = await TraceFile.open(file("flood.log"), "candump");
    for (let i = 0; i < 60_000; i += 1) trace.write(LONG);
    const { records, dropped } = await trace.close();
    expect(records + dropped).toBe(60_000);
    expect(dropped).toBeGreaterThan(0);
    expect(readFileSync(file("flood.log"), "latin1").split("\n")).toHaveLength(records + 1);
  });

  it("says which file cannot be written", async () => {
    const files = [
      { path: file("fine.log"), format: "candump" },
      { path: file("absent/run.pcap"), format: "pcap" },
    ] as const;
    await expect(BusRecorder.open(files)).rejects.toThrow("run.pcap cannot be written");
    const full = await TraceFile.open("/dev/full", "pcap");
    await expect(full.close()).rejects.toThrow("/dev/full is incomplete");
  });
});

const TRACE = `(1000.000000) can0 12345678#01
(1000.000250) can0 12345678##102
what is this
(1000.100000) can0 123#03
(1000.100000) can0 12345678#R
(1000.100000) can0 12345678##003
(1000.200000) can0 20000088#0000800000000000
(1000.200000) can0 20000040#0000000000000000
(1000.200000) can0 20000002#0000000000000000
(999.000000) can0 00000001#04
`;

describe("ReplayBus", () => {
  it("gives frames, errors and states at the trace's pace, and counts what it cannot", async () => {
    const { kernel, after } = simulation();
    const source = openTrace(file("trace.log", TRACE));
    const bus = new ReplayBus({ source, clock: kernel, info: FD, start: millis(START + 50) });
    kernel.addReader(bus);
    const seen: unknown[] = [];
    const see = (time: number, what: unknown) => {
      seen.push([time - START_MICROS - 50_000, what]);
    };
    bus.listen(
      listener({
        frame: ({ id, data, fd }, time) => see(time, { id, data: [...data], fd }),
        error: ({ kind, transmitting }, time) => see(time, { kind, transmitting }),
        state: (state, time) => see(time, state),
      }),
    );
    await after(1000);
    await bus.finished;
    expect(seen).toEqual([
      [0, { id: 0x12345678, data: [1], fd: false }],
      [250, { id: 0x12345678, data: [2], fd: true }],
      [200_000, { kind: "other", transmitting: true }],
      [200_000, "bus-off"],
      [200_000, { id: 1, data: [4], fd: false }],
    ]);
    expect(bus.state).toBe("bus-off");
    expect(bus.counts.played).toBe(5);
    expect(Object.fromEntries(bus.counts.leftOut)).toEqual({
      "standard identifier": 1,
      "remote frame": 1,
      "no bit-rate switch": 1,
      "error frame": 1,
    });
    expect(source.problems.first.map(({ place }) => place)).toEqual([3]);
  });

  it("never gives a frame before its time", async () => {
    const { kernel, after } = simulation();
    const trace = "(1.000000) can0 00000001#\n(1.000001) can0 00000001#\n";
    const source = openTrace(file("two.log", trace));
    const bus = new ReplayBus({ source, clock: kernel, info: FD });
    kernel.addReader(bus);
    const early: number[] = [];
    bus.listen(
      listener({ frame: (_, time) => void early.push(Math.max(0, time - kernel.nowMicros())) }),
    );
    await after(10);
    expect(early).toEqual([0, 0]);
  });

  it("takes no frame and says why", async () => {
    const { kernel } = simulation();
    const source = openTrace(file("none.log", ""));
    const bus = new ReplayBus({ source, clock: kernel, info: CLASSIC });
    expect(bus.send(classic(1))).toBe(false);
    expect(bus.refused).toBe(1);
    expect(bus.refusal).toContain("takes no frames");
    await bus.finished;
  });

  it("holds simulated time while it reads, one batch at a time", async () => {
    const { kernel, after } = simulation();
    let most = 0;
    let ahead = 0;
    async function* batches() {
      for (let i = 0; i < 50; i += 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        ahead += 1;
        most = Math.max(most, ahead);
        yield [record(i * 1_000_000)];
      }
    }
    const record = (time: number): TraceRecord => ({
      ...{ kind: "classic", time: micros(time), channel: "c", direction: undefined },
      ...{ id: 1, extended: true, dlc: 0, data: new Uint8Array() },
    });
    const { problems } = openTrace(file("none.log", ""));
    const source: TraceSource = { batches: batches(), problems };
    const bus = new ReplayBus({ source, clock: kernel, info: CLASSIC });
    kernel.addReader(bus);
    const times: number[] = [];
    bus.listen(
      listener({
        frame: (_, time) => {
          ahead -= 1;
          times.push((time - START_MICROS) / 1_000_000);
        },
      }),
    );
    await after(60_000);
    expect(times).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(most).toBe(1);
  });

  it("stops when closed, and ends with what reading threw", async () => {
    const { kernel, after } = simulation();
    const closed = new ReplayBus({
      source: openTrace(file("trace.log", TRACE)),
      clock: kernel,
      info: FD,
    });
    const frames: unknown[] = [];
    closed.listen(listener({ frame: (frame) => void frames.push(frame) }));
    closed.close();
    await after(1000);
    await closed.finished;
    expect(frames).toEqual([]);
    const source = openTrace(file("absent.log"));
    const absent = new ReplayBus({ source, clock: kernel, info: FD });
    await expect(absent.finished).rejects.toThrow(SimError);
  });
});

describe("sending a trace", () => {
  it("puts on the bus what that can carry, waits for mailboxes, and counts the rest", async () => {
    const { kernel, bus, after } = simulation(CLASSIC);
    const burst = Array.from(
      { length: 50 },
      (_, i) => `(5.000000) can0 ${(i + 1).toString(16).padStart(8, "0")}#${"AA".repeat(8)}\n`,
    );
    const source = openTrace(file("burst.log", TRACE.replace(/^/, burst.join(""))));
    const got: number[] = [];
    bus.attach().listen(listener({ frame: ({ id }) => void got.push(id) }));
    const sending = sendTrace(bus.attach({ name: "recording", mailboxes: 2 }), {
      source,
      clock: kernel,
    });
    kernel.addReader(sending);
    await after(1_000_000);
    await sending.finished;
    expect(got).toHaveLength(52);
    expect(got.slice(0, 50).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    expect(sending.counts.played).toBe(52);
    expect(Object.fromEntries(sending.counts.leftOut)).toEqual({
      "FD frame on a classic bus": 1,
      "standard identifier": 1,
      "remote frame": 1,
      "no bit-rate switch": 1,
      "error frame": 3,
    });
  });
});

describe("converting", () => {
  const car = recordedFile("can/car-8s.candump.log");
  it.skipIf(!car.present)(
    "a recorded car to pcap and back gives the same bytes (skipped where ../shared/data is absent)",
    async () => {
      const there = await convertTrace(car.url.pathname, file("car.pcap"));
      expect(there).toMatchObject({ records: 12_974, leftOut: 0, dropped: 0 });
      expect(there.problems.count).toBe(0);
      await convertTrace(file("car.pcap"), file("car.log"));
      const original = readFileSync(car.url, "utf8").replaceAll("vcan0", "can0");
      expect(readFileSync(file("car.log"), "utf8") === original).toBe(true);
    },
  );

  it("counts what was malformed and what the format cannot hold", async () => {
    const counts = await convertTrace(file("trace.log", TRACE), file("trace.asc"));
    expect(counts).toMatchObject({ records: 8, leftOut: 1, dropped: 0 });
    expect(counts.problems.first).toMatchObject([{ place: 3 }]);
  });

  it("counts what it keeps no place for, and writes nothing where nothing was usable", async () => {
    const lines = ["(1.0) can0 123#11", "(1.1) can1 123#11 R", "(1.2) vcan0 123#11 T"].join("\n");
    const { records, lost } = await convertTrace(
      file("names.log", `${lines}\n`),
      file("names.pcap"),
    );
    expect(records).toBe(3);
    expect(Object.fromEntries(lost)).toEqual({ "interface name": 2, direction: 2 });
    const kept = file("kept-too.asc", "kept");
    const none = await convertTrace(file("junk.log", "no\nsuch\nthing\n"), kept);
    expect(none).toMatchObject({ records: 0, leftOut: 0 });
    expect(none.problems.count).toBe(3);
    expect(readFileSync(kept, "utf8")).toBe("kept");
  });

  it("refuses unknown endings and a file onto itself, and leaves the output when there is no input", async () => {
    const kept = file("kept.log", "kept");
    await expect(convertTrace(kept, file("kept.blf"))).rejects.toThrow(".log (candump)");
    await expect(convertTrace(kept, kept)).rejects.toThrow("one file");
    await expect(convertTrace(file("absent.asc"), kept)).rejects.toThrow("absent.asc");
    await expect(convertTrace(file("text.pcap", "x".repeat(99)), kept)).rejects.toThrow("pcap");
    expect(readFileSync(kept, "utf8")).toBe("kept");
  });

  it("makes an empty trace of an empty one", async () => {
    await convertTrace(file("none.log", ""), file("none.pcap"));
    await convertTrace(file("none.pcap"), file("none.log"));
    expect(readFileSync(file("none.pcap"))).toHaveLength(24);
    expect(readFileSync(file("none.log"))).toHaveLength(0);
  });
});
