import { expect, it } from "vitest";
import { TestClock } from "../fleet.fixture.js";
import { WorkQueue } from "./queue.js";

it("repeats what failed by halves, in its order, and takes whole groups again when they get through", async () => {
  const clock = new TestClock();
  const groups: number[][] = [];
  let most = 2;
  const queue = new WorkQueue<number>({
    clock,
    groupMs: 10,
    groupSize: 8,
    work: async (group) => {
      groups.push([...group]);
      return group.length > most ? "again" : "done";
    },
  });
  for (let i = 0; i < 8; i += 1) queue.push(i);
  await clock.advance(0);
  await clock.advance(1000);
  expect(groups).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [0, 1, 2, 3],
  ]);
  await clock.advance(2000);
  expect(groups.slice(2)).toEqual([
    [0, 1],
    [2, 3, 4, 5],
  ]);
  most = 8;
  await clock.advance(1000);
  expect(groups.slice(4)).toEqual([
    [2, 3],
    [4, 5, 6, 7],
  ]);
});
