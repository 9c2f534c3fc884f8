/** A log written against a fold, without keys: an authority's signed object is its payload here. */
import {
  decodeSign1,
  encodeSign1,
  lctId,
  type Millis,
  type ModuleUid,
  millis,
  milliwattHours,
  slot,
} from "@wattseal/base";
import { expect } from "vitest";
import { encodeAs } from "./codec/schema.js";
import type { EnergyInterval } from "./entries/energy.js";
import {
  decodeEntry,
  type Entry,
  type EntryBody,
  type EntryType,
  encodeEntry,
} from "./entries/entry.js";
import { type LctState, statusPayload } from "./entries/lifecycle.js";
import {
  mintPayload,
  type PolicyPayload,
  policyPayload,
  type SourcePayload,
  sourcePayload,
} from "./entries/society.js";
import type { LedgerChecks } from "./ledger/checks.js";
import { LedgerFold } from "./ledger/fold.js";
import { LONGEST_INTERVAL } from "./metering/limits.js";
import { counters, interval, MODULE, NOON, OTHER, PACK } from "./samples.fixture.js";
import { ledgerState } from "./snapshot/state.js";
import type { EpochState } from "./society/policy.js";
import { written } from "./written.fixture.js";

export const MINUTE = 60_000;
export const DAY = 86_400_000;
/** On a UTC minute. */
export const START = Math.ceil(NOON / MINUTE) * MINUTE;
export const WORKER = lctId(`lct:agent:${"w".repeat(32)}`);
const mwh = milliwattHours;

export function foldOf(epochs: readonly EpochState[] = ["attested"]): LedgerFold {
  return new LedgerFold(checksOf(epochs));
}

/** The same log from its written state; epochs that follow are attested. */
export function restored(fold: LedgerFold): LedgerFold {
  const { size, lct, epoch } = fold;
  const state = written(ledgerState, fold.save());
  return new LedgerFold(checksOf(["attested"]), { size, lct: lct!, epoch: epoch!, state });
}

/** A statement in its form, of which nobody checks who signed. */
export function unsigned(payload: Uint8Array): Uint8Array {
  return encodeSign1({ algorithm: "EdDSA", payload, sign: () => new Uint8Array(64) });
}

/** What it says; a statement that has no form is its own payload. */
export function payloadOf(statement: Uint8Array): Uint8Array {
  return statement[0] === 0xd2 ? decodeSign1(statement).payload : statement;
}

function checksOf(epochs: readonly EpochState[]): LedgerChecks {
  let begun = 0;
  return {
    document: () => PACK,
    epoch: () => {
      const state = epochs[begun] ?? epochs.at(-1)!;
      begun += 1;
      return { epoch: begun, state, expiresAt: START + 400 * DAY };
    },
    authority: (payload) => {
      if (payload[0] === 0xff) throw new Error("nobody signed this");
      return { payload: payloadOf(payload) };
    },
    foreign: () => {
      throw new Error("there is no other log");
    },
    snapshot: () => undefined,
  };
}

export class TestLog {
  readonly fold: LedgerFold;
  readonly entries: Uint8Array[] = [];
  now: number = START;
  #counters = new Map<ModuleUid, ReturnType<typeof counters>>();
  #ends = new Map<ModuleUid, number>();
  #serial = 0;
  #policies = 0;

  /** With document, epoch, synchronised clock and two paired modules of this capacity, mWh. */
  constructor(epochs?: readonly EpochState[], capacity = 0) {
    this.fold = foldOf(epochs);
    this.add("lct.document", { sign1: Uint8Array.of(1) });
    this.begin();
    for (const [i, module] of [MODULE, OTHER].entries()) {
      const [moduleKey, packKey] = [new Uint8Array(32), new Uint8Array(32)];
      const paired = { module, slot: slot(i + 1), bus: 0, moduleKey, packKey };
      this.add("link.paired", { ...paired, capacity: mwh(capacity) });
    }
  }

  begin(): void {
    this.add("epoch.begin", { evidence: Uint8Array.of(1) });
    this.clock("synchronised");
  }

  clock(sync: "synchronised" | "unsynchronised"): void {
    this.add("ops.clock", { sync, source: "test", step: 0 });
  }

  get time(): Millis {
    return millis(this.now);
  }

  get summary() {
    return this.fold.summary();
  }

  /** Applies the entry as it comes out of its bytes; returns its index. */
  add<T extends EntryType>(type: T, body: EntryBody<T>): number {
    const bytes = encodeEntry({ type, timeMs: this.time, body } as Entry);
    const index = this.fold.size;
    this.fold.apply(index, decodeEntry(bytes));
    this.entries.push(bytes);
    return index;
  }

  /** Of readings all over the scales, up to now: 178 mWh a ms are possible. After a longer silence a gap comes first. */
  interval(
    inward: number,
    out: number,
    over: Partial<EnergyInterval> = {},
    module = MODULE,
  ): number {
    const last = this.#ends.get(module);
    if (last !== undefined && this.now - last > LONGEST_INTERVAL) {
      this.gap(0, 0, module);
      this.now += 10;
    }
    const start = this.#counters.get(module) ?? counters(0, 0);
    const end = counters(start.in + inward, start.out + out);
    const [t0, t1] = [millis(this.#ends.get(module) ?? this.now - MINUTE), this.time];
    const own = { in: mwh(inward), out: mwh(out), integralIn: mwh(inward), integralOut: mwh(out) };
    const level = { socStart: 100, socEnd: 100 };
    const power = { voltageHigh: 65_535, currentLow: 0, currentHigh: 65_535 };
    const body = { ...interval, ...own, ...level, ...power, module, t0, t1, start, end, ...over };
    const index = this.add("energy.interval", body);
    this.#counters.set(module, end);
    this.#ends.set(module, t1);
    return index;
  }

  gap(inward: number, out: number, module = MODULE): number {
    const start = this.#counters.get(module)!;
    const end = counters(start.in + inward, start.out + out);
    const [t0, t1] = [millis(this.#ends.get(module)!), this.time];
    const passed = { in: mwh(inward), out: mwh(out) };
    const index = this.add("energy.gap", { module, t0, t1, ...passed, start, end, reason: "away" });
    this.#counters.set(module, end);
    this.#ends.set(module, t1);
    return index;
  }

  /** A minute in which this much went in and out, closed by its window. */
  minute(inward: number, out: number): void {
    this.now += MINUTE;
    this.interval(inward, out);
    this.window();
  }

  window(): number {
    return this.add("energy.window", this.fold.nextWindow(this.time));
  }

  mint(amount: number): void {
    this.#serial += 1;
    const payload = { purpose: "wattseal-mint-1", society: PACK, serial: this.#serial } as const;
    this.add("society.mint", { sign1: encodeAs(mintPayload, { ...payload, amount: mwh(amount) }) });
  }

  policy(over: Partial<PolicyPayload> = {}): void {
    this.#policies += 1;
    const payload: PolicyPayload = {
      purpose: "wattseal-policy-1",
      society: PACK,
      version: this.#policies,
      highBps: 10_000,
      developingBps: 9_000,
      lowBps: 6_000,
      tier: "high",
      lotDays: 7,
      withheldDays: 7,
      wasteAlert: mwh(100_000),
      declaredCap: mwh(0),
      ...over,
    };
    this.add("society.policy", { sign1: unsigned(encodeAs(policyPayload, payload)) });
  }

  source(over: Partial<SourcePayload> = {}): void {
    const payload: SourcePayload = {
      purpose: "wattseal-source-1",
      society: PACK,
      source: "roof",
      kind: "solar",
      ratedWatts: 2_000_000_000,
      provenAt: millis(this.now - DAY),
      meter: undefined,
      ...over,
    };
    this.add("society.source", { sign1: encodeAs(sourcePayload, payload) });
  }

  charge(amount: number, tierBps: number, source = "roof"): number {
    const sources = [{ source, amount: mwh(amount) }];
    return this.add("society.charge", { amount: mwh(amount), sources, tierBps });
  }

  /** The authority ends the society. */
  close(state: LctState): void {
    const payload = { purpose: "wattseal-status-1", lct: PACK, since: this.time } as const;
    const sign1 = encodeAs(statusPayload, { ...payload, state, reason: "" });
    this.add("lct.status", { sign1 });
  }

  certify(amount: number): number {
    const said = { by: "load", certifier: "pump", proof: undefined } as const;
    return this.add("society.certify", { amount: mwh(amount), ...said });
  }

  /** Opens a ticket; returns its name. */
  reserve(amount: number): number {
    const order = { worker: WORKER, task: "compute", order: undefined };
    return this.add("society.reserve", { amount: mwh(amount), ...order });
  }

  commit(ticket: number, amount?: number): number {
    const committed = amount === undefined ? undefined : mwh(amount);
    const result = { quality: 8_000, proof: undefined };
    return this.add("society.commit", { ticket, amount: committed, ...result });
  }

  fail(ticket: number): number {
    return this.add("society.rollback", this.fold.society.rollbackFor(this.time, ticket));
  }

  /** Appends everything that is due; returns how many entries that took. */
  expire(): number {
    let entries = 0;
    for (;;) {
      const due = this.fold.society.dueEntry(this.time);
      if (due === undefined) return entries;
      if (due.type === "society.expire") this.add(due.type, due.body);
      else this.add(due.type, due.body);
      entries += 1;
    }
  }
}

/** Expects `code`, and the fold as it was. */
export function refused(log: TestLog, code: string, attempt: () => unknown): void {
  const before = log.summary;
  const tickets = log.fold.society.tickets();
  expect(attempt).toThrow(expect.objectContaining({ name: "LedgerError", code }));
  expect(log.summary).toEqual(before);
  expect(log.fold.society.tickets()).toEqual(tickets);
}

/** Ready to charge: policy, a million mWh of supply, a source. */
export function readyLog(
  epochs?: readonly EpochState[],
  policy: Partial<PolicyPayload> = {},
  capacity = 0,
): TestLog {
  const log = new TestLog(epochs, capacity);
  log.policy(policy);
  log.mint(1_000_000);
  log.source();
  return log;
}
