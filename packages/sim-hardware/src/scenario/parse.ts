import { fromUtf8, messageOf } from "@wattseal/base";
import { SimError } from "../errors.js";
import { checkExpectations } from "./expect.js";
import { Field } from "./fields.js";
import { parseFault } from "./parse-fault.js";
import type { DriveSpec, Expectations, FaultEvent, Scenario } from "./scenario.js";

const LARGEST_BYTES = 1 << 20;
const MOST_EVENTS = 10_000;
const MOST_MODULES = 31;
const LONGEST_SECONDS = 366 * 86_400;
const LARGEST_WATTS = 1e6;
const LARGEST_SEED = 2 ** 32 - 1;
const DEFAULT_SEED = 1;

/** A scenario file: strict JSON, unknown keys refused. `name` goes before what is wrong. Throws SimError `scenario`. */
export function parseScenario(bytes: Uint8Array, name: string): Scenario {
  const root = new Field(name, decodeJson(bytes, name));
  const of = root.object([
    "name",
    "description",
    "modules",
    "seed",
    "entropy",
    "drive",
    "seconds",
    "events",
    "expect",
  ]);
  const seconds = of.seconds.optional((field) => field.number(0.001, LONGEST_SECONDS));
  const expect = of.expect.optional((field) => parseExpectations(field));
  const drive = of.drive.optional((field) => parseDrive(field)) ?? { kind: "demo" };
  if (expect !== undefined && seconds === undefined && drive.kind !== "replay") {
    throw root.refuse("expects something at an end that it does not have: give it seconds");
  }
  const modules = of.modules.optional((field) => field.integer(1, MOST_MODULES));
  const events = of.events.optional((field) => field.list(MOST_EVENTS, parseEvent)) ?? [];
  checkReach(events, seconds, modules);
  if (modules !== undefined) checkExpectations(expect, modules, of.expect.path);
  return {
    name: of.name.text(80),
    description: of.description.text(),
    modules,
    seed: of.seed.optional((field) => field.integer(0, LARGEST_SEED)) ?? DEFAULT_SEED,
    entropy: of.entropy.optional((field) => field.choice(["system", "seeded"])) ?? "system",
    drive,
    seconds,
    events,
    expect,
  };
}

function decodeJson(bytes: Uint8Array, name: string): unknown {
  const refuse = (problem: string, cause?: unknown) =>
    new SimError("scenario", "input", `${name}: ${problem}`, { cause });
  if (bytes.length > LARGEST_BYTES) throw refuse("is larger than 1 MiB");
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw refuse(`is not JSON: ${messageOf(cause)}`, cause);
  }
}

function parseDrive(field: Field): DriveSpec {
  const kind = field.peek("kind").choice(["idle", "demo", "constant", "replay"]);
  switch (kind) {
    case "idle":
    case "demo":
      field.object(["kind"]);
      return { kind };
    case "constant": {
      const { watts } = field.object(["kind", "watts"]);
      return { kind, watts: watts.number(-LARGEST_WATTS, LARGEST_WATTS) };
    }
    case "replay":
      return { kind, file: field.object(["kind", "file"]).file.text() };
  }
}

function parseEvent(field: Field): FaultEvent {
  return {
    at: field.peek("at").number(0, LONGEST_SECONDS),
    seconds: field.peek("seconds").optional((value) => value.number(0.001, LONGEST_SECONDS)),
    fault: parseFault(field),
    place: field.path,
  };
}

/** An event that cannot come, or comes twice, is a slip of whoever wrote the file. */
function checkReach(
  events: readonly FaultEvent[],
  seconds: number | undefined,
  modules: number | undefined,
): void {
  const places = new Map<string, string>();
  for (const { place = "", ...event } of events) {
    const refuse = (problem: string) => new SimError("scenario", "input", `${place}: ${problem}`);
    if (seconds !== undefined && event.at >= seconds) {
      throw refuse(`is at ${event.at} s, and the scenario ends at ${seconds} s`);
    }
    const { fault } = event;
    const slots = "slots" in fault ? fault.slots : undefined;
    const absent = slots?.find((slot) => modules !== undefined && slot > modules);
    if (absent !== undefined) throw refuse(`slot ${absent} of ${modules} modules`);
    const same = JSON.stringify(event);
    const first = places.get(same);
    if (first !== undefined) throw refuse(`is the same as ${first}`);
    places.set(same, place);
  }
}

function parseExpectations(field: Field): Expectations {
  const of = field.object(["linked", "on", "moduleAlarms"]);
  return {
    linked: of.linked.optional((value) => value.integer(0, MOST_MODULES)),
    on: of.on.optional((value) => value.integer(0, MOST_MODULES)),
    moduleAlarms: of.moduleAlarms.optional((value) => value.integer(0, Number.MAX_SAFE_INTEGER)),
  };
}
