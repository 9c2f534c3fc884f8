/** One log for each rule of docs/ledger-format.md that it breaks, and nothing else: only the rule can tell. */
import { type CborValue, encodeCbor, millis, moduleUid, sha256 } from "@wattseal/base";
import { historyOf } from "./histories.js";
import {
  continued,
  documentOf,
  evidence,
  fieldsOf,
  KeyedLog,
  LCT,
  listOf,
  order,
  statement,
  typeOf,
  WITNESS_KEY,
} from "./keyed-log.js";

interface BrokenLog {
  readonly entries: readonly Uint8Array[];
  /** Index of the entry that breaks the rule. */
  readonly at: number;
}

export interface BrokenRule {
  readonly rule: string;
  readonly what: string;
  readonly broken: () => BrokenLog;
}

const UID = "5d01000000000001";
const uid = new Uint8Array(Buffer.from(UID, "hex"));
const stranger = new Uint8Array(8).fill(9);
const DAY = 86_400_000;
const digest = new Uint8Array(32);

const known = new Map<number, KeyedLog>();
/** Shared: whoever takes it only reads it. */
function base(seed = 10): KeyedLog {
  const found = known.get(seed) ?? historyOf(seed, 30);
  known.set(seed, found);
  return found;
}

/** The first history in which `find` finds an entry's index. */
function search(what: string, find: (entries: readonly Uint8Array[]) => number) {
  for (let seed = 10; seed < 60; seed += 1) {
    const { entries } = base(seed);
    const at = find(entries);
    if (at !== -1) return { entries, at };
  }
  throw new Error(`no history to break with: ${what}`);
}

type Body = (log: KeyedLog) => readonly CborValue[];

/** A good log and, after it, one bad entry. */
function appended(rule: string, what: string, type: string, body: Body, later = 0): BrokenRule {
  return {
    rule,
    what,
    broken: () => {
      const log = base();
      const bad = encodeCbor([1, type, log.now + later, body(log)]);
      return { entries: [...log.entries, bad], at: log.entries.length };
    },
  };
}

/** The last entry of a type with another body; everything after it follows from the altered one. */
function changed(
  rule: string,
  what: string,
  type: string,
  change: (body: readonly CborValue[]) => readonly CborValue[] | undefined,
): BrokenRule {
  return {
    rule,
    what,
    broken: () => {
      const bodyAt = (entry: Uint8Array) => {
        const fields = fieldsOf(entry);
        return fields[1] === type ? change(listOf(fields[3])) : undefined;
      };
      const find = (all: readonly Uint8Array[]) =>
        all.findLastIndex((e) => bodyAt(e) !== undefined);
      const { entries, at } = search(`${type}, ${what}`, find);
      const bad = encodeCbor(fieldsOf(entries[at]!).with(3, bodyAt(entries[at]!)!));
      return { entries: continued(entries.with(at, bad), at), at };
    },
  };
}

/** Without the last entry of a type, the one of another type right after it may not come. */
function dropped(rule: string, what: string, type: string, after: string): BrokenRule {
  return {
    rule,
    what,
    broken: () => {
      const { entries, at } = search(`${type}, ${what}`, (all) =>
        all.findLastIndex((entry, i) => {
          const follower = all[i + 1];
          return typeOf(entry) === type && follower !== undefined && typeOf(follower) === after;
        }),
      );
      return { entries: continued(entries.toSpliced(at, 1), -1), at };
    },
  };
}

const ALLOW: readonly CborValue[] = ["allow", []];

/** After the beginning of a log whose clock is synchronised, an order that may not be obeyed. */
function commanded(what: string, fields: Body, key: Uint8Array = WITNESS_KEY[1]): BrokenRule {
  return {
    rule: "O-7",
    what: `an order ${what}`,
    broken: () => {
      const log = new KeyedLog();
      const signed = order(fields(log));
      const bad = encodeCbor([1, "ops.command", log.now, [signed, key]]);
      return { entries: [...log.entries, bad], at: log.entries.length };
    },
  };
}

const more = (value: CborValue | undefined, by = 1) => Number(value) + by;

/** An interval that goes on where the module's record ends, a minute without energy. */
function next(log: KeyedLog, fields: { readonly [place: number]: CborValue }): CborValue[] {
  const { t1, end } = log.fold.moduleEnd(moduleUid(UID))!;
  const { in: inward, out, boot } = end!;
  const counters = [inward, out, boot];
  const extremes = [23_000, 23_333, 0, 65_535, 7_000, 7_100, 100, 100];
  const record = [uid, t1, log.now, 0, 0, counters, counters, 0, 0, ...extremes];
  const interval: CborValue[] = [...record, 60, digest, "consistent"];
  return interval.map((value, place) => fields[place] ?? value);
}

/** An interval of some ten minutes, begun `late` ms before them, of which counters and integral are `apart` mWh. */
function aggregated(of: {
  readonly minutes: number | undefined;
  readonly late: number;
  readonly apart?: number;
}): BrokenLog {
  const log = historyOf(10, 3);
  const { late, minutes, apart = 0 } = of;
  const start = Math.ceil(log.now / 600_000) * 600_000 + 600_000;
  const { t1, counters } = ends(log);
  log.now = start - late;
  log.put("energy.gap", [uid, t1, log.now, 0, 0, counters, counters, "away"]);
  if (minutes !== undefined) log.put("energy.resolution", [minutes, "disk-pressure", ""]);
  log.now = start + 599_999;
  const bad = encodeCbor([1, "energy.interval", log.now, next(log, { 7: apart })]);
  return { entries: [...log.entries, bad], at: log.entries.length };
}

function ends(log: KeyedLog) {
  const { t1, end } = log.fold.moduleEnd(moduleUid(UID))!;
  return { t1, counters: [end!.in, end!.out, end!.boot] };
}

function epochBody(log: KeyedLog, ...change: readonly [number, CborValue][]): CborValue[] {
  const epoch = log.fold.epoch!.epoch + 1;
  const tree = [log.entries.length, log.replay.root()];
  const body: CborValue[] = [LCT, epoch, digest, "test", ...tree, log.now, 1];
  return [evidence(change.reduce((all, [place, value]) => all.with(place, value), body))];
}

function window(log: KeyedLog, by: Partial<Record<"t0" | "t1" | "count" | "net", number>>) {
  const due = log.fold.nextWindow((log.now + 1_000) as never);
  const { t0 = 0, t1 = 0, count = 0, net = 0 } = by;
  return [due.t0 + t0, due.t1 + t1, due.first ?? [], due.count + count, due.net + net];
}

const signed = (payload: readonly CborValue[]) => [statement(payload)];
const mint = (amount: number, serial: number) => signed(["wattseal-mint-1", LCT, amount, serial]);
const terms = (version: number, ...bps: readonly number[]) =>
  signed(["wattseal-policy-1", LCT, version, ...bps, "high", 7, 7, 0, 0]);
const source = (name: string, kind: string, provenAt: number) =>
  signed(["wattseal-source-1", LCT, name, kind, 1_000, provenAt, []]);

export const BROKEN_RULES: readonly BrokenRule[] = [
  appended("O-1", "time goes back", "ops.config", () => ["x", digest], -1),
  appended("O-2", "ends another epoch", "epoch.end", () => [63, "shutdown"]),
  appended("O-3", "an epoch that has expired", "ops.config", () => ["x", digest], 32 * DAY),
  {
    rule: "O-4",
    what: "the log of an agent",
    broken: () => {
      const { now } = base();
      return { entries: [encodeCbor([1, "lct.document", now, [documentOf("agent")]])], at: 0 };
    },
  },
  appended("O-10", "more had back than there is", "ops.restored", (log) => [
    log.entries.length + 1,
    "word",
    "backup",
  ]),
  appended("O-10", "nothing had back", "ops.restored", () => [0, "word", "backup"]),
  appended("O-6", "a snapshot right after the start", "ops.snapshot", (log) => [
    sha256(log.replay.snapshot()),
  ]),
  commanded("of another pack", ({ now }) => [LCT.replace(":pack:", ":app:"), ALLOW, now + 1, []]),
  commanded("past its time", ({ now }) => [LCT, ALLOW, now, []]),
  commanded("too far ahead", ({ now }) => [LCT, ALLOW, now + 300_001, []]),
  commanded("by delegation", ({ now }) => [LCT, ALLOW, now + 1, [digest]]),
  commanded("of an unknown action", ({ now }) => [LCT, ["explode", []], now + 1, []]),
  commanded("of an action with more", ({ now }) => [LCT, ["isolate", [1]], now + 1, []]),
  commanded("that no clock can judge", (log) => {
    log.put("ops.clock", ["unsynchronised", "test", 0]);
    return [LCT, ALLOW, log.now + 1, []];
  }),
  commanded("under another key", ({ now }) => [LCT, ALLOW, now + 1, []], digest),
  {
    rule: "O-7",
    what: "an order with another signature",
    broken: () => {
      const log = new KeyedLog();
      const signed = order([LCT, ALLOW, log.now + 1, []]);
      signed[signed.length - 40]! ^= 1;
      const bad = encodeCbor([1, "ops.command", log.now, [signed, WITNESS_KEY[1]]]);
      return { entries: [...log.entries, bad], at: log.entries.length };
    },
  },
  appended("O-8", "an outcome of itself", "ops.outcome", ({ entries }) => [
    entries.length,
    "done",
    "",
  ]),
  appended("O-9", "a loss that is yet to come", "ops.loss", (log) => [
    "evidence",
    log.now,
    log.now + 5_001,
    "x",
    "",
  ]),
  appended("O-9", "a loss that ends before it begins", "ops.loss", (log) => [
    "evidence",
    log.now,
    log.now - 1,
    "x",
    "",
  ]),
  appended("P-1", "of another LCT", "epoch.begin", (log) =>
    epochBody(log, [0, LCT.replace("pack", "agent")]),
  ),
  appended("P-2", "a clone", "epoch.begin", (log) => epochBody(log, [1, log.fold.epoch!.epoch])),
  {
    rule: "P-2",
    what: "an epoch again, after its end",
    broken: () => {
      const { fold, entries, now } = base();
      const end = encodeCbor([1, "epoch.end", now, [fold.epoch!.epoch, "shutdown"]]);
      const begin = entries.findLast((entry) => typeOf(entry) === "epoch.begin")!;
      const again = encodeCbor(fieldsOf(begin).with(2, now));
      return { entries: [...entries, end, again], at: entries.length + 1 };
    },
  },
  appended("P-4", "continues a shorter tree", "epoch.begin", (log) => epochBody(log, [4, 3])),
  appended("P-5", "younger than its entry", "epoch.begin", (log) =>
    epochBody(log, [6, log.now + 1]),
  ),
  appended("M-1", "was not paired", "link.unpaired", () => [stranger, "x"]),
  appended("M-2", "another module's word", "energy.statement", () => [
    uid,
    Buffer.concat([stranger, new Uint8Array(50)]),
  ]),
  appended("M-3", "ends after its entry", "energy.interval", (log) =>
    next(log, { 2: log.now + 5_001 }),
  ),
  appended("M-4", "a hole in time", "energy.interval", (log) => next(log, { 1: ends(log).t1 - 1 })),
  appended("M-4", "a hole in the counters", "energy.interval", (log) =>
    next(log, { 5: [1, 1, 1], 6: [1, 1, 1] }),
  ),
  appended("M-5", "energy is not the difference", "energy.interval", (log) => next(log, { 3: 1 })),
  appended("M-5", "is not paired", "energy.interval", (log) => next(log, { 0: stranger })),
  changed("M-6", "energy is not the difference", "energy.gap", (b) => b.with(3, more(b[3]))),
  appended("M-6", "no counter went back", "energy.reset", (log) => {
    const { t1, counters } = ends(log);
    return [uid, t1, t1, counters, counters];
  }),
  appended("M-7", "more than the extremes allow", "energy.interval", (log) =>
    next(log, { 7: 9_000_000, 19: "suspect" }),
  ),
  {
    rule: "M-7",
    what: "longer than a minute, where nothing says so",
    broken: () => aggregated({ minutes: undefined, late: 5_000 }),
  },
  {
    rule: "M-7",
    what: "begun too long before its ten minutes",
    broken: () => aggregated({ minutes: 10, late: 5_001 }),
  },
  {
    rule: "M-10",
    what: "aggregated, and further apart than its minutes allow",
    broken: () => aggregated({ minutes: 10, late: 5_000, apart: 1_001 }),
  },
  appended("M-12", "no divisor of an hour", "energy.resolution", () => [7, "x", ""]),
  appended("M-12", "the resolution that there is", "energy.resolution", () => [1, "x", ""]),
  appended("M-7", "no reading", "energy.interval", (log) => next(log, { 17: 0 })),
  changed("M-10", "milder than the figures", "energy.interval", (b) =>
    b[19] === "suspect" && Math.abs(more(b[3], -Number(b[7]))) > 40_000
      ? b.with(19, "consistent")
      : undefined,
  ),
  appended("M-10", "beyond the charge", "energy.interval", (log) => next(log, { 15: 0, 16: 200 })),
  appended("C-2", "nothing to check", "energy.check", (log) => [
    "pack-shunt",
    log.now - 1,
    log.now,
    5,
    0,
    0,
    0,
    "consistent",
  ]),
  changed("C-2", "of another time", "energy.check", (b) => b.with(2, more(b[2], 5_001))),
  changed("C-3", "another verdict", "energy.check", (b) =>
    b[7] === "suspect" ? b.with(7, "consistent") : undefined,
  ),
  appended("W-2", "no suspect interval", "energy.resolve", () => [2, "accept", "x", ""]),
  appended("W-3", "net", "energy.window", (log) => window(log, { net: 1 }), 1_000),
  appended("W-3", "count", "energy.window", (log) => window(log, { count: 1 }), 1_000),
  appended("W-3", "a hole", "energy.window", (log) => window(log, { t0: 1 }), 1_000),
  appended("W-3", "ends after its entry", "energy.window", (log) => window(log, { t1: 1 }), 1_000),
  appended("A-1", "of nobody accepted", "society.mint", () => {
    const mint = statement(["wattseal-mint-1", LCT, 1, 900]);
    return [mint.with(12, (mint[12] ?? 0) ^ 1)];
  }),
  appended("S-1", "of another society", "society.mint", () =>
    signed(["wattseal-mint-1", LCT.replace("pack", "agent"), 1, 900]),
  ),
  appended("S-3", "the same serial", "society.mint", () => mint(1, 1)),
  {
    rule: "S-3",
    what: "supply beyond 2^51",
    broken: () => {
      const log = base();
      const mints = Array.from({ length: 8 }, (_, i) =>
        encodeCbor([1, "society.mint", log.now, mint(2 ** 48 - 1, 900 + i)]),
      );
      return { entries: [...log.entries, ...mints], at: log.entries.length + 7 };
    },
  },
  appended("S-4", "the same version", "society.policy", () => terms(1, 3, 2, 1)),
  appended("S-4", "shares rise", "society.policy", () => terms(900, 1, 2, 3)),
  appended("S-5", "proven tomorrow", "society.source", (log) =>
    source("other", "grid", log.now + 1),
  ),
  appended("S-5", "no newer", "society.source", () => source("grid-1", "grid", 5)),
  appended("S-5", "another kind", "society.source", (log) => source("grid-1", "wind", log.now)),
  appended("S-5", "labour without a meter", "society.source", (log) =>
    source("other", "labour", log.now),
  ),
  appended("S-8", "nothing is due", "society.expire", () => [[], []]),
  changed("S-8", "names less than is due", "society.expire", (b) => {
    const [lot] = listOf(b[0]);
    return lot === undefined
      ? undefined
      : [[listOf(lot).with(2, more(listOf(lot)[2]))], listOf(b[1])];
  }),
  dropped("S-7", "a window while something is due", "society.expire", "energy.window"),
  changed("S-9", "another share", "society.charge", (b) => b.with(2, more(b[2]))),
  changed("S-9", "more than is eligible", "society.charge", (b) => {
    const [part] = listOf(b[1]);
    return [2 ** 40, [[listOf(part)[0]!, 2 ** 40]], b[2]!];
  }),
  changed("S-10", "a source nobody knows", "society.charge", (b) => b.with(1, [["x", b[0]!]])),
  {
    rule: "S-10",
    what: "more than rated power allows",
    broken: () => {
      for (let seed = 10; seed < 60; seed += 1) {
        const { fold, now, entries } = base(seed);
        const most = fold.society.chargeFor(millis(now), "grid-1");
        if (most === undefined || fold.summary().eligible <= most.amount) continue;
        const amount = most.amount + 1;
        const body = [amount, [["grid-1", amount]], most.tierBps];
        const bad = encodeCbor([1, "society.charge", now, body]);
        return { entries: [...entries, bad], at: entries.length };
      }
      throw new Error("no history has more eligible than its source may charge");
    },
  },
  appended("S-13", "a second opening", "energy.reconcile", () => ["opening", 1, ""]),
  {
    rule: "S-13",
    what: "an opening after a measured end",
    broken: () => {
      const log = new KeyedLog();
      log.put("energy.reconcile", ["full", 5, ""]);
      const bad = encodeCbor([1, "energy.reconcile", log.now, ["opening", 1, ""]]);
      return { entries: [...log.entries, bad], at: log.entries.length };
    },
  },
  appended("S-16", "more than is withheld", "society.certify", () => [2 ** 40, "load", "x", []]),
  appended("S-17", "more than there is", "society.reserve", () => [2 ** 40, LCT, "x", []]),
  appended("S-18", "no ticket", "society.commit", () => [3, 1, 0, []]),
  changed("S-18", "more than the ticket holds", "society.commit", (b) => b.with(1, 2 ** 40)),
  appended("S-19", "no ticket", "society.rollback", () => [3, "failure", []]),
  changed("S-19", "before its deadline", "society.rollback", (b) =>
    b[1] === "failure" ? b.with(1, "deadline") : undefined,
  ),
  changed("S-19", "names what is not past its date", "society.rollback", (b) =>
    b.with(2, [...listOf(b[2]), [1, 1, 1]]),
  ),
];
