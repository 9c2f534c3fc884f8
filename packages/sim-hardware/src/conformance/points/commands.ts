import { bytesEqual, utf8 } from "@wattseal/base";
import {
  CAPABILITY,
  type Capability,
  type ModuleMessage,
  OUTCOME,
  type PackMessage,
} from "@wattseal/can-protocol";
import { deriveKey, hmacSha256 } from "@wattseal/device-keys";
import type { Bench } from "../bench.js";
import { type Finding, failed, notObserved, passed, type Script } from "../script.js";
import type { Heard } from "../types.js";
import { answerTo, type Point, SETTLE_MS, textOf } from "./point.js";

const VERSION = 1;
const LEAST_PDU = 64;
const LAST_FRAME = 0xffff_ffff;
const OFF = 0;
const STANDBY = 1;
const STATE_MS = 2000;
const STAYS_MS = 3000;
/** Body of a counter statement before its code. */
const STATEMENT_LENGTH = 26;

function* ask(
  bench: Bench,
  message: PackMessage,
  kind?: ModuleMessage["kind"],
): Script<Heard | undefined> {
  const from = bench.heard.length;
  const sent = bench.send(message);
  return yield* answerTo(bench, from, sent, bench.planOf(message).type, kind);
}

const codeOf = (heard: Heard | undefined) =>
  heard?.message?.kind === "outcome" ? heard.message.code : undefined;
const seenIn = (heard: Heard | undefined) => (heard === undefined ? "no answer" : textOf(heard));

export const CAPABILITIES: Point = {
  id: "command.capability",
  requirement: "declares the same capabilities as in message 2, and possible limits",
  section: "messages, type 10",
  *run(bench) {
    const session = yield* bench.link();
    const answer = yield* ask(
      bench,
      { kind: "capability-request", tick: bench.tick },
      "capability",
    );
    if (answer?.message?.kind !== "capability") return failed(seenIn(answer));
    const problem = problemOf(answer.message, session.terms.capabilities);
    const { capabilities, maxRate, maxPdu } = answer.message;
    return problem === undefined
      ? passed(`capabilities ${capabilities}, ${maxRate} Hz, PDUs to ${maxPdu} bytes`)
      : failed(problem);
  },
};

function problemOf(answer: Capability, declared: number): string | undefined {
  if (answer.version !== VERSION) return `version ${answer.version}`;
  if (answer.capabilities !== declared)
    return `${answer.capabilities}, and ${declared} in message 2`;
  if (answer.maxRate === 0) return "a highest rate of 0";
  return answer.maxPdu < LEAST_PDU ? `PDUs to ${answer.maxPdu} bytes only` : undefined;
}

export const OUTCOMES: Point = {
  id: "command.outcome",
  requirement: "answers a command once, naming its type, class and counter",
  section: "link §9",
  *run(bench) {
    yield* bench.link();
    const from = bench.heard.length;
    const now = Math.floor(bench.now);
    const sent = bench.send({ kind: "time", tick: bench.tick, utcMs: now, valid: 1 });
    yield* bench.sleep(3 * SETTLE_MS);
    const outcomes = bench.since(from, "outcome");
    const [outcome] = outcomes;
    if (outcome === undefined) return failed("no outcome to a time");
    if (outcomes.length > 1) return failed(`${outcomes.length} outcomes to one command`);
    const { command, class: cls, counter, code } = outcome.message;
    if (command !== 8 || cls !== 1 || counter !== sent.counter) {
      return failed(
        `names type ${command}, class ${cls}, counter ${counter}, not 8, 1, ${sent.counter}`,
      );
    }
    if (code !== OUTCOME.done && code !== OUTCOME.unsupported) return failed(textOf(outcome));
    return passed(`${textOf(outcome)}, once`);
  },
};

interface Request {
  readonly what: string;
  readonly kind: ModuleMessage["kind"];
  /** Without it, the answer may be outcome 3. */
  readonly capability: number | undefined;
  message(tick: number): PackMessage;
}

const REQUESTS: readonly Request[] = [
  {
    what: "cell detail",
    kind: "cell-detail",
    capability: CAPABILITY.cellDetail,
    message: (tick) => ({ kind: "cell-detail-request", tick, cell: 0 }),
  },
  {
    what: "hardware",
    kind: "hardware",
    capability: undefined,
    message: (tick) => ({ kind: "hardware-request", tick }),
  },
  {
    what: "log frame",
    kind: "log-frame",
    capability: CAPABILITY.logFrames,
    message: (tick) => ({ kind: "log-frame-request", tick, counter: LAST_FRAME }),
  },
  {
    what: "counter statement",
    kind: "counter-statement",
    capability: CAPABILITY.counterStatement,
    message: (tick) => ({ kind: "counter-statement-request", tick }),
  },
];

export const REQUESTS_ANSWERED: Point = {
  id: "command.requests",
  requirement: "answers what it declares, and the rest with outcome 3",
  section: "messages",
  *run(bench) {
    const seen: string[] = [];
    for (const request of REQUESTS) {
      const { terms } = yield* bench.link();
      const answer = yield* ask(bench, request.message(bench.tick), request.kind);
      const isDeclared =
        request.capability !== undefined && (terms.capabilities & request.capability) !== 0;
      const problem = problemWith(request, isDeclared, answer);
      if (problem !== undefined) return failed(`${request.what}: ${problem}`);
      seen.push(`${request.what}: ${seenIn(answer)}`);
    }
    return passed(seen.join("; "));
  },
};

function problemWith(
  request: Request,
  isDeclared: boolean,
  answer: Heard | undefined,
): string | undefined {
  if (answer === undefined) return "no answer";
  if (answer.message?.kind === request.kind) return undefined;
  // A module with log frames may have none to give.
  if (isDeclared && codeOf(answer) !== OUTCOME.refused)
    return `declared, and yet ${textOf(answer)}`;
  if (!isDeclared && codeOf(answer) !== OUTCOME.unsupported) return textOf(answer);
  return undefined;
}

export const STATEMENT: Point = {
  id: "command.statement",
  requirement: "the counter statement is of this module and its code is right",
  section: "messages, type 13",
  *run(bench) {
    const { terms } = yield* bench.link();
    if ((terms.capabilities & CAPABILITY.counterStatement) === 0) {
      return notObserved("not among the module's capabilities");
    }
    const answer = yield* ask(
      bench,
      { kind: "counter-statement-request", tick: bench.tick },
      "counter-statement",
    );
    if (answer?.message?.kind !== "counter-statement") return failed(seenIn(answer));
    const { uid, mac } = answer.message;
    const { module, federationHalf } = bench.pairing;
    if (uid !== module.uid) return failed(`of uid ${uid}`);
    if (federationHalf === undefined) return notObserved("the federation's half was not given");
    const shared = federationHalf.dh(module.half);
    const key = deriveKey(shared, utf8("wattseal-counter-1"));
    shared.fill(0);
    const right = hmacSha256(key, answer.body.subarray(0, STATEMENT_LENGTH));
    key.fill(0);
    return bytesEqual(right, mac)
      ? passed("its code verifies")
      : failed("its code does not verify");
  },
};

const needsState = (bench: Bench): Finding | undefined =>
  bench.highestState >= STANDBY ? undefined : notObserved("the run may not leave Off: see --allow");

/** Orders a state and waits until telemetry shows it. */
function* goTo(bench: Bench, state: number): Script<Heard | undefined> {
  const from = bench.heard.length;
  const order = { kind: "state-change", tick: bench.tick, state, hvBusVoltage: 0 } as const;
  const answer = yield* ask(bench, order);
  yield* bench.until(() => bench.stateSince(from) === state, STATE_MS);
  return answer;
}

export const STATE: Point = {
  id: "command.state",
  requirement: "refuses a state above what heartbeats allow with outcome 2",
  section: "messages, type 4",
  *run(bench) {
    yield* bench.link();
    bench.allow(OFF);
    yield* bench.sleep(2 * SETTLE_MS);
    const before = bench.stateSince(0);
    const from = bench.heard.length;
    const answer = yield* goTo(bench, STANDBY);
    const state = bench.stateSince(from);
    bench.allow(bench.highestState);
    if (codeOf(answer) !== OUTCOME.refused) return failed(seenIn(answer));
    if (state !== before) return failed(`outcome refused, and yet in state ${state}`);
    return passed(`outcome refused, and in state ${state} as before`);
  },
};

export const HEARTBEAT_LIMIT: Point = {
  id: "command.limit",
  requirement: "goes down at once when heartbeats allow less, and tells so",
  section: "link §9",
  *run(bench) {
    const missing = needsState(bench);
    if (missing !== undefined) return missing;
    yield* bench.link();
    const ordered = yield* goTo(bench, bench.highestState);
    let from = bench.heard.length;
    yield* bench.sleep(SETTLE_MS);
    if (bench.stateSince(from) !== bench.highestState) {
      return notObserved(`state ${bench.highestState} was ordered: ${seenIn(ordered)}`);
    }
    from = bench.heard.length;
    bench.allow(OFF);
    yield* bench.sleep(2 * SETTLE_MS);
    const state = bench.stateSince(from);
    const told = bench.since(from, "state-report").some(({ message }) => message.state === OFF);
    bench.allow(bench.highestState);
    yield* goTo(bench, bench.highestState);
    if (state !== OFF) return failed(`in state ${state} a second later`);
    if (!told) return failed("Off, and no state report");
    return passed("Off, and told in a state report");
  },
};

export const ISOLATE: Point = {
  id: "command.isolate",
  requirement: "isolate: Off at once, outcome 0, and Off until a state change",
  section: "messages, type 6",
  *run(bench) {
    yield* bench.link();
    let from = bench.heard.length;
    const order = { kind: "isolate", tick: bench.tick, cause: 1 } as const;
    const answer = yield* ask(bench, order);
    yield* bench.sleep(STAYS_MS);
    const up = bench
      .since(from, "telemetry")
      .filter(({ at }) => at > (answer?.at ?? 0))
      .find(({ message }) => message.status1.state !== OFF);
    from = bench.heard.length;
    if (bench.highestState >= STANDBY) yield* goTo(bench, bench.highestState);
    if (codeOf(answer) !== OUTCOME.done) return failed(seenIn(answer));
    if (up !== undefined) return failed(`in state ${up.message.status1.state} after it`);
    return passed("outcome done, and Off for 3 s under heartbeats");
  },
};
