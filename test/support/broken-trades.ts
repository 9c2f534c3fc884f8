/** Logs of a market that break one rule of docs/ledger-format.md, Other societies, each. */
import { type CborValue, encodeCbor } from "@wattseal/base";
import type { BrokenRule } from "./broken-rules.js";
import { bytesOf, continued, fieldsOf, type KeyedLog, LCT, listOf, typeOf } from "./keyed-log.js";
import { marketOf } from "./trades.js";

const MINUTE = 60_000;
const DAY = 86_400_000;

const markets: (readonly KeyedLog[])[] = [];

interface Found {
  readonly lct: string;
  readonly entries: readonly Uint8Array[];
  readonly at: number;
  readonly body: readonly CborValue[];
  readonly now: number;
}

/** The first entry of a type, in the logs of some markets, that `fits`. */
function search(type: string, fits: (found: Found) => boolean): Found {
  for (let seed = 0; seed < 12; seed += 1) {
    const market = markets[seed] ?? marketOf(seed, 25);
    markets[seed] = market;
    for (const { entries, lct } of market) {
      for (const [at, entry] of entries.entries()) {
        if (typeOf(entry) !== type) continue;
        const [, , time, body] = fieldsOf(entry);
        const found = { lct, entries, at, body: listOf(body), now: Number(time) };
        if (fits(found)) return found;
      }
    }
  }
  throw new Error(`no market has such a ${type}`);
}

type Change = (body: readonly CborValue[], now: number) => readonly CborValue[] | undefined;

/** An entry of a type with another body. */
function changed(rule: string, what: string, type: string, change: Change): BrokenRule {
  return {
    rule,
    what,
    broken: () => {
      const { entries, at, body, now } = search(type, (f) => change(f.body, f.now) !== undefined);
      const bad = encodeCbor([1, type, now, change(body, now)!]);
      return { entries: continued(entries.with(at, bad), at), at };
    },
  };
}

/** After an entry of a type, one more. */
function then(
  rule: string,
  what: string,
  type: string,
  make: (found: Found) => CborValue[] | undefined,
) {
  return {
    rule,
    what,
    broken: () => {
      const found = search(type, (each) => make(each) !== undefined);
      const at = found.at + 1;
      return {
        entries: continued(found.entries.toSpliced(at, 0, encodeCbor(make(found)!)), -1),
        at,
      };
    },
  };
}

const again = ({ entries, at }: Found) => [...fieldsOf(entries[at]!)];
const when = <T>(holds: boolean, value: T) => (holds ? value : undefined);
const flipped = (proof: CborValue | undefined) =>
  bytesOf(proof).with(90, 1 + (bytesOf(proof)[90] ?? 0));
const more = (value: CborValue | undefined, by = 1) => Number(value) + by;
const other = LCT.replace("pack", "agent");

/** Terms within a body, with one field of them changed. */
const terms = (place: number, field: number, change: (value: CborValue) => CborValue) =>
  ((body) =>
    body.with(
      place,
      listOf(body[place]).with(field, change(listOf(body[place])[field]!)),
    )) satisfies Change;

export const BROKEN_TRADES: readonly BrokenRule[] = [
  changed("T-1", "the seller buys", "society.escrow", (b) => b.with(2, b[0]!)),
  changed("T-1", "the buyer decides", "society.escrow", (b) => b.with(3, b[2]!)),
  changed("T-1", "over before it is decided", "society.escrow", (b) => b.with(8, b[7]!)),
  changed("T-1", "nothing arrives", "society.escrow", (b) => b.with(6, 2 ** 47)),
  changed("T-2", "a flipped bit", "society.offer", (b) => b.with(1, flipped(b[1]))),
  changed("T-2", "a flipped bit", "society.record", (b) => b.with(4, flipped(b[4]))),
  changed("T-3", "of another entry", "society.escrow", (b) => b.with(1, more(b[1]))),
  changed("T-3", "decided after a day", "society.escrow", (b, now) =>
    b.with(7, now + DAY + 1).with(8, now + 2 * DAY),
  ),
  changed("T-3", "decided before now", "society.escrow", (b, now) => b.with(7, now)),
  changed("T-3", "a buyer nobody knows", "society.escrow", (b) => b.with(2, other)),
  changed("T-3", "a witness nobody knows", "society.escrow", (b) => b.with(3, other)),
  changed("T-3", "more than the lots", "society.escrow", (b) => b.with(4, 2 ** 40)),
  changed("T-3", "longer than the oldest lot", "society.escrow", (b, now) =>
    b.with(8, now + 4 * DAY),
  ),
  changed(
    "T-4",
    "another amount",
    "society.offer",
    terms(0, 4, (v) => more(v)),
  ),
  changed(
    "T-4",
    "of another society's log",
    "society.offer",
    terms(0, 3, () => other),
  ),
  then("T-4", "offered again", "society.offer", again),
  changed("T-5", "what was not offered", "society.decide", (b) =>
    when(b[0] === "abort", ["commit", listOf(b[1]).with(6, more(listOf(b[1])[6]))]),
  ),
  then("T-5", "decided again", "society.decide", (f) => when(f.body[0] === "commit", again(f))),
  then("T-5", "aborted after the commit", "society.decide", (f) =>
    when(f.body[0] === "commit", again(f).with(3, f.body.with(0, "abort"))),
  ),
  then("T-5", "committed after decideBy", "society.offer", (f) => {
    const late = Number(listOf(f.body[0])[7]) + 1;
    const next = f.entries[f.at + 1];
    const fits = late < more(listOf(f.body[0])[8], -1) && next !== undefined;
    return when(
      fits && late < f.now + MINUTE && Number(fieldsOf(next ?? f.entries[0]!)[2]) > late,
      [1, "society.decide", late, ["commit", f.body[0]!]],
    );
  }),
  changed("T-7", "another word than decided", "society.trade", (b) =>
    when(b[0] === "abort", b.with(0, "commit")),
  ),
  changed("T-7", "a lapse before its time", "society.trade", (b, now) =>
    when(b[0] === "abort" && Number(listOf(b[1])[8]) > now, ["lapse", b[1]!, []]),
  ),
  changed("T-7", "a lapse with a proof", "society.trade", (b) =>
    when(b[0] === "lapse", b.with(2, new Uint8Array(9))),
  ),
  changed("T-7", "a commit without a proof", "society.trade", (b) =>
    when(b[0] === "abort", b.with(2, [])),
  ),
  then("T-7", "closed again", "society.trade", (f) => when(f.body[0] === "abort", again(f))),
  changed("T-8", "an abort bought", "society.trade", (b) =>
    when(b[0] === "commit", ["abort", listOf(b[1]).with(0, other), b[2]!]),
  ),
  then("T-8", "bought twice", "society.trade", (f) => {
    return when(f.body[0] === "commit" && listOf(f.body[1])[2] === f.lct, again(f));
  }),
  then("T-10", "a ticket that is closed", "society.report", again),
  changed("T-10", "more than the ticket holds", "society.report", (b) => b.with(2, 2 ** 40)),
  changed("T-10", "a parent nobody knows", "society.report", (b) => b.with(1, other)),
  changed("T-10", "longer than its lots", "society.report", (b, now) => b.with(3, now + 4 * DAY)),
  then("T-11", "recorded again", "society.record", again),
  changed("T-11", "another amount", "society.record", (b) => b.with(2, more(b[2]))),
  changed("T-11", "after its last date", "society.record", (b, now) => b.with(3, now)),
];
