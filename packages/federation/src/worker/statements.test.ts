import { type Millis, millis, milliwattHours, moduleUid, sha256, utf8 } from "@wattseal/base";
import { DeviceHalf, writeCounterStatement } from "@wattseal/device-keys";
import type { Entry } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StatementBook, type StatementKeys } from "./statements.js";

const UID = moduleUid("5701000000000001");
const OTHER = moduleUid("5701000000000002");
const half = (name: string) => DeviceHalf.fromSecret(sha256(utf8(name)));
const federation = half("federation");
const module = half("module");
const KEYS: StatementKeys = { custody: federation, halves: new Map([[UID, module.publicKey]]) };
const START = 1_760_000_000_000;
const at = (minute: number): Millis => millis(START + 60_000 * minute);
const DAY = 24 * 60;

interface Counted {
  readonly in: number;
  readonly out?: number;
  readonly boot?: number;
  /** Of a statement, ms; else as long as the log is. */
  readonly tick?: number;
}

function statement(
  minute: number,
  { in: inward, out = 0, boot = 1, tick = 60_000 * minute }: Counted,
  by = module,
  uid = UID,
): Entry {
  const reading = {
    uid,
    boot,
    tick: tick % 2 ** 32,
    inMwh: milliwattHours(inward),
    outMwh: milliwattHours(out),
  };
  const said = writeCounterStatement(reading, by, federation.publicKey);
  return { type: "energy.statement", timeMs: at(minute), body: { module: uid, statement: said } };
}

/** The same word, entered again. */
function again(minute: number, entry: Entry): Entry {
  return { ...entry, timeMs: at(minute) };
}

const UNPAIRED: Entry = {
  type: "link.unpaired",
  timeMs: at(2),
  body: { module: UID, reason: "moved" },
};

/** What the gateway says that the module's counters were at the end of a minute. */
function gap(minute: number, { in: inward, out = 0, boot = 1 }: Counted): Entry {
  const end = { in: milliwattHours(inward), out: milliwattHours(out), boot };
  const none = milliwattHours(0);
  return {
    type: "energy.gap",
    timeMs: at(minute),
    body: {
      module: UID,
      t0: at(minute - 1),
      t1: at(minute),
      in: none,
      out: none,
      start: end,
      end,
      reason: "away",
    },
  };
}

function checked(entries: readonly Entry[], keys: StatementKeys | undefined = KEYS, from = 0) {
  const book = new StatementBook(keys);
  for (const [index, entry] of entries.entries()) book.observe(index, entry, index >= from);
  const { held, unchecked, wrong, faults } = book.take();
  return [
    `held ${held}`,
    `unchecked ${unchecked}`,
    `wrong ${wrong}`,
    ...faults.map(({ index, fault }) => `${index} ${fault}`),
  ].filter((it) => !it.endsWith(" 0"));
}

describe("counter statements of a log", () => {
  it("hold where the module wrote them, and its counters lie between the log's before and after", () => {
    const honest = [
      gap(1, { in: 100 }),
      statement(2, { in: 110 }),
      gap(2, { in: 105 }),
      gap(3, { in: 120 }),
      statement(4, { in: 120 }),
    ];
    expect(checked(honest)).toEqual(["held 2"]);
  });

  it("of one module take one key agreement, however many a log has", () => {
    let agreed = 0;
    const custody = {
      publicKey: federation.publicKey,
      dh: (peer: Uint8Array) => {
        agreed += 1;
        return federation.dh(peer);
      },
    };
    const many = Array.from({ length: 50 }, (_, i) => statement(i, { in: i }));
    expect(checked(many, { ...KEYS, custody })).toEqual(["held 50"]);
    expect(agreed).toBe(1);
  });

  it("are unchecked of a module whose half is not known, and without a half of one's own", () => {
    expect(checked([statement(1, { in: 5 }, module, OTHER)])).toEqual(["unchecked 1"]);
    const book = new StatementBook(undefined);
    book.observe(0, statement(1, { in: 5 }), true);
    expect(book.take()).toMatchObject({ unchecked: 1, held: 0, wrong: 0 });
  });

  it("are forged where another wrote them, or a bit of them is another", () => {
    expect(checked([statement(1, { in: 5 }, half("gateway"))])).toEqual(["wrong 1", "0 forged"]);
    const honest = statement(1, { in: 5 });
    if (honest.type !== "energy.statement") throw new Error("no statement");
    const said = honest.body.statement.slice();
    said[20]! ^= 1;
    expect(checked([{ ...honest, body: { ...honest.body, statement: said } }])).toEqual([
      "wrong 1",
      "0 forged",
    ]);
  });

  it.each<[string, Counted, Counted]>([
    ["charged more than the module did", { in: 111 }, { in: 110 }],
    ["given out more than the module did", { in: 5, out: 9 }, { in: 5, out: 8 }],
    ["starts that the module has not had", { in: 5, boot: 2 }, { in: 5, boot: 1 }],
    [
      "starts that the module has not had, over the wrap",
      { in: 5, boot: 0 },
      { in: 5, boot: 65_535 },
    ],
  ])("contradict a log that had it %s", (_what, before, said) => {
    expect(checked([gap(1, before), statement(2, said)])).toEqual(["wrong 1", "1 contradicted"]);
  });

  it.each<[string, Counted, Counted]>([
    ["charged less than the module was", { in: 110 }, { in: 109 }],
    ["given out less than the module did", { in: 5, out: 9 }, { in: 5, out: 8 }],
    ["fewer starts than the module had", { in: 5, boot: 2 }, { in: 5, boot: 1 }],
  ])("contradict a log that has it %s, once it says so", (_what, said, after) => {
    const entries = [statement(1, said), gap(2, after)];
    expect(checked(entries)).toEqual(["held 1", "wrong 1", "0 contradicted"]);
    expect(checked([...entries, gap(3, after)])).toEqual(["held 1", "wrong 1", "0 contradicted"]);
  });

  it("an old one, entered again, contradicts what came since", () => {
    expect(
      checked([
        gap(1, { in: 50 }),
        statement(1, { in: 60 }),
        gap(3, { in: 90 }),
        statement(1, { in: 60 }),
      ]),
    ).toEqual(["held 1", "wrong 1", "3 contradicted"]);
  });

  it("are not held against readings that may be older, nor against counters that a start or a new pairing began anew", () => {
    expect(checked([statement(2, { in: 110 }), gap(2, { in: 90 }), gap(3, { in: 111 })])).toEqual([
      "held 1",
    ]);
    expect(checked([gap(1, { in: 100 }), statement(2, { in: 3, boot: 2 })])).toEqual(["held 1"]);
    expect(checked([statement(2, { in: 110 }), gap(3, { in: 3, boot: 2 })])).toEqual(["held 1"]);
    expect(checked([gap(1, { in: 100 }), UNPAIRED, statement(3, { in: 3 })])).toEqual(["held 1"]);
  });

  it("that a receipt covers are followed, not counted again", () => {
    const lying = [statement(1, { in: 110 }), gap(2, { in: 109 })];
    expect(checked(lying, KEYS, 1)).toEqual(["wrong 1", "0 contradicted"]);
    expect(checked(lying, KEYS, 2)).toEqual([]);
  });

  it("forged ones contradict nothing, however they are followed", () => {
    expect(checked([statement(1, { in: 110 }, half("gateway")), gap(2, { in: 109 })])).toEqual([
      "wrong 1",
      "0 forged",
    ]);
  });

  it("entered again do not hold: with nothing between, with a forged one or a new pairing, past a receipt", () => {
    const said = statement(1, { in: 110 });
    const repeated = (...between: readonly Entry[]) =>
      checked([said, ...between, again(60, said)], KEYS, 1 + between.length);
    expect(repeated()).toEqual(["wrong 1", "1 contradicted"]);
    expect(repeated(statement(2, { in: 5 }, half("gateway")))).toEqual([
      "wrong 1",
      "2 contradicted",
    ]);
    expect(repeated(UNPAIRED)).toEqual(["wrong 1", "2 contradicted"]);
    expect(repeated(statement(3, { in: 110 }))).toEqual(["wrong 1", "2 contradicted"]);
    expect(checked([said, again(2, said)])).toEqual(["held 1", "wrong 1", "1 contradicted"]);
  });

  const LAST = { in: 110, out: 20, boot: 7, tick: 2 ** 32 - 1_000 };
  it.each<[string, number, Partial<Counted>, "newer" | "older"]>([
    ["a later tick", 60, { tick: 2 ** 32 - 1, in: 110, out: 20 }, "newer"],
    ["a later tick, over the wrap", 60, { tick: 999, in: 110, out: 20 }, "newer"],
    ["the same tick", 60, { in: 111, out: 21 }, "older"],
    ["an earlier tick", 60, { tick: 2 ** 32 - 1_001, in: 110, out: 20 }, "older"],
    ["less in", 60, { tick: 999, in: 109, out: 21 }, "older"],
    ["less out", 60, { tick: 999, in: 111, out: 19 }, "older"],
    ["a later start", 60, { boot: 8, tick: 0, in: 5, out: 5 }, "newer"],
    ["an earlier start", 60, { boot: 6, tick: 999, in: 111, out: 21 }, "older"],
    ["a start half of them all later", 60, { boot: 7 + 2 ** 15, tick: 0, in: 5 }, "older"],
    ["a tick that went round by half", 24 * DAY, { tick: 2 ** 31 - 1_000, in: 111 }, "older"],
    ["a tick that went round by half in that time", 25 * DAY, { tick: 2 ** 31 + 9 }, "newer"],
    ["the same tick, a long time after", 25 * DAY, {}, "older"],
    ["less in, a long time after", 25 * DAY, { tick: 999, in: 109 }, "older"],
  ])("with %s, %i minutes after", (_what, minute, change, is) => {
    const entries = [statement(0, LAST), statement(minute, { ...LAST, ...change })];
    const found = { newer: ["held 2"], older: ["held 1", "wrong 1", "1 contradicted"] };
    expect(checked(entries)).toEqual(found[is]);
  });

  it("each wait for the log's counters after them, whatever is entered meanwhile", () => {
    const said = statement(1, { in: 110 });
    const hidden = [said, again(2, said), gap(2, { in: 109 })];
    expect(checked(hidden)).toEqual(["held 1", "wrong 2", "1 contradicted", "0 contradicted"]);
    const newer = [said, statement(2, { in: 111 }), gap(2, { in: 109 }), gap(3, { in: 110 })];
    expect(checked(newer)).toEqual(["held 2", "wrong 2", "0 contradicted", "1 contradicted"]);
  });

  it("that wait are bounded: the first and the newest are among them", () => {
    const many = Array.from({ length: 100 }, (_, i) => statement(1, { in: 200 + i, tick: 1 + i }));
    const [, wrong, first, ...others] = checked([...many, gap(2, { in: 0 })]);
    expect([wrong, first, others.at(-1)]).toEqual([
      "wrong 64",
      "0 contradicted",
      "99 contradicted",
    ]);
  });

  const step = fc.record({
    minutes: fc.integer({ min: 1, max: 300 }),
    in: fc.nat({ max: 3 }),
    out: fc.nat({ max: 3 }),
    what: fc.constantFrom("statement", "statement", "gap", "start"),
  });
  const history = fc.array(step, { minLength: 1, maxLength: 60 }).map((steps) => {
    let minute = 0;
    let started = 0;
    const now = { in: 0, out: 0, boot: 65_530 };
    return steps.flatMap(({ minutes, what, ...moved }): Entry[] => {
      minute += minutes;
      now.in += moved.in;
      now.out += moved.out;
      if (what === "statement") {
        return [statement(minute, { ...now, tick: 60_000 * (minute - started) })];
      }
      if (what === "gap") return [gap(minute, now)];
      started = minute;
      now.boot = (now.boot + 1) % 2 ** 16;
      return [];
    });
  });

  it("all hold in an honest log, and one entered a second time nowhere", () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), (entries, which, where) => {
        const said = entries.filter(({ type }) => type === "energy.statement");
        const count = said.length;
        expect(checked(entries)).toEqual(count === 0 ? [] : [`held ${count}`]);
        const copied = said[which % Math.max(1, count)];
        if (copied === undefined) return;
        const first = entries.indexOf(copied) + 1;
        const to = first + (where % (entries.length - first + 1));
        const replayed = entries.toSpliced(to, 0, {
          ...copied,
          timeMs: entries[to - 1]?.timeMs ?? copied.timeMs,
        });
        expect(checked(replayed)).toEqual([`held ${count}`, "wrong 1", `${to} contradicted`]);
      }),
      { numRuns: 100 },
    );
  });
});
