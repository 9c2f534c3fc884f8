import { moduleUid, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import {
  type CanFrame,
  type ClearMessage,
  crc32,
  encodeClear,
  LAST_LOG_FRAME,
  type LegacyPackEffect,
} from "../index.js";
import { A, Answers, PackBench, together } from "./legacy-pack.fixture.js";

const data = Uint8Array.from({ length: 1024 }, (_, i) => (7 * i + (i >> 3)) & 0xff);
/** By zlib. */
const CRC = 0xb206cad9;

interface Flaws {
  readonly counter?: number;
  readonly segments?: number;
  readonly crc?: number;
  readonly without?: readonly number[];
  readonly order?: (frames: CanFrame[]) => CanFrame[];
  readonly end?: boolean;
}

function logFrame(flaws: Flaws = {}): CanFrame[] {
  const { counter = 7, segments = 129, crc = CRC, without = [], end = true } = flaws;
  const address = 2;
  const body = Array.from({ length: 128 }, (_, sequence) => {
    const view = new DataView(data.buffer, 8 * sequence, 8);
    const values = { low: view.getUint32(0, true), high: view.getUint32(4, true) };
    return encodeClear("frameData", values, { address, sequence });
  }).filter((_, i) => !without.includes(i));
  const frames = flaws.order === undefined ? body : flaws.order(body);
  const start = encodeClear("frameStart", { counter, segments }, { address });
  return [start, ...frames, ...(end ? [encodeClear("frameEnd", { crc }, { address })] : [])];
}

/** A registered module that answers each request for a log frame with the next of `answers`. */
function asked(counter: number, ...answers: (readonly CanFrame[])[]) {
  const module = new Answers(A);
  const bench = new PackBench();
  const rest = [...answers];
  const log = (sent: ClearMessage) =>
    sent.name === "frameRequest" ? (rest.shift() ?? []) : ([] as CanFrame[]);
  const others = together(module);
  bench.answer = (sent, frame) => [...others(sent, frame), ...log(sent)];
  bench.do({ kind: "open" });
  bench.run(500);
  bench.forget();
  bench.do({ kind: "log-frame", uid: A, counter });
  bench.run(10_000);
  return bench;
}

const failures = (bench: PackBench) =>
  bench.of("event").flatMap(({ event }) => (event.kind === "transfer-failed" ? [event] : []));

describe("CRC-32", () => {
  it("has the check value of IEEE 802.3, and zlib's", () => {
    expect(crc32(utf8("123456789"))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
    expect(crc32(data)).toBe(CRC);
  });
});

describe("a log frame", () => {
  it("comes whole, and says that nobody vouches for it", () => {
    const bench = asked(7, logFrame());
    expect(bench.sent("frameRequest").map(({ values }) => values.counter)).toEqual([7]);
    expect(bench.of("log-frame")).toEqual([
      { kind: "log-frame", uid: A, slot: 2, authenticated: false, counter: 7, data },
    ]);
    expect(bench.of("reading").length).toBeGreaterThan(50);
  });

  it("may come in any order, twice, and with a count of the data alone", () => {
    const shuffled = logFrame({
      order: (frames) => [...frames.toReversed(), ...frames.slice(5, 9)],
    });
    expect(asked(7, shuffled).of("log-frame")).toHaveLength(1);
    expect(asked(7, logFrame({ segments: 128 })).of("log-frame")).toHaveLength(1);
  });

  it("asked for as the last one tells which it is, and is asked for again as that", () => {
    const bench = asked(
      LAST_LOG_FRAME,
      logFrame({ counter: 41, crc: 1 }),
      logFrame({ counter: 41 }),
    );
    expect(bench.sent("frameRequest").map(({ values }) => values.counter)).toEqual([
      LAST_LOG_FRAME,
      41,
    ]);
    expect(bench.of("log-frame")[0]).toMatchObject({ counter: 41, data });
  });

  it.each([
    ["crc", logFrame({ crc: CRC - 1 })],
    ["segments", logFrame({ without: [3, 77] })],
    ["start", logFrame({ counter: 8 })],
    ["start", logFrame({ segments: 127 })],
    ["timeout", logFrame({ end: false })],
    ["timeout", []],
  ] as const)("that goes wrong (%s) is asked for three times, then reported", (reason, frames) => {
    const once = asked(7, frames, logFrame());
    expect(once.of("log-frame")).toHaveLength(1);
    const never = asked(7, frames, frames, frames, logFrame());
    expect(never.sent("frameRequest")).toHaveLength(3);
    expect(never.of("log-frame")).toEqual([]);
    expect(failures(never)).toEqual([{ kind: "transfer-failed", uid: A, counter: 7, reason }]);
  });

  it("is refused while another one comes, and of a module that is not registered", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    bench.do({ kind: "log-frame", uid: A, counter: 7 });
    expect(failures(bench)).toHaveLength(1);
    const busy = asked(7, logFrame({ end: false }));
    busy.do({ kind: "log-frame", uid: A, counter: 1 });
    busy.do({ kind: "log-frame", uid: A, counter: 2 });
    expect(failures(busy).map(({ counter, reason }) => [counter, reason])).toContainEqual([
      2,
      "refused",
    ]);
  });

  it("that nobody asked for is let pass", () => {
    const bench = asked(7, logFrame());
    bench.forget();
    for (const frame of logFrame()) bench.do({ kind: "frame", frame });
    expect(bench.of("log-frame")).toEqual([]);
  });
});

describe("cells", () => {
  const detail = (cell: number, cells = 94) =>
    encodeClear(
      "cellDetail",
      { cell, cells, temperature: 21.93, voltage: 3.725, soc: 50, soh: 98 },
      { address: 2 },
    );

  function round(answer: (cell: number, request: number) => readonly CanFrame[]) {
    const module = new Answers(A);
    const bench = new PackBench({ modules: [{ uid: A }, { uid: moduleUid("0a0b0000000000ff") }] });
    let requests = 0;
    bench.answer = (sent, frame) => {
      if (sent.name !== "detailRequest") return module.to(sent, frame);
      requests += 1;
      return answer(sent.values.cell, requests);
    };
    bench.do({ kind: "open" });
    bench.run(500);
    bench.forget();
    bench.do({ kind: "cells", uid: A });
    bench.run(60_000);
    return bench;
  }
  const told = (bench: PackBench) => bench.of("cell").map(({ cell }) => cell.cell);
  const end = (bench: PackBench): LegacyPackEffect | undefined => bench.of("cells")[0];

  it("are asked for one by one with a length of 3, as fast as they come", () => {
    const bench = round((cell) => [detail(cell)]);
    expect(told(bench)).toEqual(Array.from({ length: 94 }, (_, i) => i));
    expect(bench.sent("detailRequest").every(({ dlc }) => dlc === 3)).toBe(true);
    expect(bench.sent("detailRequest").at(-1)!.at).toBeLessThan(2000);
    expect(end(bench)).toMatchObject({ told: 94, missing: 0, authenticated: false });
  });

  it("come erratically from firmware in the field: unasked, twice, beyond the last, or not at all", () => {
    const bench = round((cell, request) =>
      request % 3 === 0 ? [] : [detail((cell * 37) % 94), detail(cell), detail(200), detail(0)],
    );
    expect(new Set(told(bench))).toEqual(new Set(Array.from({ length: 94 }, (_, i) => i)));
    expect(end(bench)).toMatchObject({ told: 94, missing: 0 });
  });

  it("that never come end the round", () => {
    const bench = round((cell) => (cell === 17 ? [] : [detail(cell)]));
    expect(end(bench)).toMatchObject({ told: 93, missing: 1 });
    expect(bench.sent("detailRequest").length).toBeLessThanOrEqual(2 * 94 + 8);
    expect(round(() => []).of("cells")).toHaveLength(1);
  });
});
