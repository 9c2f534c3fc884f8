import type { ModuleMessage, PduClass } from "@wattseal/can-protocol";
import { type Bench, REPLY_MS } from "../bench.js";
import type { Finding, Script } from "../script.js";
import type { Heard } from "../types.js";
import { DOMAIN, type PduPlan } from "../wire.js";

/** What the run may do, and what it needs a hand for. */
export interface Permissions {
  /** Undefined: nobody is there to do it. */
  readonly reset: AskForReset | undefined;
  readonly keyRoll: boolean;
  readonly erase: boolean;
}

/** Has the module reset, by whatever means. What it returns tells whether there is no more use in waiting for it. */
export type AskForReset = () => () => boolean;

/** One requirement of docs/firmware. */
export interface Point {
  readonly id: string;
  readonly requirement: string;
  /** Page and section, such as "link §4". */
  readonly section: string;
  run(bench: Bench, permissions: Permissions): Script<Finding>;
}

/** What would not be noticed on a wire that another node uses too. */
export const SETTLE_MS = 500;
export const OUTCOME_NAMES = ["done", "stale", "refused", "unsupported", "malformed", "failed"];

export interface Sent {
  readonly class: PduClass;
  readonly counter: number;
}

/** Outcomes that name the PDU. */
function outcomesOf(bench: Bench, from: number, sent: Sent, type: number) {
  return bench
    .since(from, "outcome")
    .filter(
      ({ message }) =>
        message.command === type &&
        message.class === DOMAIN[sent.class] &&
        message.counter === sent.counter,
    );
}

/** The first answer: an outcome that names the command, or a message of `kind`. */
export function* answerTo(
  bench: Bench,
  from: number,
  sent: Sent,
  type: number,
  kind?: ModuleMessage["kind"],
): Script<Heard | undefined> {
  const find = () =>
    (kind === undefined ? undefined : bench.since(from, kind)[0]) ??
    outcomesOf(bench, from, sent, type)[0];
  yield* bench.until(() => find() !== undefined, REPLY_MS);
  return find();
}

/** A capability request that is right in every way, as a plan to be spoilt. */
export function requestPlan(bench: Bench): PduPlan {
  return bench.planOf({ kind: "capability-request", tick: bench.tick });
}

/** Whether the module answers a capability request under `session`. */
export function* answers(bench: Bench, session = bench.session): Script<boolean> {
  yield* bench.hasTick();
  const from = bench.heard.length;
  bench.plan(requestPlan(bench), session);
  return yield* bench.until(() => bench.since(from, "capability").length > 0, REPLY_MS);
}

export function textOf({ message, type, class: cls }: Heard): string {
  if (message === undefined) return `type ${type}, ${cls}, undecodable`;
  if (message.kind !== "outcome") return message.kind;
  return `outcome ${OUTCOME_NAMES[message.code] ?? message.code}`;
}

export const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
