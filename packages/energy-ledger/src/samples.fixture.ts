/** One entry of each type, with every optional field once present and once absent. */
import { lctId, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import type { EnergyInterval } from "./entries/energy.js";
import type { Entry } from "./entries/entry.js";
import type { TradeTerms } from "./entries/trade.js";

export const MODULE = moduleUid("5d01000012345678");
export const OTHER = moduleUid("5d010000ffffffff");
export const PACK = lctId(`lct:pack:${"a".repeat(32)}`);
export const NOON = 1_700_000_000_000;
const mwh = milliwattHours;
const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);
export const counters = (inward: number, out: number, boot = 1) => ({
  in: mwh(inward),
  out: mwh(out),
  boot,
});

export const interval: EnergyInterval = {
  module: MODULE,
  t0: millis(NOON - 60_000),
  t1: millis(NOON - 100),
  in: mwh(5),
  out: mwh(12_000),
  start: counters(1_000_000, 2 ** 48 - 20_000),
  end: counters(1_000_005, 2 ** 48 - 8_000),
  integralIn: mwh(0),
  integralOut: mwh(12_001),
  voltageLow: 23_000,
  voltageHigh: 23_333,
  currentLow: 30_668,
  currentHigh: 33_268,
  temperatureLow: 7_728,
  temperatureHigh: 65_535,
  socStart: 175,
  socEnd: 0,
  readings: 300,
  digest: bytes(32, 7),
  verdict: "consistent",
};

const FLEET = lctId(`lct:society:${"f".repeat(32)}`);
const TERMS: TradeTerms = {
  seller: PACK,
  ticket: 2 ** 33,
  buyer: lctId(`lct:society:${"b".repeat(32)}`),
  witness: FLEET,
  amount: mwh(1_000),
  rateBps: 9_800,
  fee: mwh(0),
  decideBy: millis(NOON + 60_000),
  expires: millis(NOON + 86_400_000),
};

export const SAMPLES: readonly Entry[] = [
  { type: "lct.document", timeMs: millis(0), body: { sign1: bytes(1, 0xd2) } },
  { type: "lct.status", timeMs: millis(23), body: { sign1: bytes(300, 1) } },
  { type: "epoch.begin", timeMs: millis(24), body: { evidence: bytes(2_000, 2) } },
  { type: "epoch.end", timeMs: millis(255), body: { epoch: 70_000, reason: "shutdown" } },
  {
    type: "link.paired",
    timeMs: millis(256),
    body: {
      module: MODULE,
      slot: slot(31),
      bus: 0,
      moduleKey: bytes(32, 3),
      packKey: bytes(32, 4),
      capacity: mwh(2_500_000),
    },
  },
  { type: "link.unpaired", timeMs: millis(65_535), body: { module: MODULE, reason: "replaced" } },
  {
    type: "link.alarm",
    timeMs: millis(65_536),
    body: { module: MODULE, slot: slot(1), alarm: "injection", count: 2, detail: "tag of a PDU" },
  },
  {
    type: "link.alarm",
    timeMs: millis(2 ** 32 - 1),
    body: {
      module: undefined,
      slot: undefined,
      alarm: "clear-frame",
      count: 2 ** 32 - 1,
      detail: "",
    },
  },
  { type: "energy.interval", timeMs: millis(NOON), body: interval },
  {
    type: "energy.interval",
    timeMs: millis(NOON),
    body: {
      ...interval,
      module: OTHER,
      out: mwh(12_001),
      in: mwh(0),
      start: undefined,
      end: undefined,
      digest: undefined,
      verdict: "unauthenticated",
    },
  },
  {
    type: "energy.gap",
    timeMs: millis(NOON),
    body: {
      module: MODULE,
      t0: millis(NOON),
      t1: millis(NOON + 9_000),
      in: mwh(0),
      out: mwh(7),
      start: counters(1, 2),
      end: counters(1, 9, 65_535),
      reason: "silence",
    },
  },
  {
    type: "energy.reset",
    timeMs: millis(NOON),
    body: {
      module: MODULE,
      t0: millis(NOON),
      t1: millis(NOON),
      start: counters(5, 5),
      end: counters(0, 0, 2),
    },
  },
  {
    type: "energy.statement",
    timeMs: millis(NOON),
    body: { module: MODULE, statement: new Uint8Array(58).fill(0x5a) },
  },
  {
    type: "energy.window",
    timeMs: millis(NOON),
    body: { t0: millis(NOON - 60_000), t1: millis(NOON), first: 12, count: 2, net: -12_345 },
  },
  {
    type: "energy.window",
    timeMs: millis(2 ** 53 - 1),
    body: { t0: millis(0), t1: millis(1), first: undefined, count: 0, net: 0 },
  },
  {
    type: "energy.check",
    timeMs: millis(NOON),
    body: {
      shunt: "pack-shunt",
      t0: millis(NOON - 60_000),
      t1: millis(NOON - 100),
      first: 12,
      count: 2,
      in: mwh(0),
      out: mwh(24_000),
      verdict: "suspect",
    },
  },
  {
    type: "energy.reconcile",
    timeMs: millis(NOON),
    body: { kind: "opening", stock: mwh(0), basis: "SOC 81 % × 33 kWh" },
  },
  {
    type: "energy.resolve",
    timeMs: millis(NOON),
    body: { interval: 9, decision: "accept", evidence: "pack-shunt", reason: "" },
  },
  { type: "society.mint", timeMs: millis(NOON), body: { sign1: bytes(90, 5) } },
  { type: "society.source", timeMs: millis(NOON), body: { sign1: bytes(90, 6) } },
  { type: "society.policy", timeMs: millis(NOON), body: { sign1: bytes(90, 7) } },
  {
    type: "society.charge",
    timeMs: millis(NOON),
    body: { amount: mwh(10), sources: [{ source: "roof-1", amount: mwh(10) }], tierBps: 9_000 },
  },
  {
    type: "society.certify",
    timeMs: millis(NOON),
    body: { amount: mwh(3), by: "load", certifier: "pump:2", proof: bytes(32, 8) },
  },
  {
    type: "society.certify",
    timeMs: millis(NOON),
    body: { amount: mwh(2 ** 48 - 1), by: "peer", certifier: PACK, proof: undefined },
  },
  {
    type: "society.reserve",
    timeMs: millis(NOON),
    body: { amount: mwh(500), worker: PACK, task: "maintenance", order: bytes(32, 10) },
  },
  {
    type: "society.reserve",
    timeMs: millis(NOON),
    body: { amount: mwh(1), worker: PACK, task: "compute", order: undefined },
  },
  {
    type: "society.commit",
    timeMs: millis(NOON),
    body: { ticket: 30, amount: mwh(499), quality: 10_000, proof: undefined },
  },
  {
    type: "society.commit",
    timeMs: millis(NOON),
    body: { ticket: 31, amount: undefined, quality: 0, proof: bytes(32, 11) },
  },
  {
    type: "society.rollback",
    timeMs: millis(NOON),
    body: { ticket: 32, reason: "failure", lots: [] },
  },
  {
    type: "society.rollback",
    timeMs: millis(NOON),
    body: {
      ticket: 2 ** 32,
      reason: "deadline",
      lots: [{ charge: 8, since: millis(NOON), amount: mwh(1) }],
    },
  },
  {
    type: "society.expire",
    timeMs: millis(NOON),
    body: { lots: [{ charge: 8, since: millis(NOON), amount: mwh(1) }], withheld: [] },
  },
  { type: "society.escrow", timeMs: millis(NOON), body: TERMS },
  {
    type: "society.offer",
    timeMs: millis(NOON),
    body: { terms: TERMS, proof: bytes(40, 12) },
  },
  {
    type: "society.decide",
    timeMs: millis(NOON),
    body: { decision: "abort", terms: TERMS },
  },
  {
    type: "society.trade",
    timeMs: millis(NOON),
    body: { outcome: "commit", terms: TERMS, proof: bytes(40, 13) },
  },
  {
    type: "society.trade",
    timeMs: millis(NOON),
    body: { outcome: "lapse", terms: TERMS, proof: undefined },
  },
  {
    type: "society.report",
    timeMs: millis(NOON),
    body: {
      ticket: 33,
      parent: FLEET,
      amount: mwh(70),
      expires: millis(NOON + 1),
      quality: 9_000,
      proof: bytes(32, 14),
    },
  },
  {
    type: "society.record",
    timeMs: millis(NOON),
    body: {
      citizen: PACK,
      report: 34,
      amount: mwh(70),
      expires: millis(NOON + 1),
      proof: bytes(40, 15),
    },
  },
  {
    type: "ops.clock",
    timeMs: millis(NOON),
    body: { sync: "synchronised", source: "ntp", step: -3 },
  },
  {
    type: "energy.resolution",
    timeMs: millis(NOON),
    body: { minutes: 10, reason: "disk-pressure", detail: "40 MiB free, of 64" },
  },
  {
    type: "ops.loss",
    timeMs: millis(NOON),
    body: {
      what: "evidence",
      from: millis(NOON - 90_000),
      until: millis(NOON - 30_000),
      reason: "disk-pressure",
      detail: "",
    },
  },
  { type: "ops.snapshot", timeMs: millis(NOON), body: { digest: bytes(32, 13) } },
  {
    type: "ops.command",
    timeMs: millis(NOON),
    body: { order: bytes(200, 14), key: bytes(32, 15) },
  },
  {
    type: "ops.outcome",
    timeMs: millis(NOON),
    body: { command: 24, outcome: "partial", detail: "1 of 2 modules" },
  },
  {
    type: "ops.restored",
    timeMs: millis(NOON),
    body: { size: 40, footing: "counter", source: "federation" },
  },
  { type: "ops.config", timeMs: millis(NOON), body: { software: "0.1.0", digest: bytes(32, 9) } },
];
