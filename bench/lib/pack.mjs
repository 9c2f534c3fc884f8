// A pack with its authority and signer, and minutes of metering as its gateway would enter them.
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import {
  encodeAs,
  encodeEntry,
  mintPayload,
  policyPayload,
  sourcePayload,
} from "@wattseal/energy-ledger";
import {
  beginSoftwareEpoch,
  createSoftwareAnchor,
  Ed25519SecretKey,
  issueLctDocument,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { LogStore } from "@wattseal/tlog/store";

const MODULES = 8;
const MINUTE = 60_000;
const START = 1_760_000_040_000;
const MODULE_CAPACITY = milliwattHours(5_000_000);
/** mWh that a module takes or gives in one minute. */
const PER_MINUTE = 20_000;

/** @type {import("@wattseal/base").Entropy} */
export const entropy = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/**
 * @param {string} directory emptied first; holds the log and the signer's state
 */
export async function openPack(directory) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const authority = Ed25519SecretKey.generate(entropy);
  const publicKey = await createSoftwareAnchor(join(directory, "signer"), entropy);
  const genesis = issueLctDocument(authority, {
    kind: "pack",
    class: "responsive",
    anchor: { type: "p256", publicKey },
    binding: "software",
    strengthBps: 4_000,
    context: ["benchmark"],
    created: millis(START),
    witnesses: [],
    mrh: [],
  });
  const document = verifyLctDocument(genesis, [authority.publicKey]);
  const store = await LogStore.open({ directory: join(directory, "log") });
  await store.append([entryBytes("lct.document", { sign1: document.bytes })]);
  const signer = await beginSoftwareEpoch({
    directory: join(directory, "signer"),
    clock: { now: () => millis(START), at: () => () => {} },
    entropy,
    document,
    softwareVersion: "benchmark",
    synchronised: true,
    log: {
      size: store.durableSize,
      root: store.root(),
      lastCounter: 0,
      bootVersion: 0,
      consistencyProof: (from, to) => store.consistencyProof(from, to),
      head: undefined,
      receipt: undefined,
    },
  });
  await store.append([entryBytes("epoch.begin", { evidence: signer.epochEvidence })]);
  return { authority, document, store, signer };
}

/** @typedef {Awaited<ReturnType<typeof openPack>>} Pack */

/**
 * @template {import("@wattseal/energy-ledger").EntryType} T
 * @param {T} type
 * @param {import("@wattseal/energy-ledger").EntryBody<T>} body
 * @param {number} [time]
 */
function entryBytes(type, body, time = START) {
  return encodeEntry(entryOf(type, body, time));
}

/**
 * @template {import("@wattseal/energy-ledger").EntryType} T
 * @param {T} type
 * @param {import("@wattseal/energy-ledger").EntryBody<T>} body
 * @param {number} time
 * @returns {import("@wattseal/energy-ledger").Entry}
 */
function entryOf(type, body, time) {
  return /** @type {import("@wattseal/energy-ledger").Entry} */ ({
    type,
    timeMs: millis(time),
    body,
  });
}

/**
 * @param {number} index
 * @param {number} pack
 */
function uidOf(index, pack) {
  const [p, i] = [pack.toString(16).padStart(4, "0"), index.toString(16).padStart(3, "0")];
  return moduleUid(`0102${p}00000${i}`);
}

/**
 * What stands between epoch.begin and the first interval: clock, pairings, policy, supply, source, opening stock.
 *
 * @param {Pick<Pack, "authority" | "document">} pack
 * @param {number} [number] tells the modules of several packs apart
 * @returns {readonly import("@wattseal/energy-ledger").Entry[]}
 */
export function openingEntries({ authority, document }, number = 0) {
  const society = document.lct;
  const sign = (/** @type {Uint8Array} */ payload) => ({
    sign1: signAuthorityPayload(authority, payload),
  });
  const policy = encodeAs(policyPayload, {
    purpose: "wattseal-policy-1",
    society,
    version: 1,
    highBps: 10_000,
    developingBps: 9_000,
    lowBps: 6_000,
    tier: "low",
    lotDays: 7,
    withheldDays: 7,
    wasteAlert: milliwattHours(100_000),
    declaredCap: milliwattHours(0),
  });
  const amount = milliwattHours(MODULES * MODULE_CAPACITY);
  const mint = encodeAs(mintPayload, { purpose: "wattseal-mint-1", society, amount, serial: 1 });
  const source = encodeAs(sourcePayload, {
    purpose: "wattseal-source-1",
    society,
    source: "charger-1",
    kind: "grid",
    ratedWatts: 22_000,
    provenAt: millis(START),
    meter: undefined,
  });
  const stock = milliwattHours(amount / 2);
  return [
    entryOf("ops.clock", { sync: "synchronised", source: "simulated", step: 0 }, START),
    ...Array.from({ length: MODULES }, (_, index) =>
      entryOf("link.paired", pairing(index, number), START),
    ),
    entryOf("society.policy", sign(policy), START),
    entryOf("society.mint", sign(mint), START),
    entryOf("society.source", sign(source), START),
    entryOf("energy.reconcile", { kind: "opening", stock, basis: "SOC × capacity" }, START),
  ];
}

/**
 * @param {number} index
 * @param {number} pack
 */
function pairing(index, pack) {
  return {
    module: uidOf(index, pack),
    slot: slot(index + 1),
    bus: 0,
    moduleKey: entropy.bytes(32),
    packKey: entropy.bytes(32),
    capacity: MODULE_CAPACITY,
  };
}

/**
 * The intervals of all modules in minute `n`: they charge in even minutes and discharge in odd ones.
 *
 * @param {number} n from 0
 * @param {number} [pack]
 * @returns {readonly import("@wattseal/energy-ledger").Entry[]}
 */
export function minuteOfIntervals(n, pack = 0) {
  const t0 = millis(START + n * MINUTE);
  const t1 = millis(t0 + MINUTE);
  const before = countersAt(n);
  const after = countersAt(n + 1);
  return Array.from({ length: MODULES }, (_, index) =>
    entryOf("energy.interval", intervalBody(uidOf(index, pack), t0, t1, before, after), t1),
  );
}

/**
 * A minute in which a module's counters go from `start` to `end`, one of them, with everything else to match.
 *
 * @param {import("@wattseal/base").ModuleUid} module
 * @param {import("@wattseal/base").Millis} t0
 * @param {import("@wattseal/base").Millis} t1
 * @param {NonNullable<import("@wattseal/energy-ledger").EntryBody<"energy.interval">["start"]>} start
 * @param {typeof start} end
 * @returns {import("@wattseal/energy-ledger").EntryBody<"energy.interval">}
 */
export function intervalBody(module, t0, t1, start, end) {
  const energy = {
    in: milliwattHours(end.in - start.in),
    out: milliwattHours(end.out - start.out),
  };
  const charging = energy.in > 0;
  return {
    module,
    t0,
    t1,
    ...energy,
    start,
    end,
    integralIn: energy.in,
    integralOut: energy.out,
    voltageLow: 23_000,
    voltageHigh: 23_400,
    currentLow: charging ? 32_900 : 32_500,
    currentHigh: charging ? 33_000 : 32_600,
    temperatureLow: 8_000,
    temperatureHigh: 8_100,
    socStart: 100,
    socEnd: 100,
    readings: 300,
    digest: entropy.bytes(32),
    verdict: "consistent",
  };
}

/** @param {number} n */
function countersAt(n) {
  return {
    in: milliwattHours(Math.ceil(n / 2) * PER_MINUTE),
    out: milliwattHours(Math.floor(n / 2) * PER_MINUTE),
    boot: 1,
  };
}
