import { lctId, type MilliwattHours, milliwattHours } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogReplay } from "@wattseal/verifier";
import fc from "fast-check";
import { expect, it } from "vitest";
import { GatewayError } from "../errors.js";
import { recording } from "../metering/recording.fixture.js";
import { SocietyOrders } from "./orders.js";

const HOUR = 3600 * 1000;
/** An epoch has 31 days, and nobody here begins the next one. */
const AWAY_HOURS = 30 * 24;
const WORKER = lctId(`lct:agent:${"a".repeat(32)}`);

/** A pack with a lot, and all that was ordered of it. */
async function world() {
  const recorded = await recording();
  const { log, writer, books, run, read, modules, clock } = recorded;
  const orders = new SocietyOrders({ log, writer, books });
  const answers: { readonly type: string; readonly answer: Promise<{ entry: number }> }[] = [];
  const order = (type: string, answer: Promise<{ entry: number }>) => {
    answer.catch(() => {});
    answers.push({ type, answer });
  };
  /** Of those that are open, counted from the last; entry 3, which is none, where there are not so many. */
  const ticketOf = (back: number) => log.fold.society.tickets().at(-1 - back)?.ticket ?? 3;
  read(modules[0]!, 30, { in: 0, out: 0 });
  let at = run(modules[0]!, 61, 30, { in: 0, out: 0 });
  let away = 0;
  return {
    ...recorded,
    answers,
    reserve: (amount: MilliwattHours) => {
      const body = { amount, worker: WORKER, task: "compute", order: undefined };
      const opened = orders.reserve(body).then(({ ticket: entry }) => ({ entry }));
      order("society.reserve", opened);
    },
    commit: (back: number, amount: MilliwattHours | undefined) => {
      const body = { ticket: ticketOf(back), amount, quality: 9000, proof: undefined };
      order("society.commit", orders.commit(body));
    },
    rollback: (back: number) => order("society.rollback", orders.rollback(ticketOf(back))),
    certify: (amount: MilliwattHours) => {
      const body = { amount, by: "load", certifier: "x", proof: undefined } as const;
      order("society.certify", orders.certify(body));
    },
    drive: (seconds: number, amps: number) => {
      at = run(modules[0]!, seconds, amps, at);
    },
    away: (hours: number) => {
      if (away + hours > AWAY_HOURS) return;
      away += hours;
      clock.jump(hours * HOUR);
    },
  };
}

type World = Awaited<ReturnType<typeof world>>;
type Step = (world: World) => void;

/** Up to about as much as there is. */
const amount = fc.integer({ min: 1, max: 120_000 }).map((mwh) => milliwattHours(mwh));
const little = fc.integer({ min: 1, max: 5000 }).map((mwh) => milliwattHours(mwh));
const back = fc.constantFrom(0, 0, 0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.oneof(amount, little).map(
      (mwh): Step =>
        (its) =>
          its.reserve(mwh),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(back, fc.option(little, { nil: undefined, freq: 3 })).map(
      ([which, mwh]): Step =>
        (its) =>
          its.commit(which, mwh),
    ),
  },
  {
    weight: 1,
    arbitrary: back.map(
      (which): Step =>
        (its) =>
          its.rollback(which),
    ),
  },
  {
    weight: 1,
    arbitrary: little.map(
      (mwh): Step =>
        (its) =>
          its.certify(mwh),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat({ max: 130 }), fc.constantFrom(30, 30, -30, 0)).map(
      ([seconds, amps]): Step =>
        (its) =>
          its.drive(seconds, amps),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 25, 200).map(
      (hours): Step =>
        (its) =>
          its.away(hours),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>(({ writer }) => writer.hold()) },
  { weight: 4, arbitrary: fc.constant<Step>(({ writer }) => writer.release()) },
);

it("any orders, between any windows and holds, are entered as told or refused with a reason, and the log replays", async () => {
  let entered = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
      const its = await world();
      const { log, writer, answers, complaints, trust } = its;
      for (const take of steps) {
        take(its);
        await writer.settled();
      }
      writer.release();
      for (const { type, answer } of answers) {
        const told = await answer.catch((error: unknown) => error);
        if (told instanceof GatewayError) expect(told.code).toBe("order-refused");
        else {
          const { entry } = await answer;
          expect(entry).toBeLessThan(log.store.durableSize);
          expect(decodeEntry(log.store.entry(entry)).type).toBe(type);
          entered += 1;
        }
      }
      await writer.settled();
      expect(complaints).toEqual([]);
      const replay = new LogReplay(trust);
      for (const bytes of log.store.entries()) replay.append(bytes);
      expect(replay.fold.summary()).toEqual(log.fold.summary());
    }),
    { numRuns: 40 },
  );
  expect(entered).toBeGreaterThan(40);
}, 60_000);
