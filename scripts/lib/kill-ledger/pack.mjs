// The gateway's ledger on a demonstration pack's state folder, without bus and broker: metering as fast as it goes.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { millis, milliwattHours, moduleUid, silentLogger, slot, toHex } from "@wattseal/base";
import { DailyRecords, EnergyLog, receiptDocument } from "@wattseal/gateway";
import { beginSoftwareEpoch, openEd25519KeyFile } from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { cosign, unverifiedCheckpoint } from "@wattseal/tlog";
import { PendingCheckpoints } from "@wattseal/uplink";
import { decodeTrust } from "@wattseal/verifier";
import { entropy, intervalBody } from "../../../bench/lib/pack.mjs";

/** @typedef {import("@wattseal/gateway").Draft} Draft */
/** @typedef {import("@wattseal/base").Millis} Millis */

const MINUTE = 60_000;
const MODULE = moduleUid("0102000000000001");
const CAPACITY = milliwattHours(5_000_000);
/** mWh in or out in a minute. */
const STEP = 20_000;

/** @param {string} state */
export const logOf = (state) => join(state, "gateway", "log");

/** Time that the load turns by hand, so that weeks pass in a second. */
class LoadClock {
  #now;
  /** @type {Set<{ time: number, task: () => void }>} */
  #waiting = new Set();

  /** @param {number} start */
  constructor(start) {
    this.#now = start;
  }

  now() {
    return millis(this.#now);
  }

  /**
   * @param {number} time
   * @param {() => void} task
   */
  at(time, task) {
    const alarm = { time, task };
    this.#waiting.add(alarm);
    return () => void this.#waiting.delete(alarm);
  }

  /** @param {number} time */
  advance(time) {
    this.#now = Math.max(this.#now, time);
    for (const alarm of [...this.#waiting].filter((each) => each.time <= this.#now)) {
      if (this.#waiting.delete(alarm)) alarm.task();
    }
  }
}

/** @param {string} state */
async function filesOf(state) {
  const gateway = join(state, "gateway");
  const trust = decodeTrust(readFileSync(join(gateway, "trust.json")));
  const document = verifyLctDocument(
    new Uint8Array(readFileSync(join(gateway, "lct.cose"))),
    trust.authorities.map(({ publicKey }) => publicKey),
  );
  const genesis = join(gateway, "genesis");
  const statements = readdirSync(genesis)
    .sort()
    .map((name) => ({
      type: /** @type {"society.mint"} */ (name.replace(/^\d+-|\.cose$/g, "")),
      body: { sign1: new Uint8Array(readFileSync(join(genesis, name))) },
    }));
  const witness = await openEd25519KeyFile(join(state, "federation", "witness.pem"));
  return { trust, document, statements, witness };
}

/**
 * Opens the pack's log, begins an epoch, and lets a test follow what is acknowledged and signed.
 *
 * @param {string} state folder made by `wattseal init --demo`
 * @param {{ durable: (index: number, leaf: string) => void, signed: (size: number, root: string) => void, stopped: () => void }} tell
 */
export async function openLoad(state, tell) {
  const { trust, document, statements, witness } = await filesOf(state);
  const start = Math.ceil(document.created / MINUTE) * MINUTE;
  const clock = new LoadClock(start);
  const log = await EnergyLog.open({
    directory: logOf(state),
    document,
    trust,
    clock,
    steady: clock,
    logger: silentLogger,
    onDurable: (index, leaf) => tell.durable(index, toHex(leaf)),
    openSigner: (continued) =>
      beginSoftwareEpoch({
        directory: join(state, "gateway", "signer"),
        clock,
        entropy,
        document,
        softwareVersion: "load",
        synchronised: true,
        log: continued,
      }),
  });
  clock.advance(log.fold.time);
  const [accepted] = trust.witnesses;
  if (accepted === undefined) throw new Error("no witness in trust.json");
  const { name } = accepted;
  const [publicKey] = accepted.publicKeys;
  if (publicKey === undefined) throw new Error("no key in trust.json");
  const receipt = log.store.readDocument(receiptDocument(name, publicKey));
  const { pending } = PendingCheckpoints.load({
    origin: document.origin,
    stored: log.store.readDocument("pending"),
    witnessed: receipt === undefined ? 0 : unverifiedCheckpoint(receipt).size,
    log: log.own,
    save: (text) => log.store.writeDocument("pending", text),
  });
  const records = new DailyRecords({
    store: log.store,
    document,
    softwareVersionAt: (size) => log.softwareVersionAt(size),
    ocmf: (day) => log.ocmf(day),
    logger: silentLogger,
  });
  await log.begin({
    pending,
    receipt,
    onSigned: (size) => {
      tell.signed(size, toHex(log.store.root(size)));
      records.signed(size);
    },
    onStopped: () => tell.stopped(),
  });
  await log.append({
    type: "ops.clock",
    body: { sync: "synchronised", source: "load", step: 0 },
  });
  for (const statement of log.entered.missingStatements(statements)) await log.append(statement);
  if (!log.fold.pairedModules().includes(MODULE)) await log.append(pairing());

  /** As a federation would answer: the head with its cosignature, kept beside the log. */
  const witnessed = async () => {
    const { head } = log.store;
    if (head === undefined) return;
    const time = Math.floor(clock.now() / 1000);
    const sign = (/** @type {Uint8Array} */ bytes) => witness.sign(bytes);
    const receipt = cosign(head.note, { name, publicKey, sign, time });
    await log.store.writeDocument(receiptDocument(name, publicKey), receipt);
    await records.settled();
    pending.prune(head.checkpoint.size);
  };
  return { log, clock, witnessed, minutes: (/** @type {number} */ n) => minutes(log, clock, n) };
}

/** @returns {Draft} */
function pairing() {
  const [moduleKey, packKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const body = { module: MODULE, slot: slot(1), bus: 0, moduleKey, packKey, capacity: CAPACITY };
  return { type: "link.paired", body };
}

/**
 * So many minutes of metering, windows and charges, appended together.
 *
 * @param {EnergyLog} log
 * @param {LoadClock} clock
 * @param {number} count
 */
async function minutes(log, clock, count) {
  const { fold } = log;
  /** @type {Promise<number>[]} */
  const written = [];
  for (let i = 0; i < count; i += 1) {
    const end = fold.moduleEnd(MODULE);
    const t0 = end?.t1 ?? clock.now();
    const t1 = millis(t0 + MINUTE);
    clock.advance(t1);
    written.push(log.append(interval(end, t0, t1)));
    const now = clock.now();
    for (;;) {
      const due = fold.society.dueEntry(now);
      if (due === undefined) break;
      written.push(log.append(due));
    }
    written.push(log.append({ type: "energy.window", body: fold.nextWindow(t1) }));
    const charge = fold.society.chargeFor(now, "charger");
    if (charge !== undefined) written.push(log.append({ type: "society.charge", body: charge }));
  }
  await Promise.all(written);
}

/**
 * A minute of charging after one of discharging, and the other way round.
 *
 * @param {import("@wattseal/energy-ledger").ModuleEnd | undefined} end
 * @param {Millis} t0
 * @param {Millis} t1
 * @returns {Draft}
 */
function interval(end, t0, t1) {
  const start = end?.end ?? { in: milliwattHours(0), out: milliwattHours(0), boot: 1 };
  const charging = start.in <= start.out;
  const after = {
    in: milliwattHours(start.in + (charging ? STEP : 0)),
    out: milliwattHours(start.out + (charging ? 0 : STEP)),
    boot: 1,
  };
  return { type: "energy.interval", body: intervalBody(MODULE, t0, t1, start, after) };
}
