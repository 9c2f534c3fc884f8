import { millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { START, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { ModuleClock } from "./module-clock.js";

describe("ModuleClock", () => {
  it("is simulated time until it drifts, keeps what it gained, and fires tasks by its own time", async () => {
    const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
    const clock = new ModuleClock(kernel);
    const run = (ms: number) => kernel.run({ until: millis(kernel.now() + ms) });
    await run(1000);
    expect(clock.now()).toBe(kernel.now());
    clock.drift(10_000);
    await run(10_000);
    expect(clock.now() - kernel.now()).toBe(100);
    clock.drift(-5000);
    await run(10_000);
    expect(clock.now() - kernel.now()).toBe(50);
    clock.drift(0);
    let fired = 0;
    clock.at(millis(clock.now() + 2000), () => {
      fired = kernel.now();
    });
    const from = kernel.now();
    await run(5000);
    expect(fired - from).toBe(2000);
    expect(clock.now() - kernel.now()).toBe(50);
  });

  it("fires at the asked millisecond of its own time, whatever the drift, and never runs back", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            ppm: fc.integer({ min: -500_000, max: 500_000 }),
            wait: fc.integer({ min: 1, max: 5000 }),
          }),
          { maxLength: 8 },
        ),
        async (steps) => {
          const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
          const clock = new ModuleClock(kernel);
          let before = clock.now();
          for (const { ppm, wait } of steps) {
            clock.drift(ppm);
            expect(clock.now()).toBeGreaterThanOrEqual(before);
            const due = millis(clock.now() + wait);
            let fired: number | undefined;
            clock.at(due, () => {
              fired = clock.now();
            });
            await kernel.run({ until: millis(kernel.now() + 3 * wait + 2) });
            expect(fired).toBe(due);
            before = clock.now();
          }
        },
      ),
    );
  });
});
