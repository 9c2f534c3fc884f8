import type { Bench } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import type { Point } from "./point.js";

const SILENCE_MS = 11_100;
/** Of a module's clock, and of the bus. */
const TOLERANCE_MS = 300;
const PERIOD_MS = 200;
const WATCH_MS = 13_000;
const EACH_MS = 1000;
const HELLO_WAIT_MS = 62_000;

/**
 * From the last heartbeat on, nothing fresh is sent; `meanwhile` is, each second. How many milliseconds after
 * that heartbeat the module sent its last PDU.
 */
function* fallSilent(bench: Bench, meanwhile: () => void): Script<number> {
  const session = yield* bench.link();
  bench.allow(bench.highestState);
  yield* bench.flushed();
  bench.allow(undefined);
  const start = bench.now;
  while (bench.now - start < WATCH_MS) {
    yield* bench.sleep(EACH_MS);
    meanwhile();
  }
  const last = bench.heard.findLast((one) => one.session === session)?.at ?? start;
  return Math.round(last - start);
}

const isEarly = (after: number) => after < SILENCE_MS - TOLERANCE_MS - PERIOD_MS;
const isLate = (after: number) => after > SILENCE_MS + TOLERANCE_MS;

export const OFF: Point = {
  id: "silence.off",
  requirement: "11.1 s without a fresh word: wipes its keys, goes Off, asks with hellos",
  section: "link §10",
  *run(bench) {
    const session = yield* bench.link();
    const after = yield* fallSilent(bench, () => {});
    if (isLate(after)) return yield* restored(bench, failed(`still there after ${after} ms`));
    if (isEarly(after)) return yield* restored(bench, failed(`gone after ${after} ms already`));
    const hellos = bench.hellos.length;
    if (yield* bench.proves(session)) return yield* restored(bench, failed("the keys still work"));
    const asked = yield* bench.until(() => bench.hellos.length > hellos, HELLO_WAIT_MS);
    if (!asked) return yield* restored(bench, failed("no hello in a minute"));
    bench.forget();
    const from = bench.heard.length;
    bench.limit(bench.highestState);
    yield* bench.relink();
    const first = bench.since(from, "telemetry")[0]?.message.status1.state;
    if (first !== 0) return failed(`in state ${first} when it was linked again`);
    return passed("silent at 11.1 s, keys wiped, a hello, and Off when linked again");
  },
};

export const PING: Point = {
  id: "silence.ping",
  requirement: "pings and PDUs that do not verify do not put that off",
  section: "link §10",
  *run(bench) {
    const session = yield* bench.link();
    const after = yield* fallSilent(bench, () => {
      bench.send({ kind: "ping", tick: Math.floor(bench.now) % 2 ** 32 }, session);
      const plan = bench.planOf({ kind: "capability-request", tick: 0 });
      bench.plan({ ...plan, counter: session.next("normal"), adClass: "urgent" }, session);
    });
    if (isLate(after)) return yield* restored(bench, failed(`still there after ${after} ms`));
    return yield* restored(bench, passed(`last heard ${after} ms after the last heartbeat`));
  },
};

function* restored(bench: Bench, finding: Finding): Script<Finding> {
  bench.forget();
  bench.limit(bench.highestState);
  yield* bench.relink();
  return finding;
}

/** Until the module asks for a session, or whoever resets it has had his time, which is not the bus's. */
function* handReset(bench: Bench, hellos: number, isOver: () => boolean): Script<void> {
  const kept = bench.heard.length;
  while (bench.hellos.length === hellos && !isOver()) {
    yield* bench.until(() => bench.hellos.length > hellos, EACH_MS);
    bench.heard.length = kept; // at full speed a minute of his is days of readings
  }
}

export const RESET: Point = {
  id: "reset.boot",
  requirement: "after a reset: a hello, new keys, boot counter one more, tick from 0, Off",
  section: "link §12",
  *run(bench, { reset }) {
    if (reset === undefined) return notObserved("nobody resets the module: see --reset");
    const session = yield* bench.link();
    const before = bench.heard.findLast(({ message }) => message?.kind === "telemetry")?.message;
    const hellos = bench.hellos.length;
    yield* handReset(bench, hellos, reset());
    if (bench.hellos.length === hellos && (yield* bench.proves(session))) {
      return notObserved("the module was not reset");
    }
    const asked = yield* bench.until(() => bench.hellos.length > hellos, HELLO_WAIT_MS);
    if (!asked) return failed("no hello in a minute after the reset");
    bench.noteReset(bench.hellos[hellos]?.at ?? bench.now);
    bench.forget();
    const from = bench.heard.length;
    yield* bench.relink();
    const after = bench.since(from, "telemetry")[0]?.message;
    if (after === undefined || before?.kind !== "telemetry") return notObserved("no telemetry");
    if (after.boot !== (before.boot + 1) % 2 ** 16) {
      return failed(`boot counter ${before.boot}, then ${after.boot}`);
    }
    if (after.tick > HELLO_WAIT_MS + WATCH_MS) return failed(`tick ${after.tick} after the reset`);
    if (after.status1.state !== 0) return failed(`in state ${after.status1.state} at once`);
    return passed(`boot counter ${after.boot}, tick ${after.tick}, Off`);
  },
};
