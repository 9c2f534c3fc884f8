import { silentLogger } from "@wattseal/base";
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { leafHash, rootOf } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AUTHORITY, START } from "../fleet.fixture.js";
import { indicesIn } from "../query/bits.js";
import type { MemoryStore } from "../store/memory.fixture.js";
import { bench } from "../worker/bench.fixture.js";
import { FOLD_VERSION } from "./growth.js";
import { History, MODULES } from "./history.fixture.js";
import { FoldKeeper } from "./keeper.js";

const HOUR = 3_600_000;
const [ONE, TWO] = MODULES;

/** One thing after the other that happens to a pack. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant("minute" as const),
    module: fc.constantFrom(...MODULES),
    energy: fc.nat(5_000),
    byReadings: fc.option(fc.nat(500_000), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("window" as const) }),
  fc.record({ kind: fc.constant("pass" as const), minutes: fc.integer({ min: 1, max: 200 }) }),
  fc.record({
    kind: fc.constant("aggregate" as const),
    minutes: fc.constantFrom(1, 10, 60),
  }),
  fc.record({ kind: fc.constant("clocks" as const), count: fc.integer({ min: 1, max: 150 }) }),
  fc.record({
    kind: fc.constant("alarm" as const),
    alarm: fc.constantFrom("tag-failure", "lost", "shunt-missing"),
    count: fc.integer({ min: 1, max: 9 }),
    module: fc.option(fc.constantFrom(...MODULES), { nil: undefined }),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function happen(history: History, it: Step): void {
  if (it.kind === "minute") history.minute(it.module, it.energy, it.byReadings);
  else if (it.kind === "window") history.window();
  else if (it.kind === "aggregate") history.aggregate(it.minutes);
  else if (it.kind === "pass") history.pass(it.minutes);
  else if (it.kind === "clocks") history.clocks(it.count);
  else history.alarm(it.alarm, it.count, it.module);
}

/** Everything that queries are answered from. */
async function foldsOf(store: MemoryStore, { pack }: History) {
  const times = { pack: pack.name, from: 0, to: Number.MAX_SAFE_INTEGER };
  const marks: Record<string, number[]> = {};
  for (const key of ["energy.interval", "link.alarm", "ops.clock", "epoch.begin", ...MODULES]) {
    const found = await store.marks({
      keys: [key],
      pack: pack.name,
      from: undefined,
      limit: 9_999,
    });
    marks[key] = found.flatMap(indicesIn);
  }
  return {
    fold: await store.fold(pack.name),
    hours: await store.energy({ ...times, span: "hour" }),
    days: await store.energy({ ...times, span: "day" }),
    marks,
    subtrees: await store.subtrees(pack.name, 1, 0, 9_999),
  };
}

function keeperOf(store: MemoryStore, clock: Awaited<ReturnType<typeof bench>>["clock"]) {
  const authorityKeys = [AUTHORITY.publicKey];
  return new FoldKeeper({ store, authorityKeys, clock, logger: silentLogger });
}

/** Said again, the plain way: of record, in the hour of its end, as what its window left it. */
function energyByHour(entries: readonly Entry[]) {
  const hours = new Map<string, number>();
  let open: [string, number][] = [];
  const add = (name: string, inward: number) => hours.set(name, (hours.get(name) ?? 0) + inward);
  for (const { type, body } of entries) {
    if (type === "energy.window") {
      for (const [name, inward] of open) add(name, inward);
      open = [];
    }
    if (type !== "energy.interval" && type !== "energy.gap") continue;
    const start = Math.floor((body.t1 - 1) / HOUR) * HOUR;
    const kind = type === "energy.gap" ? "gap" : body.verdict;
    if (kind === "consistent") open.push([`${start} ${kind}`, body.in]);
    else add(`${start} ${kind}`, body.in);
  }
  return new Map([...hours].filter(([, inward]) => inward > 0));
}

type Folds = Awaited<ReturnType<typeof foldsOf>>;

/** What was folded is what the entries say, read the plain way. */
function expectFolded(grown: Folds, history: History): void {
  const { pack } = history;
  const entries = pack.leaves.map((leaf) => decodeEntry(leaf));
  const sums = grown.hours.flatMap(({ start, energy }) =>
    Object.entries(energy).map(([kind, sum]) => [`${start} ${kind}`, sum.in] as const),
  );
  expect(new Map(sums.filter(([, inward]) => inward > 0))).toEqual(energyByHour(entries));
  for (const [key, indices] of Object.entries(grown.marks)) {
    const wanted = entries.flatMap(({ type, body }, i) =>
      type === key || ("module" in body && body.module === key) ? [i] : [],
    );
    expect(indices, key).toEqual(wanted);
  }
  const blocks = Math.floor(pack.size / 256);
  const roots = Array.from({ length: blocks }, (_, i) =>
    rootOf(pack.leaves.slice(256 * i, 256 * (i + 1)).map((leaf) => leafHash(leaf))),
  );
  expect(grown.subtrees).toEqual(roots);
  expect(grown.fold?.summary?.society).toEqual(history.society);
  const alarms: Record<string, number> = {};
  for (const { type, body } of entries) {
    if (type === "link.alarm") alarms[body.alarm] = (alarms[body.alarm] ?? 0) + body.count;
  }
  expect(grown.fold?.summary?.alarms).toEqual(alarms);
}

describe("folds", () => {
  it("are the same whether they grew with each commit or were made again from the stored leaves", {
    timeout: 400_000,
  }, async () => {
    let run = 0;
    const splits = fc.array(fc.nat(30), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        splits,
        async (steps, cuts) => {
          run += 1;
          const history = new History(`history ${run}`);
          const { pack } = history;
          const at = await bench();
          let sent = 0;
          for (const [i, one] of steps.entries()) {
            happen(history, one);
            // Time that passes alone leaves nothing to send.
            if (!cuts.includes(i) || pack.size === sent) continue;
            await at.give(pack, "batch", pack.batch(sent));
            sent = pack.size;
          }
          if (sent < pack.size) await at.give(pack, "batch", pack.batch(sent));
          await at.worker.stop();
          const grown = await foldsOf(at.store, history);
          expect(grown.fold).toMatchObject({ version: FOLD_VERSION, size: pack.size });
          at.store.forgetFolds();
          expect(await at.store.foldsBehind(FOLD_VERSION, "", 9)).toEqual([pack.name]);
          await keeperOf(at.store, at.clock).run();
          expect(await foldsOf(at.store, history)).toEqual(grown);

          expectFolded(grown, history);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("count what no shunt bears out as suspect, and what nothing has settled yet not at all", async () => {
    const history = new History("settled");
    const { pack } = history;
    history.minute(ONE!, 1_000);
    const at = await bench();
    await at.give(pack, "batch", pack.batch(0));
    const sums = async () => (await foldsOf(at.store, history)).hours.map(({ energy }) => energy);
    expect(await sums()).toEqual([]);
    const sent = pack.size;
    history.window();
    history.minute(TWO!, 70, 400_000);
    await at.give(pack, "batch", pack.batch(sent));
    const start = Math.floor((START + 59_999) / HOUR) * HOUR;
    expect(await sums()).toMatchObject([
      { consistent: { in: 1_000, out: 0 }, suspect: { in: 70, out: 0 } },
    ]);
    expect((await foldsOf(at.store, history)).hours[0]?.start).toBe(start);
    await at.worker.stop();
  });

  it("count an interval of an hour in that hour", async () => {
    const history = new History("aggregated");
    history.aggregate(60);
    for (const inward of [1_000, 2_000]) history.minute(ONE!, inward);
    history.window();
    const at = await bench();
    await at.give(history.pack, "batch", history.pack.batch(0));
    await at.worker.stop();
    const first = Math.ceil(START / HOUR) * HOUR;
    const hours = (await foldsOf(at.store, history)).hours;
    expect(hours.map(({ start, energy }) => [start, energy.consistent.in])).toEqual([
      [first, 1_000],
      [first + HOUR, 2_000],
    ]);
  });

  it("that a newer program made are left alone", async () => {
    const history = new History("newer");
    const at = await bench();
    await at.give(history.pack, "batch", history.pack.batch(0));
    await at.worker.stop();
    const fold = await at.store.fold(history.pack.name);
    const { summary } = fold ?? {};
    if (summary === undefined) throw new Error("nothing was folded");
    const newer = { version: FOLD_VERSION + 1, summary, energy: [], marks: [], subtrees: [] };
    expect(await at.store.advanceFold(history.pack.name, 0, 3, newer)).toBe(true);
    await keeperOf(at.store, at.clock).run();
    expect(await at.store.fold(history.pack.name)).toMatchObject({
      version: FOLD_VERSION + 1,
      size: 3,
    });
  });
});
