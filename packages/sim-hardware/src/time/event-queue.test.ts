import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventQueue } from "./event-queue.js";

function drain(queue: EventQueue): void {
  while (queue.nextTime !== Number.POSITIVE_INFINITY) queue.take()();
}

describe("EventQueue", () => {
  it("runs what is left after cancellations in the order of (time, insertion)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ time: fc.nat(20), cancelled: fc.boolean() }), { maxLength: 400 }),
        (events) => {
          const queue = new EventQueue();
          const ran: number[] = [];
          const cancels = events.map(({ time }, i) => queue.schedule(time, () => void ran.push(i)));
          events.forEach(({ cancelled }, i) => {
            if (cancelled) cancels[i]!();
          });
          const expected = events
            .map((event, i) => ({ ...event, i }))
            .filter(({ cancelled }) => !cancelled)
            .sort((a, b) => a.time - b.time || a.i - b.i)
            .map(({ i }) => i);
          expect(queue.size).toBe(expected.length);
          drain(queue);
          expect(ran).toEqual(expected);
        },
      ),
    );
  });

  it("does not hoard cancelled tasks", () => {
    const queue = new EventQueue();
    queue.schedule(1, () => {});
    for (let i = 0; i < 10_000; i += 1) queue.schedule(1_000_000 + i, () => {})();
    expect(queue.size).toBe(1);
    expect(queue.nextTime).toBe(1);
  });

  it("takes a cancellation after the task ran as nothing", () => {
    const queue = new EventQueue();
    const cancel = queue.schedule(1, () => {});
    queue.schedule(2, () => {});
    queue.take()();
    cancel();
    cancel();
    expect(queue.size).toBe(1);
  });
});
