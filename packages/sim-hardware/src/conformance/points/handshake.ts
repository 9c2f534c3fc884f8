import { moduleUid } from "@wattseal/base";
import { type Bench, REPLY_MS } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import type { HandshakePlan } from "../types.js";
import { answers, type Point, SETTLE_MS } from "./point.js";

const EPHEMERAL_LENGTH = 32;
const MESSAGE_2_LENGTH = 64;
const VERSION = 1;
/** Wrong lengths of message 1 that fill frames, on FD too. */
const SHORT = 32;
const LONG = 64;
const MOST_MS = 1000;
const EXPIRED_MS = 1200;

export const ANSWER: Point = {
  id: "handshake.answer",
  requirement: "answers message 1 within 1000 ms, under the same counter bits, with 64 bytes",
  section: "link §4",
  *run(bench) {
    const offer = yield* bench.offer();
    yield* bench.until(() => bench.message2s.length > 0, REPLY_MS);
    const answer = bench.message2s[0];
    if (answer === undefined) return failed(`no message 2 in ${REPLY_MS} ms`);
    const took = Math.round(answer.at - offer.at);
    if (answer.bits !== offer.bits) {
      return failed(`counter bits ${answer.bits}, where message 1 had ${offer.bits}`);
    }
    if (answer.bytes.length !== MESSAGE_2_LENGTH) return failed(`${answer.bytes.length} bytes`);
    if (took > MOST_MS) return failed(`message 2 after ${took} ms`);
    return passed(`message 2 after ${took} ms`);
  },
};

export const AUTHENTIC: Point = {
  id: "handshake.authentic",
  requirement: "message 2 authenticates; its payload is version 1, capabilities, 11 zeros",
  section: "link §4",
  *run(bench) {
    const offer = yield* bench.offer();
    const session = yield* bench.answered(offer);
    if (session === undefined) return failed("no message 2 that authenticates");
    const { version, zeros, capabilities } = session.terms;
    if (version !== VERSION) return failed(`version ${version}`);
    if (!zeros) return failed("the last eleven bytes are not zero");
    return passed(`version 1, capabilities ${capabilities}`);
  },
};

export const PROOF: Point = {
  id: "handshake.proof",
  requirement: "echoes the ping under the new keys, counter 0, and then pushes telemetry",
  section: "link §5",
  *run(bench) {
    yield* bench.sleep(EXPIRED_MS); // the answers before are to be forgotten
    const offer = yield* bench.offer();
    const session = yield* bench.answered(offer);
    if (session === undefined) return notObserved("no session: no message 2 that authenticates");
    const echo = yield* bench.pings(session);
    if (echo === undefined) return failed("the ping was not echoed");
    bench.adopt(session);
    if (echo.session !== session) return failed("the echo came under other keys");
    if (echo.counter !== 0) return failed(`the echo has counter ${echo.counter}`);
    if (!(yield* bench.hasTick())) return failed("no telemetry within 3 s");
    return passed("echo and telemetry under the new keys");
  },
};

function refusing(
  id: string,
  requirement: string,
  plans: (bench: Bench) => readonly (readonly [string, HandshakePlan])[],
): Point {
  return {
    id,
    requirement,
    section: "link §4",
    *run(bench) {
      for (const [what, plan] of plans(bench)) {
        const from = bench.message2s.length;
        yield* bench.offer(plan);
        if (yield* bench.until(() => bench.message2s.length > from, REPLY_MS)) {
          return failed(`answers a message 1 ${what}`);
        }
      }
      return yield* stillThere(bench, "none was answered");
    },
  };
}

/** A refusal by a module that is not there proves nothing. */
function* stillThere(bench: Bench, seen: string): Script<Finding> {
  yield* bench.link();
  return passed(seen);
}

export const PROLOGUE = refusing(
  "handshake.prologue",
  "refuses message 1 made for another slot, bus, uid or pack",
  ({ pairing: { module, packHash } }) => [
    ["for another slot", { slot: (module.slot % 31) + 1 }],
    ["for another bus", { busId: (module.busId + 1) % 256 }],
    ["for another module's uid", { uid: flippedUid(module.uid) }],
    ["of another pack's hash", { packHash: packHash.map((byte) => byte ^ 1) }],
  ],
);

export const PEER = refusing(
  "handshake.peer",
  "refuses message 1 of who does not hold the pack's half",
  (bench) => [["of another pack half", { packHalf: bench.stranger() }]],
);

export const LENGTH: Point = {
  id: "handshake.length",
  requirement: "refuses message 1 that is short, long, or has a small-order key",
  section: "link §4",
  *run(bench) {
    const { message1, bits } = yield* bench.offer();
    yield* bench.sleep(SETTLE_MS);
    const smallOrder = message1.slice();
    smallOrder.fill(0, 0, EPHEMERAL_LENGTH);
    const long = new Uint8Array(LONG);
    long.set(message1);
    for (const [what, bytes] of [
      [`of ${SHORT} bytes`, message1.slice(0, SHORT)],
      [`of ${LONG} bytes`, long],
      ["with an all-zero key", smallOrder],
    ] as const) {
      const from = bench.message2s.length;
      yield* bench.message1(bytes, bits);
      if (yield* bench.until(() => bench.message2s.length > from, REPLY_MS)) {
        return failed(`answers a message 1 ${what}`);
      }
    }
    return yield* stillThere(bench, "none was answered");
  },
};

export const REPEAT: Point = {
  id: "handshake.repeat",
  requirement: "ignores the message 1 answered last, once more; the keys agreed stand",
  section: "link §4",
  *run(bench) {
    yield* bench.link();
    const offer = yield* bench.offer();
    const session = yield* bench.answered(offer);
    if (session === undefined) return notObserved("message 1 was not answered");
    const from = bench.message2s.length;
    bench.putMessage1(offer.message1, offer.bits);
    if (yield* bench.until(() => bench.message2s.length > from, SETTLE_MS)) {
      return failed("a second message 2 to the same message 1");
    }
    if (!(yield* bench.proves(session))) return failed("the keys agreed first are gone");
    bench.adopt(session);
    return passed("one message 2; its keys were proven after the repetition");
  },
};

export const REPLAY: Point = {
  id: "handshake.replay",
  requirement: "an older message 1, replayed, costs time and not the session",
  section: "link §5",
  *run(bench) {
    const old = yield* bench.offer();
    yield* bench.sleep(SETTLE_MS);
    const session = yield* bench.relink();
    const again = yield* bench.offer({ ephemeral: old.ephemeral, bits: old.bits });
    yield* bench.answered(again);
    if (!(yield* answers(bench, session))) return failed("the session no longer answers");
    yield* bench.sleep(REPLY_MS);
    if (!(yield* answers(bench, session))) return failed("the session is gone a second later");
    return passed("the session went on");
  },
};

export const EPHEMERALS: Point = {
  id: "handshake.ephemerals",
  requirement: "a fresh ephemeral key in each message 2",
  section: "link §4",
  *run(bench) {
    const keys = bench.message2s.map(({ bytes }) => bytes.slice(0, EPHEMERAL_LENGTH).join());
    if (keys.length < 2) return notObserved("fewer than two messages 2");
    const different = new Set(keys).size;
    if (different < keys.length) return failed(`${different} keys in ${keys.length} messages 2`);
    return passed(`${keys.length} messages 2, no key twice`);
  },
};

function flippedUid(uid: Bench["pairing"]["module"]["uid"]) {
  return moduleUid(`${uid.slice(0, -1)}${uid.endsWith("0") ? "1" : "0"}`);
}
