import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeEntry, type Entry } from "../entries/entry.js";
import { foldOf, readyLog, type TestLog } from "../ledger.fixture.js";
import type { SocietySummary } from "../society/summary.js";
import { recordsOf, step, walk } from "./storage-history.fixture.js";
import type { StorageRecord } from "./storage-record.js";

type Account = "lot" | "reserved" | "withheld";
/** `account charge` → mWh. */
type Tally = ReadonlyMap<string, number>;

/** Every milliwatt-hour by itself, marked with its charge; the oldest stands first. */
class Units {
  readonly #accounts: Record<"lot" | "withheld", number[]> = { lot: [], withheld: [] };
  readonly #tickets = new Map<number, number[]>();

  /** What an entry takes away, by the society's accounts before and after it. */
  take(index: number, { type, body }: Entry, before: SocietySummary, after: SocietySummary): Tally {
    const gone = new Map<string, number>();
    const spend = (account: Account, charges: readonly number[]) => {
      for (const charge of charges) {
        const name = `${account} ${charge}`;
        gone.set(name, (gone.get(name) ?? 0) + 1);
      }
    };
    const { lot, withheld } = this.#accounts;
    if (type === "society.charge") {
      this.#put("lot", new Array(after.atp - before.atp).fill(index));
      this.#put("withheld", new Array(after.withheld - before.withheld).fill(index));
    } else if (type === "society.certify") {
      const certified = withheld.splice(0, body.amount);
      spend("withheld", certified);
      this.#put("lot", certified);
    } else if (type === "society.reserve") this.#tickets.set(index, lot.splice(0, body.amount));
    else if (type === "society.commit")
      spend("reserved", this.#close(body.ticket, body.amount ?? 0));
    else if (type === "society.rollback") {
      const expired = body.lots.reduce((sum, { amount }) => sum + amount, 0);
      spend("reserved", this.#close(body.ticket, expired));
    } else {
      let reserved = before.reserved - after.reserved;
      for (const held of this.#tickets.values()) {
        const drawn = held.splice(0, reserved);
        reserved -= drawn.length;
        spend("reserved", drawn);
      }
      expect(reserved).toBe(0);
      spend("lot", lot.splice(0, before.atp - after.atp));
      spend("withheld", withheld.splice(0, before.withheld - after.withheld));
    }
    return gone;
  }

  #put(account: "lot" | "withheld", charges: readonly number[]): void {
    const units = this.#accounts[account];
    units.push(...charges);
    units.sort((a, b) => a - b);
  }

  /** The oldest `gone` of a ticket are spent, the rest is available again. */
  #close(ticket: number, gone: number): readonly number[] {
    const held = this.#tickets.get(ticket) ?? [];
    this.#tickets.delete(ticket);
    const spent = held.splice(0, gone);
    this.#put("lot", held);
    return spent;
  }
}

function allocated(records: readonly StorageRecord[], id: number): Tally {
  const tally = new Map<string, number>();
  for (const record of records) {
    if (record.record !== "allocation" || record.id !== id) continue;
    const name = `${record.account} ${record.charge}`;
    tally.set(name, (tally.get(name) ?? 0) + record.energyMwh);
  }
  return tally;
}

const sorted = (tally: Tally) => [...tally].sort();
const total = (tally: Tally) => [...tally.values()].reduce((sum, mwh) => sum + mwh, 0);

/** Holds each record against the units that its entry took. Returns the energy that went out by windows, mWh. */
function expectUnits(log: TestLog, records: readonly StorageRecord[]): number {
  const fold = foldOf(["software"]);
  const units = new Units();
  let out = 0;
  for (const [index, bytes] of log.entries.entries()) {
    const entry = decodeEntry(bytes);
    const before = fold.summary();
    fold.apply(index, entry);
    const gone = units.take(index, entry, before, fold.summary());
    expect(sorted(allocated(records, index)), `entry ${index} ${entry.type}`).toEqual(sorted(gone));
    if (entry.type === "energy.window") out += Math.max(0, -entry.body.net);
    const said = records.find(({ id, record }) => id === index && record !== "allocation");
    if (said?.record !== "discharge" && said?.record !== "loss") continue;
    // Each milliwatt-hour is of one charge, or of the rest that is stated.
    const rest = said.unclaimedMwh + said.eligibleMwh + said.deficitMwh;
    expect(total(gone) + rest).toBe(said.energyMwh);
  }
  return out;
}

it("allocate each milliwatt-hour to one charge, the oldest, or to the stated rest; losses are the society's", () => {
  const energyOf = (records: readonly StorageRecord[], kind: StorageRecord["record"]) =>
    records.reduce((sum, { record, energyMwh }) => (record === kind ? sum + energyMwh : sum), 0);
  let lost = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 50 }), (steps) => {
      const log = readyLog(["software"]);
      for (const each of steps) walk(log, each);
      const records = recordsOf(log, ["software"]);
      expect(energyOf(records, "discharge")).toBe(expectUnits(log, records));
      expect(energyOf(records, "loss")).toBe(log.summary.recordedLoss);
      lost += Math.abs(log.summary.recordedLoss);
    }),
    { numRuns: 200 },
  );
  expect(lost).toBeGreaterThan(0);
});
