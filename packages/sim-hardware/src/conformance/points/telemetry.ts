import { OUTCOME } from "@wattseal/can-protocol";
import type { Bench } from "../bench.js";
import { failed, notObserved, passed, type Script } from "../script.js";
import type { Heard } from "../types.js";
import { answerTo, type Point, textOf } from "./point.js";

const TELEMETRY_REQUEST = 1;
const SLOW_MS = 500;
const USUAL_MS = 200;
const WATCH_MS = 5000;
/** Beside one reading more or less. */
const SHARE = 0.05;
const CLOCK_SHARE = 0.02;
const TOO_SHORT_MS = 1;

function* order(bench: Bench, periodMs: number): Script<Heard | undefined> {
  yield* bench.link();
  const from = bench.heard.length;
  const sent = bench.send({ kind: "telemetry-request", tick: bench.tick, periodMs });
  return yield* answerTo(bench, from, sent, TELEMETRY_REQUEST);
}

const isDone = (heard: Heard | undefined) =>
  heard?.message?.kind === "outcome" && heard.message.code === OUTCOME.done;

function* countReadings(bench: Bench): Script<number> {
  const from = bench.heard.length;
  yield* bench.sleep(WATCH_MS);
  return bench.since(from, "telemetry").length;
}

function fits(count: number, periodMs: number): boolean {
  const wanted = WATCH_MS / periodMs;
  return Math.abs(count - wanted) <= 1 + SHARE * wanted;
}

export const RATE: Point = {
  id: "telemetry.rate",
  requirement: "pushes telemetry at the period ordered",
  section: "messages, type 1",
  *run(bench) {
    const counts: string[] = [];
    for (const periodMs of [SLOW_MS, USUAL_MS]) {
      const outcome = yield* order(bench, periodMs);
      if (!isDone(outcome)) {
        return failed(
          `period ${periodMs} ms: ${outcome === undefined ? "no outcome" : textOf(outcome)}`,
        );
      }
      const count = yield* countReadings(bench);
      if (!fits(count, periodMs)) return failed(`${count} readings in 5 s at ${periodMs} ms`);
      counts.push(`${count} in 5 s at ${periodMs} ms`);
    }
    return passed(counts.join(", "));
  },
};

export const TOO_FAST: Point = {
  id: "telemetry.too-fast",
  requirement: "answers a period beyond its highest rate with outcome 3, and changes nothing",
  section: "messages, type 1",
  *run(bench) {
    const outcome = yield* order(bench, TOO_SHORT_MS);
    if (outcome?.message?.kind !== "outcome") return failed("no outcome");
    if (outcome.message.code !== OUTCOME.unsupported) return failed(textOf(outcome));
    const count = yield* countReadings(bench);
    if (!fits(count, USUAL_MS)) return failed(`${count} readings in 5 s afterwards`);
    return passed(`outcome unsupported, and ${count} readings in 5 s`);
  },
};

export const NOW: Point = {
  id: "telemetry.now",
  requirement: "answers period 0 with one reading at once, and keeps its period",
  section: "messages, type 1",
  *run(bench) {
    yield* order(bench, SLOW_MS);
    const from = bench.heard.length;
    yield* bench.until(() => bench.since(from, "telemetry").length > 0, 2 * SLOW_MS);
    const start = bench.heard.length;
    bench.send({ kind: "telemetry-request", tick: bench.tick, periodMs: 0 });
    const came = yield* bench.until(() => bench.since(start, "telemetry").length > 0, SLOW_MS / 2);
    yield* order(bench, USUAL_MS);
    return came ? passed("a reading within 250 ms") : failed("no reading within 250 ms");
  },
};

export const TICK: Point = {
  id: "telemetry.tick",
  requirement: "the tick counts milliseconds since the start",
  section: "messages, type 1",
  *run(bench) {
    yield* bench.link();
    const from = bench.heard.length;
    yield* bench.sleep(WATCH_MS);
    const readings = bench.since(from, "telemetry");
    const first = readings[0];
    const last = readings.at(-1);
    if (first === undefined || last === undefined || first === last) {
      return notObserved("fewer than two readings in 5 s");
    }
    const ticks = (last.message.tick - first.message.tick + 2 ** 32) % 2 ** 32;
    const passedMs = last.at - first.at;
    const off = Math.abs(ticks - passedMs);
    if (off > CLOCK_SHARE * passedMs + 50) {
      return failed(`${ticks} ticks in ${Math.round(passedMs)} ms`);
    }
    return passed(`${ticks} ticks in ${Math.round(passedMs)} ms`);
  },
};
