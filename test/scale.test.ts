/** The queues of `npm run scale` against what queueing theory says of them, and docs/scale.md against its output. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EventQueue } from "../bench/lib/event-queue.mjs";
import { Simulation } from "../bench/scale/simulation.mjs";
import { Station } from "../bench/scale/station.mjs";
import { scaleTables } from "../bench/scale/tables.mjs";

const SERVICE_MS = 10;

/** Mean time in the queue, ms, of `jobs` that come by chance (Poisson), at so much of what the servers can do. */
function meanWait(of: {
  readonly servers: number;
  readonly load: number;
  readonly service: "exponential" | "constant";
  readonly jobs: number;
}): number {
  const simulation = new Simulation(7);
  const station = new Station<number>(simulation, {
    servers: of.servers,
    serviceMs: ([ms = 0]) => ms,
  });
  let [waited, left] = [0, of.jobs];
  const arrive = () => {
    const came = simulation.now;
    const ms = of.service === "constant" ? SERVICE_MS : simulation.exponential(SERVICE_MS);
    station.submit(ms, () => {
      waited += simulation.now - came - ms;
    });
    left -= 1;
    if (left > 0)
      simulation.after(simulation.exponential(SERVICE_MS / (of.load * of.servers)), arrive);
  };
  arrive();
  simulation.run();
  return waited / of.jobs;
}

/** Erlang C: the share of arrivals that find every server busy. */
function erlangC(servers: number, load: number): number {
  const offered = servers * load;
  let [term, sum] = [1, 1];
  for (let k = 1; k < servers; k += 1) {
    term *= offered / k;
    sum += term;
  }
  const last = ((term * offered) / servers) * (1 / (1 - load));
  return last / (sum + last);
}

describe("a station", () => {
  it.each([
    { servers: 1, load: 0.5 },
    { servers: 1, load: 0.8 },
    { servers: 3, load: 0.7 },
    { servers: 8, load: 0.9 },
  ])("M/M/$servers at $load of its capacity waits as Erlang's formula says", (shape) => {
    const { servers, load } = shape;
    const expected = (erlangC(servers, load) * SERVICE_MS) / (servers * (1 - load));
    const seen = meanWait({ ...shape, service: "exponential", jobs: 400_000 });
    expect(seen / expected).toBeGreaterThan(0.95);
    expect(seen / expected).toBeLessThan(1.05);
  });

  it.each([0.5, 0.8, 0.9])(
    "M/D/1 at %f of its capacity waits as Pollaczek and Khinchine say",
    (load) => {
      const expected = (load * SERVICE_MS) / (2 * (1 - load));
      const seen = meanWait({ servers: 1, load, service: "constant", jobs: 400_000 });
      expect(seen / expected).toBeGreaterThan(0.95);
      expect(seen / expected).toBeLessThan(1.05);
    },
  );
});

describe("a station that takes groups", () => {
  const SHAPE = {
    groupSize: 4,
    groupMs: 20,
    serviceMs: (group: readonly number[]) => 100 + group.length,
  };

  it("waits for company, and not when a group is full", () => {
    const simulation = new Simulation(1);
    const done: number[] = [];
    const station = new Station<number>(simulation, SHAPE);
    const give = (at: number, jobs: number) =>
      simulation.after(at, () => {
        for (let i = 0; i < jobs; i += 1) station.submit(i, () => void done.push(simulation.now));
      });
    give(0, 2);
    give(1_000, 4);
    simulation.run();
    expect(done).toEqual([122, 122, 1_104, 1_104, 1_104, 1_104]);
  });

  it("takes what came meanwhile in groups of the largest size, in its order", () => {
    const simulation = new Simulation(1);
    const done: [number, number][] = [];
    const station = new Station<number>(simulation, SHAPE);
    for (let i = 0; i < 10; i += 1) station.submit(i, () => void done.push([i, simulation.now]));
    simulation.run();
    expect(done.map(([i]) => i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(done.map(([, at]) => at)).toEqual([104, 104, 104, 104, 208, 208, 208, 208, 310, 310]);
    expect(station.busyMs).toBe(310);
  });

  it("begins nothing in a pause, and loses nothing by it", () => {
    const simulation = new Simulation(1);
    const done: number[] = [];
    const station = new Station<number>(simulation, { serviceMs: () => 10 });
    station.pause(5, 1_000);
    for (let i = 0; i < 3; i += 1) station.submit(i, () => void done.push(simulation.now));
    simulation.run();
    expect(done).toEqual([10, 1_015, 1_025]);
  });
});

describe("the queue of events", () => {
  it("gives them by their times, and of the same time the first", () => {
    const simulation = new Simulation(3);
    const queue = new EventQueue<number>();
    const times = Array.from({ length: 2_000 }, () => Math.floor(300 * simulation.uniform()));
    for (const [i, time] of times.entries()) queue.push(time, i);
    const sorted = times.map((time, i) => ({ time, value: i })).sort((a, b) => a.time - b.time);
    const taken = times.map(() => queue.pop());
    expect(taken).toMatchObject(sorted);
    expect(queue.pop()).toBeUndefined();
  });
});

describe("npm run scale", () => {
  it("prints the tables of docs/scale.md", () => {
    const page = readFileSync(new URL("../docs/scale.md", import.meta.url), "utf8");
    const tables = scaleTables().split(/(?=^### )/m);
    expect(tables.length).toBeGreaterThan(4);
    for (const table of tables) expect(page).toContain(table);
  }, 300_000);
});
