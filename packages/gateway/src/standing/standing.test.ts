import { type LctId, lctId, silentLogger } from "@wattseal/base";
import { encodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import { signAuthorityPayload } from "@wattseal/lct-keys";
import { expect, it } from "vitest";
import { HandClock, START } from "../clock.fixture.js";
import { OPERATOR, STRANGER } from "../orders/order.fixture.js";
import { Standing } from "./standing.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const OTHER = lctId(`lct:pack:${"q".repeat(32)}`);

function statement(state: LctState, lct: LctId = PACK, authority = OPERATOR): Uint8Array {
  const said = { purpose: "wattseal-status-1", lct, state, since: START, reason: "gone" } as const;
  return signAuthorityPayload(authority, encodeAs(statusPayload, said));
}

/** A pack's standing over a log that is no more than what it was told to enter. */
function standing(ended?: LctState) {
  const clock = new HandClock();
  const entered: Uint8Array[] = [];
  const told: string[] = [];
  const note = (event: string) => void told.push(event);
  const turns: (() => void)[] = [];
  const desk = new Standing({
    pack: PACK,
    authorityKeys: [OPERATOR.publicKey],
    ended: () => ended ?? (entered.length > 0 ? "void" : undefined),
    writer: {
      inTurn: (input) => turns.push(input) > 0,
      record: ({ type, body }) => {
        expect(type).toBe("lct.status");
        if ("sign1" in body) entered.push(body.sign1);
        return true;
      },
    },
    steady: clock,
    logger: { ...silentLogger, error: note, warn: note },
    onEnded: note,
  });
  const turn = () => {
    for (const input of turns.splice(0)) input();
  };
  return { desk, turn, entered, told, clock };
}

it("an ending is entered once, however often it comes, and an operator is told", () => {
  const { desk, turn, entered, told } = standing();
  const ending = statement("void");
  desk.receive(ending);
  desk.receive(ending);
  turn();
  desk.receive(statement("slashed"));
  turn();
  expect(entered).toEqual([ending]);
  expect(told).toEqual(["pack.ended", "void: gone"]);
});

it.each([
  ["of another LCT", statement("void", OTHER)],
  ["that is no ending", statement("active")],
  ["by nobody whom the pack obeys", statement("void", PACK, STRANGER)],
  ["altered", statement("void").map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte))],
  ["cut off", statement("void").slice(0, 40)],
  ["of 256 KiB", new Uint8Array(262_144)],
  ["that is empty", new Uint8Array()],
])("a statement %s changes nothing, and is told", (_, bytes) => {
  const { desk, turn, entered, told } = standing();
  desk.receive(bytes);
  turn();
  expect([entered, told]).toEqual([[], ["pack.status-refused"]]);
});

it("a flood costs few signatures, and keeps no ending back for long", () => {
  const { desk, turn, entered, told, clock } = standing();
  for (let i = 0; i < 1_000; i += 1) desk.receive(statement("active"));
  expect(told).toHaveLength(4);
  clock.jump(10_000);
  desk.receive(statement("retired"));
  turn();
  expect(entered).toHaveLength(1);
});

it("a pack that has ended says so at each start", () => {
  const { desk, told } = standing("slashed");
  desk.start();
  desk.receive(statement("void"));
  expect(told).toEqual(["pack.ended"]);
});
