import { CAPABILITY, type CanFrame, OUTCOME } from "@wattseal/can-protocol";
import type { DeviceHalf } from "@wattseal/device-keys";
import type { Bench } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import { answers, answerTo, type Point, plural, SETTLE_MS, textOf } from "./point.js";

const FLOOD_MS = 3000;
/** Frames queued at a time. */
const BATCH = 40;
const CALM_MS = 1500;
const SILENT_MS = 35_000;

export const FLOOD: Point = {
  id: "flood.survive",
  requirement: "stays in session through 3 s of a wire full of garbage in its name",
  section: "link §3, §11",
  *run(bench) {
    const session = yield* bench.link();
    const start = bench.now;
    let count = 0;
    while (bench.now - start < FLOOD_MS) {
      bench.outbox.flood(garbage(bench));
      count += BATCH;
      yield* bench.until(() => bench.outbox.flooding < BATCH / 4, FLOOD_MS);
    }
    yield* bench.until(() => bench.outbox.flooding === 0, FLOOD_MS);
    yield* bench.sleep(CALM_MS);
    if (!(yield* answers(bench, session))) return failed(`does not answer after ${count} frames`);
    return passed(`${plural(count, "frame")} of garbage, and the session stands`);
  },
};

/** Random frames under the module's identifiers, of every class. */
function garbage(bench: Bench): readonly CanFrame[] {
  const size = 12;
  const bytes = bench.random(BATCH * size);
  return Array.from({ length: BATCH }, (_, i) => {
    const part = bytes.slice(i * size, (i + 1) * size);
    const [a = 0, b = 0, c = 0, d = 0] = part;
    const base = 0x630 + 2 * (a & 3);
    const id = (base << 18) | ((b & 3) << 16) | (c << 8) | bench.pairing.module.slot;
    return { id, data: part.slice(4, 4 + 1 + (d & 7)), fd: bench.fd };
  });
}

const BROADCAST = 0x00;
const UNREGISTERED = 0xff;

export const CLEAR: Point = {
  id: "bus.ignored",
  requirement: "clear frames 0x500 to 0x523 neither move it nor get an answer",
  section: "link §14",
  *run(bench) {
    const session = yield* bench.link();
    const from = bench.heard.length;
    yield* bench.sleep(SETTLE_MS);
    const before = bench.stateSince(from);
    const count = bench.faultsOf("bus.clear").count;
    const { slot } = bench.pairing.module;
    const clear = (base: number, address: number, ...data: number[]): CanFrame => ({
      id: (base << 18) | address,
      data: Uint8Array.from(data),
      fd: false,
    });
    bench.outbox.put([
      clear(0x51d, UNREGISTERED, 0),
      clear(0x510, UNREGISTERED, slot, 0, 0, 0, 0, 0, 0, 0),
      clear(0x511, slot, slot),
      clear(0x512, slot, slot),
      clear(0x514, slot, slot, 0, 0, 0),
      clear(0x514, slot, slot, 0),
      clear(0x515, slot, slot, 0, 0),
      clear(0x517, BROADCAST, 0),
      clear(0x518, slot, slot, 0),
      clear(0x51e, BROADCAST, 0),
      clear(0x51f, BROADCAST, 0),
      clear(0x520, slot, 0xff, 0xff, 0xff, 0xff),
    ]);
    yield* bench.flushed();
    const start = bench.heard.length;
    yield* bench.sleep(2 * SETTLE_MS);
    const after = bench.stateSince(start);
    if (bench.faultsOf("bus.clear").count > count) return failed("answered in clear");
    if (after !== before) return failed(`state ${before} before, ${after} after`);
    if (!(yield* answers(bench, session))) return failed("the session is gone afterwards");
    return passed(`twelve clear frames; state ${after} as before`);
  },
};

function* roll(bench: Bench, half: { readonly publicKey: Uint8Array }): Script<string | undefined> {
  const from = bench.heard.length;
  const order = { kind: "key-roll", tick: bench.tick, packHalf: half.publicKey } as const;
  const answer = yield* answerTo(bench, from, bench.send(order), 11);
  if (answer?.message?.kind === "outcome" && answer.message.code === OUTCOME.done) return undefined;
  return answer === undefined ? "no outcome" : textOf(answer);
}

/** Whether a session under this pack half can be had. */
function* linksUnder(bench: Bench, half: Bench["packHalf"]): Script<boolean> {
  bench.packHalf = half;
  const session = yield* bench.answered(yield* bench.offer());
  if (session === undefined || !(yield* bench.proves(session))) return false;
  bench.adopt(session);
  return yield* bench.hasTick();
}

export const KEY_ROLL: Point = {
  id: "pairing.key-roll",
  requirement: "key-roll: knows both halves until one session under the new, then it alone",
  section: "pairing, key-roll",
  *run(bench, { keyRoll }) {
    if (!keyRoll) return notObserved("not asked for: see --key-roll");
    const { terms } = yield* bench.link();
    if ((terms.capabilities & CAPABILITY.keyRoll) === 0) {
      return notObserved("not among the module's capabilities");
    }
    const old = bench.packHalf;
    const next: DeviceHalf = bench.stranger();
    const finding = yield* rollThere(bench, old, next);
    if (finding.verdict === "failed") return finding;
    const problem = yield* roll(bench, old);
    if (problem !== undefined) return failed(`and back: ${problem}`);
    if (!(yield* linksUnder(bench, old))) return failed("and back: no session");
    return finding;
  },
};

function* rollThere(bench: Bench, old: Bench["packHalf"], next: DeviceHalf): Script<Finding> {
  const problem = yield* roll(bench, next);
  if (problem !== undefined) return failed(problem);
  if (!(yield* linksUnder(bench, old)))
    return failed("the half in use is gone before the new one is proven");
  if (!(yield* linksUnder(bench, next))) return failed("no session under the new half");
  bench.packHalf = old;
  const from = bench.message2s.length;
  yield* bench.offer();
  const answered = yield* bench.until(() => bench.message2s.length > from, 2 * SETTLE_MS);
  bench.packHalf = next;
  if (answered) return failed("the old half is still known after a session under the new one");
  return passed("both halves, then the new one alone; and back");
}

export const ERASE: Point = {
  id: "pairing.erase",
  requirement: "erase: outcome 0, then silent and Off, known to no pack",
  section: "pairing, erase",
  *run(bench, { erase }) {
    if (!erase) return notObserved("not asked for: see --erase");
    const session = yield* bench.link();
    const from = bench.heard.length;
    const sent = bench.send({ kind: "erase", tick: bench.tick });
    const answer = yield* answerTo(bench, from, sent, 12);
    if (answer?.message?.kind !== "outcome") return failed("no outcome");
    if (answer.message.code === OUTCOME.unsupported) return notObserved(textOf(answer));
    if (answer.message.code !== OUTCOME.done) return failed(`${textOf(answer)}, not done`);
    yield* bench.sleep(SETTLE_MS);
    const start = bench.heard.length;
    const hellos = bench.hellos.length;
    const answers2 = bench.message2s.length;
    if (yield* bench.proves(session)) return failed("the session still answers");
    yield* bench.offer();
    yield* bench.sleep(SILENT_MS);
    if (bench.heard.length > start) return failed("still sends PDUs");
    if (bench.hellos.length > hellos) return failed("still sends hellos");
    if (bench.message2s.length > answers2) return failed("still answers message 1");
    bench.forget();
    return passed("outcome done, and silent for 35 s");
  },
};
