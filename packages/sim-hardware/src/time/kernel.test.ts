import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { START, START_MICROS, turns, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "./kernel.js";

function kernelOn(wall = new VirtualWall()) {
  return { kernel: new SimKernel({ start: START, wall }), wall };
}

describe("SimKernel: order", () => {
  it("runs events by time, then by insertion, each at its own time", async () => {
    const { kernel } = kernelOn();
    const ran: string[] = [];
    const note = (name: string) => () =>
      void ran.push(`${name}@${kernel.nowMicros() - START_MICROS}`);
    kernel.atMicros(START_MICROS + 1500, note("b"));
    kernel.at(millis(START + 1), note("a"));
    kernel.atMicros(START_MICROS + 1500, note("c"));
    kernel.atMicros(START_MICROS + 1000, note("a2"));
    await kernel.run({ until: millis(START + 10) });
    expect(ran).toEqual(["a@1000", "a2@1000", "b@1500", "c@1500"]);
    expect(kernel.now()).toBe(START + 10);
  });

  it("gives whole milliseconds that have been reached", async () => {
    const { kernel } = kernelOn();
    let seen = 0;
    kernel.atMicros(START_MICROS + 1999, () => {
      seen = kernel.now();
    });
    await kernel.run({ until: millis(START + 10) });
    expect(seen).toBe(START + 1);
  });

  it("runs a task for a past time at once, but not before at() has returned", async () => {
    const { kernel } = kernelOn();
    const ran: string[] = [];
    kernel.at(millis(START + 5), () => {
      kernel.at(START, () => void ran.push("late"));
      ran.push("scheduled");
    });
    await kernel.run({ until: millis(START + 5) });
    expect(ran).toEqual(["scheduled", "late"]);
  });

  it("runs events due at `until` and leaves later ones for the next run", async () => {
    const { kernel } = kernelOn();
    const ran: number[] = [];
    for (const ms of [9, 10, 11]) kernel.at(millis(START + ms), () => void ran.push(ms));
    await kernel.run({ until: millis(START + 10) });
    expect(ran).toEqual([9, 10]);
    await kernel.run({ until: millis(START + 20) });
    expect(ran).toEqual([9, 10, 11]);
  });

  it("does not run a cancelled task", async () => {
    const { kernel } = kernelOn();
    const cancel = kernel.at(millis(START + 1), () => expect.unreachable());
    cancel();
    await kernel.run({ until: millis(START + 2) });
  });

  it("ends run() with what a task throws, and can run on", async () => {
    const { kernel } = kernelOn();
    kernel.at(millis(START + 1), () => {
      throw new Error("broken task");
    });
    await expect(kernel.run({ until: millis(START + 2) })).rejects.toThrow("broken task");
    await kernel.run({ until: millis(START + 2) });
    expect(kernel.now()).toBe(START + 2);
  });

  it("refuses a second run() and a speed that is not above 0", async () => {
    const { kernel } = kernelOn();
    const first = kernel.run();
    await expect(kernel.run()).rejects.toMatchObject({ code: "already-running" });
    kernel.stop();
    await first;
    await expect(kernel.run({ speed: 0 })).rejects.toMatchObject({ code: "configuration" });
  });
});

describe("SimKernel: pace", () => {
  it.each([1, 30, 400])("keeps speed %i as a ceiling and says what it reached", async (speed) => {
    const { kernel, wall } = kernelOn();
    let ahead = 0;
    const tick = () => {
      const simulated = kernel.now() - START;
      ahead = Math.max(ahead, simulated - wall.time * speed);
      kernel.at(millis(kernel.now() + 7), tick);
    };
    tick();
    await kernel.run({ until: millis(START + 60_000), speed });
    expect(ahead).toBeLessThanOrEqual(0);
    expect(kernel.speed.requested).toBe(speed);
    expect(kernel.speed.reached).toBeLessThanOrEqual(speed);
    expect(kernel.speed.reached).toBeGreaterThan(0.95 * speed);
  });

  it("follows the wall between events that lie far apart", async () => {
    const { kernel, wall } = kernelOn();
    await kernel.run({ until: millis(START + 1000), speed: 1 });
    expect(wall.sleeps.length).toBeGreaterThan(10);
  });

  it("does not sleep when it runs free", async () => {
    const { kernel, wall } = kernelOn();
    kernel.at(millis(START + 3_600_000), () => {});
    await kernel.run({ until: millis(START + 7_200_000) });
    expect(wall.sleeps).toEqual([]);
  });

  it("does not make up for wall time that was lost", async () => {
    const { kernel, wall } = kernelOn();
    const times: number[] = [];
    for (let i = 1; i <= 100; i += 1) {
      kernel.at(millis(START + 10 * i), () => {
        if (i === 50) wall.time += 5000;
        times.push(wall.time);
      });
    }
    await kernel.run({ until: millis(START + 1000), speed: 1 });
    // 500 ms of simulated time after the loss take 500 ms less the slack.
    expect(times[99]! - times[49]!).toBeGreaterThan(400);
  });
});

describe("SimKernel: readers", () => {
  it("holds time while a reader is busy, and asks it again before moving on", async () => {
    const { kernel } = kernelOn();
    const ran: number[] = [];
    for (const ms of [1, 2, 3]) kernel.at(millis(START + ms), () => void ran.push(ms));
    let release = () => {};
    let busy: Promise<void> | undefined;
    kernel.addReader({
      ready(next) {
        if (next < START_MICROS + 2000 || busy === null) return undefined;
        return busy;
      },
    });
    busy = new Promise((resolve) => {
      release = () => {
        busy = undefined;
        resolve();
      };
    });
    const run = kernel.run({ until: millis(START + 3) });
    await turns(1);
    expect(ran).toEqual([1]);
    expect(kernel.now()).toBe(START + 1);
    release();
    await run;
    expect(ran).toEqual([1, 2, 3]);
  });

  it("asks with the time it wants to move to, never the same step twice once granted", async () => {
    const { kernel } = kernelOn();
    const asked: number[] = [];
    kernel.addReader({
      ready(next) {
        asked.push(next - START_MICROS);
        return undefined;
      },
    });
    for (const us of [10, 10, 25]) kernel.atMicros(START_MICROS + us, () => {});
    await kernel.run({ until: millis(START + 1) });
    expect(asked).toEqual([10, 25, 1000]);
  });

  it("goes on when the busy reader leaves, and stops while it is busy", async () => {
    const { kernel } = kernelOn();
    const leave = kernel.addReader({ ready: () => new Promise<void>(() => {}) });
    const run = kernel.run({ until: millis(START + 3) });
    await turns(1);
    leave();
    await run;
    expect(kernel.now()).toBe(START + 3);

    kernel.addReader({ ready: () => new Promise<void>(() => {}) });
    const held = kernel.run({ until: millis(START + 6) });
    await turns(1);
    kernel.stop();
    await held;
    expect(kernel.now()).toBe(START + 3);
  });

  it("wakes for what is scheduled from outside while nothing is due", async () => {
    const { kernel } = kernelOn();
    const run = kernel.run();
    await turns(1);
    const ran = new Promise<number>((resolve) => {
      kernel.at(millis(START + 5), () => resolve(kernel.now()));
    });
    expect(await ran).toBe(START + 5);
    kernel.stop();
    await run;
  });
});
