import { OUTCOME } from "@wattseal/can-protocol";
import type { Bench } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import { answers, answerTo, type Point, SETTLE_MS, textOf } from "./point.js";

const TICKS = 2 ** 32;
const STALE_MS = 2300;
/** Well inside 2000 ms, whatever telemetry's period adds. */
const FRESH_MS = 1500;
const AHEAD_MS = 5000;
const OFF = 0;

/** A capability request whose tick is `ageMs` older than the last telemetry's. */
function* aged(bench: Bench, ageMs: number) {
  yield* bench.link();
  const from = bench.heard.length;
  const tick = (bench.tick - ageMs + TICKS) % TICKS;
  const plan = bench.planOf({ kind: "capability-request", tick });
  const sent = bench.plan(plan);
  return yield* answerTo(bench, from, sent, plan.type, "capability");
}

function refused(id: string, requirement: string, ageMs: number): Point {
  return {
    id,
    requirement,
    section: "link §9",
    *run(bench): Script<Finding> {
      const answer = yield* aged(bench, ageMs);
      const seen = answer === undefined ? "no answer" : textOf(answer);
      const isStale = answer?.message?.kind === "outcome" && answer.message.code === OUTCOME.stale;
      if (!isStale) return failed(seen);
      if (!(yield* answers(bench))) return failed("the session is gone afterwards");
      return passed(seen);
    },
  };
}

export const STALE = refused(
  "fresh.stale",
  "refuses a command more than 2 s old, with outcome 1",
  STALE_MS,
);

export const AHEAD = refused(
  "fresh.ahead",
  "refuses a command ahead of its own tick, with outcome 1",
  -AHEAD_MS,
);

export const LIMIT: Point = {
  id: "fresh.limit",
  requirement: "obeys a command less than 2 s old",
  section: "link §9",
  *run(bench) {
    const answer = yield* aged(bench, FRESH_MS);
    if (answer?.message?.kind === "capability") return passed("1.5 s old, and answered");
    return failed(answer === undefined ? "no answer" : textOf(answer));
  },
};

export const HEARTBEAT: Point = {
  id: "fresh.heartbeat",
  requirement: "neither obeys nor answers a stale heartbeat",
  section: "link §9",
  *run(bench) {
    yield* bench.link();
    bench.allow(OFF);
    yield* bench.sleep(2 * SETTLE_MS);
    const before = bench.stateSince(0);
    const from = bench.heard.length;
    const tick = (bench.tick - STALE_MS + TICKS) % TICKS;
    bench.send({ kind: "heartbeat", tick, maxState: bench.highestState });
    yield* bench.sleep(SETTLE_MS);
    const outcome = bench.since(from, "outcome")[0];
    const up = bench.since(from, "telemetry").find(({ message }) => message.status1.state > OFF);
    bench.allow(bench.highestState);
    if (before !== OFF) return notObserved(`in state ${before} although heartbeats allow Off`);
    if (outcome !== undefined) return failed(`answered with ${textOf(outcome)}`);
    if (up !== undefined) return failed(`went to state ${up.message.status1.state}`);
    if (!(yield* answers(bench))) return notObserved("the session is gone afterwards");
    return passed("no answer, no change of state");
  },
};
