import { failed, notObserved, passed } from "../script.js";
import type { Point } from "./point.js";

/** The longest step of the back-off, its jitter, and the cap. */
const LONGEST_WAIT_MS = 60_000;
const SPACING_MS = 2000;
/** Of the bus, and of a module's clock. */
const TOLERANCE_MS = 50;
const MINUTE_MS = 60_000;
const MOST_A_MINUTE = 6;

export const HELLO_FORM: Point = {
  id: "hello.form",
  requirement: "without a session, asks with its uid in one frame of base 0x635",
  section: "link §10",
  *run(bench) {
    const expected = bench.pairing.module.uid;
    if (!(yield* bench.until(() => bench.hellos.length > 0, LONGEST_WAIT_MS))) {
      return failed(`no hello in a minute; one with uid ${expected} was due`);
    }
    const other = bench.hellos.find(({ uid }) => uid !== expected);
    if (other !== undefined) return failed(`a hello with uid ${other.uid}, not ${expected}`);
    return passed(`hello of ${expected}`);
  },
};

export const HELLO_PACE: Point = {
  id: "hello.pace",
  requirement: "hellos at least 2 s apart, six a minute at most",
  section: "link §10",
  *run(bench) {
    const times = bench.hellos.map(({ at }) => at);
    const runs = splitAt(times, bench.resets);
    const gaps = runs.flatMap((run) => run.slice(1).map((at, i) => at - (run[i] ?? at)));
    if (gaps.length === 0) return notObserved("fewer than two hellos");
    const shortest = Math.min(...gaps);
    if (shortest < SPACING_MS - TOLERANCE_MS) {
      return failed(`two hellos ${Math.round(shortest)} ms apart`);
    }
    const most = Math.max(...runs.map(mostInAMinute));
    if (most > MOST_A_MINUTE) return failed(`${most} hellos in a minute`);
    return passed(`${times.length} hellos, never closer than ${Math.round(shortest)} ms`);
  },
};

/** A start of the module begins a count of its own. */
function splitAt(times: readonly number[], cuts: readonly number[]): readonly number[][] {
  const part = (time: number) => cuts.filter((cut) => cut <= time).length;
  return Array.from({ length: cuts.length + 1 }, (_, i) => times.filter((at) => part(at) === i));
}

function mostInAMinute(times: readonly number[]): number {
  const counts = times.map(
    (from) => times.filter((at) => at >= from && at < from + MINUTE_MS - TOLERANCE_MS).length,
  );
  return Math.max(0, ...counts);
}
