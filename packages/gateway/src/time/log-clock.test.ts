import { micros, millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HandClock, HandTimeSource, START } from "../clock.fixture.js";
import { ClockWatch } from "./clock-watch.js";
import { LogClock } from "./log-clock.js";

const HOUR = 3_600_000;

describe("the log's clock", () => {
  it("is the machine's UTC, and dates steady time by it", () => {
    const steady = new HandClock();
    const clock = new LogClock(steady, millis(START + 7));
    steady.advance(100);
    expect(clock.now()).toBe(START + 107);
    expect(clock.dated(micros(1000 * START + 5))).toBe(1000 * (START + 7) + 5);
    clock.step(HOUR);
    expect(clock.now()).toBe(START + 107 + HOUR);
    expect(clock.dated(micros(1000 * START))).toBe(1000 * (START + 7 + HOUR));
  });

  it("stands still after a step backwards until UTC has caught up, and dates nothing meanwhile", () => {
    const steady = new HandClock();
    const clock = new LogClock(steady, START);
    clock.step(-HOUR);
    expect(clock.heldUntil).toBe(START);
    steady.advance(HOUR - 1);
    expect([clock.now(), clock.dated(micros(0)), clock.heldUntil]).toEqual([
      START,
      undefined,
      START,
    ]);
    steady.advance(1);
    expect([clock.now(), clock.heldUntil]).toEqual([START, undefined]);
    steady.advance(1);
    expect(clock.now()).toBe(START + 1);
  });

  it("goes on after the log's last entry where UTC has fallen behind it, as after a start without a time source", () => {
    const steady = new HandClock();
    const clock = new LogClock(steady, millis(0));
    clock.notBefore(START);
    expect([clock.now(), clock.heldUntil]).toEqual([START, START]);
    clock.step(START + 5000);
    expect([clock.now(), clock.heldUntil]).toEqual([START + 5000, undefined]);
  });

  it("runs what is due when it is due, however it was set meanwhile", () => {
    const steady = new HandClock();
    const clock = new LogClock(steady, START);
    const ran: string[] = [];
    const at = (name: string, ms: number) =>
      clock.at(millis(START + ms), () => void ran.push(`${name} ${steady.now() - START}`));
    at("soon", 1000);
    at("later", HOUR);
    const cancel = at("never", 2000);
    cancel();
    clock.step(-500);
    steady.advance(1499);
    expect(ran).toEqual([]);
    steady.advance(1);
    expect(ran).toEqual(["soon 1500"]);
    clock.step(2 * HOUR);
    at("passed", 0);
    expect(ran).toHaveLength(1);
    steady.advance(0);
    expect(ran.toSorted()).toEqual(["later 1500", "passed 1500", "soon 1500"]);
  });

  it("never goes back, whatever UTC does", () => {
    const move = fc.record({ ms: fc.integer({ min: -HOUR, max: HOUR }), kind: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 50 }), (moves) => {
        const steady = new HandClock();
        const clock = new LogClock(steady, START);
        let latest = clock.now();
        for (const { ms, kind } of moves) {
          if (kind === 0) steady.advance(Math.abs(ms));
          else if (kind === 1) clock.step(ms);
          else clock.slew(Math.round(ms / 3700));
          const now = clock.now();
          expect(now).toBeGreaterThanOrEqual(latest);
          latest = now;
          const reading = clock.dated(micros(1000 * steady.now()));
          expect(reading === undefined).toBe(clock.heldUntil !== undefined);
          expect(reading ?? 0).toBeLessThanOrEqual(1000 * now);
        }
      }),
    );
  });
});

describe("the watch on the machine's UTC", () => {
  function watched() {
    const steady = new HandClock();
    const source = new HandTimeSource(steady);
    const clock = new LogClock(steady, source.utc());
    const told: string[] = [];
    const watch = new ClockWatch({
      steady,
      source,
      clock,
      inTurn: (change) => change(),
      stepping: () => void told.push(`stepping at ${clock.now() - START}`),
      changed: ({ sync, step }) => void told.push(`${sync} ${step} at ${clock.now() - START}`),
    });
    watch.start();
    return { steady, source, clock, told, watch };
  }

  it("tells of a step when its source does, before and after it", () => {
    const { steady, source, told } = watched();
    steady.advance(500);
    source.step(HOUR);
    source.step(-2 * HOUR);
    expect(told).toEqual([
      "stepping at 500",
      `synchronised ${HOUR} at ${HOUR + 500}`,
      `stepping at ${HOUR + 500}`,
      `synchronised ${-2 * HOUR} at ${HOUR + 500}`,
    ]);
  });

  it("finds a step that nobody told of within a minute", () => {
    const { steady, source, told } = watched();
    source.drift(-1000);
    steady.advance(59_999);
    expect(told).toEqual([]);
    steady.advance(1);
    expect(told).toEqual(["stepping at 60000", "synchronised -1000 at 60000"]);
  });

  it("follows what is less than a second without a word, over any time", () => {
    const { steady, source, told, clock } = watched();
    for (let minute = 0; minute < 60; minute += 1) {
      source.drift(-999);
      steady.advance(60_000);
      expect(clock.utc).toBe(source.utc());
    }
    expect(told).toEqual([]);
    expect(clock.now() - source.utc()).toBe(0);
  });

  it("tells when the source's standing changes, once", () => {
    const { steady, source, told, watch } = watched();
    source.sync(false);
    source.tell();
    steady.advance(120_000);
    source.sync(true);
    watch.stop();
    source.sync(false);
    source.step(HOUR);
    steady.advance(120_000);
    expect(told).toEqual(["unsynchronised 0 at 0", "synchronised 0 at 120000"]);
  });
});
