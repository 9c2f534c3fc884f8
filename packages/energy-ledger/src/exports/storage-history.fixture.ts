/** Random histories of a society's energy, and what storage records say of them. */
import fc from "fast-check";
import { decodeEntry } from "../entries/entry.js";
import { DAY, foldOf, type TestLog } from "../ledger.fixture.js";
import { StorageRecords } from "./storage.js";
import type { StorageRecord } from "./storage-record.js";

export const HEAD = { origin: "wattseal/test", size: 900, root: "ab".repeat(32) };

/** Replays the log with a fold of its own, as an export does. */
export function recordsOf(log: TestLog, epochs?: Parameters<typeof foldOf>[0]): StorageRecord[] {
  const fold = foldOf(epochs);
  const records = new StorageRecords(HEAD);
  let before = fold.summary();
  return log.entries.flatMap((bytes, index) => {
    const entry = decodeEntry(bytes);
    fold.apply(index, entry);
    const after = fold.summary();
    const made = records.take(index, entry, before, after);
    before = after;
    return made;
  });
}

export const step = fc.record({
  kind: fc.constantFrom(
    "in",
    "in",
    "out",
    "charge",
    "certify",
    "reserve",
    "commit",
    "fail",
    "full",
  ),
  amount: fc.integer({ min: 1, max: 500 }),
  wait: fc.constantFrom(0, 0, 0, 0, 0, DAY, 3 * DAY),
} as const);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a history can do next; nothing where the rules allow nothing. */
const MOVES: Record<Step["kind"], (log: TestLog, amount: number) => unknown> = {
  in: (log, amount) => log.minute(amount, 0),
  out: (log, amount) => log.minute(0, amount),
  charge: (log) => {
    const charge = log.fold.society.chargeFor(log.time, "roof");
    return charge && log.add("society.charge", charge);
  },
  certify: (log, amount) => {
    const most = Math.min(amount, log.summary.withheld, log.summary.adp);
    return most > 0 && log.certify(most);
  },
  reserve: (log, amount) => {
    const most = Math.min(amount, log.fold.society.reservable);
    return most > 0 && log.reserve(most);
  },
  commit: (log) => {
    const open = log.fold.society.tickets().find(({ held }) => held > 0);
    return open && log.commit(open.ticket, Math.ceil(open.held / 2));
  },
  fail: (log) => {
    const open = log.fold.society.tickets()[0];
    return open && log.fail(open.ticket);
  },
  full: (log, amount) =>
    log.add("energy.reconcile", { kind: "full", stock: amount as never, basis: "" }),
};

export function walk(log: TestLog, { kind, amount, wait }: Step): void {
  log.now += wait;
  log.expire();
  MOVES[kind](log, amount);
}
