/** What a module must not take, and what it must still take. Each attack is a capability request that is spoilt. */
import { type CanFrame, OUTCOME } from "@wattseal/can-protocol";
import type { Bench } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import { flipped, type PduPlan } from "../wire.js";
import {
  answers,
  answerTo,
  OUTCOME_NAMES,
  type Point,
  requestPlan,
  SETTLE_MS,
  textOf,
} from "./point.js";

/** More than the 200 ms between two segments. */
const LATE_MS = 400;
const ENDLESS = 600;
const LAST = 1 << 16;
/** Makes a request of several frames on FD too. */
const LONG_ON_FD = 16;
const HELLO_WAIT_MS = 75_000;
const PROBE_MS = 2000;

interface Attack {
  readonly what: string;
  frames(bench: Bench): readonly CanFrame[];
}

/** Frames of a spoilt request whose counter stays free: a module that refuses it has not used it up. */
function spoilt(
  what: string,
  plan: Partial<PduPlan>,
  change = (frames: readonly CanFrame[]) => frames,
): Attack {
  return {
    what,
    frames(bench) {
      const counter = bench.session?.next(plan.nonceClass ?? "normal") ?? 0;
      return change(bench.frames({ ...requestPlan(bench), counter, ...plan }).frames);
    },
  };
}

/** None of the attacks is obeyed or answered, and the session stands after each. */
function refusing(
  id: string,
  requirement: string,
  section: string,
  attacks: readonly Attack[],
): Point {
  return {
    id,
    requirement,
    section,
    *run(bench) {
      for (const attack of attacks) {
        yield* bench.link();
        const from = bench.heard.length;
        bench.outbox.put(attack.frames(bench));
        yield* bench.flushed();
        yield* bench.sleep(SETTLE_MS);
        const answer = bench.heard.slice(from).find(isAnswer);
        if (answer !== undefined) return failed(`${attack.what}: answered with ${textOf(answer)}`);
        if (!(yield* answers(bench)))
          return failed(`${attack.what}: the session is gone afterwards`);
      }
      return passed(attacks.map(({ what }) => what).join("; "));
    },
  };
}

const isAnswer = ({ message }: Bench["heard"][number]) =>
  message?.kind === "capability" || message?.kind === "outcome" || message?.kind === "ping";

export const TAG = refusing(
  "receive.tag",
  "takes nothing whose tag does not verify, all 16 bytes",
  "link §6",
  [
    spoilt("last bit of the tag", {}, (frames) => frames.with(-1, flipped(last(frames), -1))),
    spoilt("first byte of the tag", {}, flipFromEnd(16)),
    spoilt("a byte of the ciphertext", {}, (frames) => frames.with(0, flipped(first(frames), 0))),
  ],
);

export const BOUND = refusing("receive.bound", "class and length are authenticated", "link §6", [
  spoilt("a normal PDU under the urgent identifier", { idClass: "urgent" }),
  spoilt("another class in the associated data", { adClass: "urgent" }),
  spoilt("another class in the nonce", { nonceClass: "urgent" }),
]);

export const REFLECTION = refusing(
  "receive.reflection",
  "takes nothing sealed with its own sending key",
  "link §4",
  [spoilt("a request under the module's sending key", { reflected: true })],
);

export const SEGMENTS: Point = refusing(
  "receive.segments",
  "takes no PDU whose segments are out of order or missing",
  "link §3",
  [
    several("the second segment missing", ([one, , ...rest]) => [one, ...rest]),
    several("the second and third segments swapped", ([one, two, three, ...rest]) => [
      one,
      three,
      two,
      ...rest,
    ]),
    several("the first segment missing", ([, ...rest]) => rest),
    several("the last segment with other counter bits", (frames) => [
      ...frames.slice(0, -1),
      frames.at(-1) && otherCounter(frames.at(-1)),
    ]),
  ],
);

export const SHORT = refusing(
  "receive.short",
  "takes no PDU shorter than header and tag",
  "link §3",
  [
    {
      what: "16 random bytes",
      frames: (bench) => bench.raw("normal", bench.random(16)),
    },
  ],
);

export const ENDLESS_PDU = refusing(
  "receive.endless",
  "gives up segments without end, in bounded memory",
  "link §3",
  [
    {
      what: `${ENDLESS} segments without a last one`,
      frames: (bench) => bench.raw("normal", new Uint8Array(ENDLESS * (bench.fd ? 64 : 8)), ~LAST),
    },
  ],
);

export const LATE: Point = {
  id: "receive.late",
  requirement: "gives up a PDU whose segments are more than 200 ms apart",
  section: "link §3",
  *run(bench) {
    yield* bench.link();
    const from = bench.heard.length;
    const frames = several("", (all) => all).frames(bench);
    bench.outbox.put(frames.slice(0, -1));
    yield* bench.flushed();
    yield* bench.sleep(LATE_MS);
    bench.outbox.put(frames.slice(-1));
    yield* bench.sleep(SETTLE_MS);
    if (bench.heard.slice(from).some(isAnswer)) return failed("a PDU with 400 ms inside was taken");
    if (!(yield* answers(bench))) return failed("the session is gone afterwards");
    return passed("a PDU with 400 ms inside was not taken");
  },
};

export const REPLAY: Point = {
  id: "receive.replay",
  requirement: "takes no PDU twice",
  section: "link §7",
  *run(bench) {
    yield* bench.link();
    const { frames } = bench.frames(requestPlan(bench));
    bench.outbox.put(frames);
    yield* bench.sleep(SETTLE_MS);
    if (!(yield* answers(bench))) return notObserved("requests are not answered");
    const from = bench.heard.length;
    bench.outbox.put(frames);
    yield* bench.sleep(SETTLE_MS);
    const answer = bench.heard.slice(from).find(isAnswer);
    if (answer !== undefined) return failed(`replayed, and answered with ${textOf(answer)}`);
    if (!(yield* answers(bench))) return failed("the session is gone afterwards");
    return passed("a request of half a second ago, replayed, was not answered");
  },
};

export const REPEATED: Point = {
  id: "receive.repeated",
  requirement: "takes a PDU once although the bus repeats its frames, or the whole of it",
  section: "link §8",
  *run(bench) {
    for (const [what, doubled] of [
      ["each frame", (frames: readonly CanFrame[]) => frames.flatMap((frame) => [frame, frame])],
      ["the PDU", (frames: readonly CanFrame[]) => [...frames, ...frames]],
    ] as const) {
      yield* bench.link();
      const from = bench.heard.length;
      bench.outbox.put(doubled(bench.frames(requestPlan(bench)).frames));
      yield* bench.sleep(SETTLE_MS);
      const count = bench.heard.slice(from).filter(isAnswer).length;
      if (count !== 1) return failed(`${what} twice: ${count} answers`);
    }
    return passed("one answer each");
  },
};

export const GAP: Point = {
  id: "receive.gap",
  requirement: "takes a PDU after up to 63 lost ones",
  section: "link §7",
  *run(bench) {
    for (const lost of [1, 15, 16, 47, 63]) {
      const session = yield* bench.link();
      session.skip("normal", lost);
      if (!(yield* answers(bench, session))) return failed(`${lost} lost: not answered`);
    }
    return passed("1, 15, 16, 47 and 63 lost");
  },
};

export const BEYOND: Point = {
  id: "receive.beyond",
  requirement: "takes none after 64 lost ones, keeps the session, and asks with a hello",
  section: "link §7, §10",
  *run(bench) {
    const session = yield* bench.link();
    const from = bench.heard.length;
    const hellos = bench.hellos.length;
    bench.plan({ ...requestPlan(bench), counter: session.next("normal") + 64 });
    yield* bench.sleep(SETTLE_MS);
    if (bench.heard.slice(from).some(isAnswer)) return failed("64 lost, and yet taken");
    if (!(yield* answers(bench, session))) return failed("the session is gone afterwards");
    const asked = () => bench.hellos.length > hellos;
    const start = bench.now;
    while (!asked() && bench.now - start < HELLO_WAIT_MS) {
      bench.plan({ ...requestPlan(bench), counter: session.next("normal") + 64 });
      yield* bench.until(asked, PROBE_MS);
      yield* bench.hasTick();
    }
    if (!asked()) return failed("no hello in 75 s of PDUs that it cannot open");
    return passed(`refused; a hello within ${Math.ceil((bench.now - start) / 1000)} s`);
  },
};

/** Authentic, and not as messages.md has it: answered with an outcome, never obeyed. */
function malformed(
  id: string,
  requirement: string,
  section: string,
  plans: readonly (readonly [what: string, code: number, plan: (bench: Bench) => PduPlan])[],
): Point {
  return {
    id,
    requirement,
    section,
    *run(bench) {
      for (const [what, code, plan] of plans) {
        yield* bench.link();
        const problem = yield* malformedOnce(bench, plan(bench), code);
        if (problem !== undefined) return failed(`${what}: ${problem}`);
      }
      return passed(plans.map(([what]) => what).join("; "));
    },
  };
}

function* malformedOnce(bench: Bench, plan: PduPlan, code: number): Script<string | undefined> {
  const from = bench.heard.length;
  const sent = bench.plan(plan);
  const answer = yield* answerTo(bench, from, sent, plan.type, "capability");
  if (answer?.message?.kind === "capability") return "obeyed";
  if (answer === undefined) return "no outcome";
  if (answer.message?.kind !== "outcome" || answer.message.code !== code) {
    return `${textOf(answer)}, where ${OUTCOME_NAMES[code]} is due`;
  }
  return (yield* answers(bench)) ? undefined : "the session is gone afterwards";
}

const { malformed: MALFORMED, unsupported: UNSUPPORTED } = OUTCOME;
const changed = (bench: Bench, plan: Partial<PduPlan>): PduPlan => ({
  ...requestPlan(bench),
  ...plan,
});

export const PADDING = malformed("receive.padding", "refuses padding that is not zero", "link §6", [
  ["last byte 1", MALFORMED, (bench) => changed(bench, { lastByte: 1 })],
]);

export const BODY_LENGTH = malformed(
  "receive.body-length",
  "refuses a body of another length than its type's",
  "link §6",
  [
    [
      "3 bytes",
      MALFORMED,
      (bench) => changed(bench, { body: requestPlan(bench).body.slice(0, 3) }),
    ],
    [
      "5 bytes",
      MALFORMED,
      (bench) => changed(bench, { body: Uint8Array.of(...requestPlan(bench).body, 0) }),
    ],
    ["a length beyond the PDU", MALFORMED, (bench) => changed(bench, { claimed: 4000 })],
  ],
);

export const TYPES = malformed(
  "receive.types",
  "refuses types that nobody sends to a module",
  "link §11",
  [
    ["type 0", UNSUPPORTED, (bench) => changed(bench, { type: 0 })],
    ["type 5", UNSUPPORTED, (bench) => changed(bench, { type: 5 })],
    ["type 15", UNSUPPORTED, (bench) => changed(bench, { type: 15 })],
    ["type 255", UNSUPPORTED, (bench) => changed(bench, { type: 255 })],
  ],
);

export const CLASS = malformed(
  "receive.class",
  "refuses a type in another class than its own",
  "link §6",
  [
    ["capability request, urgent", MALFORMED, (bench) => changed(bench, { class: "urgent" })],
    ["capability request, bulk", MALFORMED, (bench) => changed(bench, { class: "bulk" })],
  ],
);

export const VALUES = malformed(
  "receive.values",
  "refuses values that a field cannot have",
  "messages",
  [
    ["state 4", MALFORMED, (bench) => stateBeyondOn(bench)],
    ["time with validity 2", MALFORMED, (bench) => timeWithValidity(bench, 2)],
  ],
);

function stateBeyondOn(bench: Bench): PduPlan {
  const plan = bench.planOf({ kind: "state-change", tick: bench.tick, state: 0, hvBusVoltage: 0 });
  return { ...plan, body: plan.body.with(4, 4) };
}

function timeWithValidity(bench: Bench, valid: number): PduPlan {
  const plan = bench.planOf({ kind: "time", tick: bench.tick, utcMs: 0, valid: 0 });
  return { ...plan, body: plan.body.with(10, valid) };
}

export const LONGER: Point = {
  id: "receive.longer-padding",
  requirement: "takes more zero padding than the shortest",
  section: "link §6",
  *run(bench): Script<Finding> {
    yield* bench.link();
    const from = bench.heard.length;
    bench.plan({ ...requestPlan(bench), extraFrames: 2 });
    const came = yield* bench.until(() => bench.since(from, "capability").length > 0, 1100);
    return came ? passed("16 bytes of zeros more") : failed("16 bytes of zeros more: not taken");
  },
};

function several(
  what: string,
  change: (frames: readonly CanFrame[]) => readonly (CanFrame | undefined)[],
): Attack {
  return {
    what,
    frames(bench) {
      const plan = { extraFrames: bench.fd ? LONG_ON_FD : 0 };
      const frames = spoilt(what, plan).frames(bench);
      return change(frames).filter((frame) => frame !== undefined);
    },
  };
}

function otherCounter(frame: CanFrame | undefined): CanFrame | undefined {
  return frame && { ...frame, id: frame.id ^ (1 << 8) };
}

/** Turns over a bit of the byte that is `back` bytes before the end of the PDU. */
function flipFromEnd(back: number) {
  return (frames: readonly CanFrame[]): readonly CanFrame[] => {
    let left = back;
    for (let i = frames.length - 1; i >= 0; i -= 1) {
      const frame = frames[i];
      if (frame === undefined) break;
      if (left <= frame.data.length) return frames.with(i, flipped(frame, -left));
      left -= frame.data.length;
    }
    return frames;
  };
}

const NOTHING: CanFrame = { id: 0, data: new Uint8Array(0), fd: false };
const first = (frames: readonly CanFrame[]) => frames[0] ?? NOTHING;
const last = (frames: readonly CanFrame[]) => frames.at(-1) ?? NOTHING;
