import { type Millis, millis, milliwattHours, moduleUid, sha256, utf8 } from "@wattseal/base";
import { DeviceHalf, writeCounterStatement } from "@wattseal/device-keys";
import type { Entry } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { StatementBook } from "./statements.js";

const UID = moduleUid("5701000000000001");
const OTHER = moduleUid("5701000000000002");
const half = (name: string) => DeviceHalf.fromSecret(sha256(utf8(name)));
const federation = half("federation");
const module = half("module");
const KEYS = { custody: federation, halves: new Map([[UID, module.publicKey]]) };
const START = 1_760_000_000_000;
const at = (minute: number): Millis => millis(START + 60_000 * minute);

interface Counted {
  readonly in: number;
  readonly out?: number;
  readonly boot?: number;
}

function statement(
  minute: number,
  { in: inward, out = 0, boot = 1 }: Counted,
  by = module,
  uid = UID,
): Entry {
  const reading = {
    uid,
    boot,
    tick: 60_000 * minute,
    inMwh: milliwattHours(inward),
    outMwh: milliwattHours(out),
  };
  const said = writeCounterStatement(reading, by, federation.publicKey);
  return { type: "energy.statement", timeMs: at(minute), body: { module: uid, statement: said } };
}

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

function checked(entries: readonly Entry[], keys: typeof KEYS | undefined = KEYS, from = 0) {
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
    const unpaired: Entry = {
      type: "link.unpaired",
      timeMs: at(2),
      body: { module: UID, reason: "moved" },
    };
    expect(checked([gap(1, { in: 100 }), unpaired, statement(3, { in: 3 })])).toEqual(["held 1"]);
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
});
