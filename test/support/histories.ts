/** Histories of a society that its rules allow, drawn from a seed: every entry type, clocks that jump, restarts. */
import { type CborValue, millis, milliwattHours, moduleUid, sha256 } from "@wattseal/base";
import { encodeEntry, SNAPSHOT_SPACING } from "@wattseal/energy-ledger";
import { VerifierError } from "@wattseal/verifier";
import { KeyedLog, LCT, order, WITNESS_KEY } from "./keyed-log.js";
import { Random } from "./random.js";

const MINUTE = 60_000;
const DAY = 86_400_000;
const SEALED = ["5d01000000000001", "5d01000000000002"] as const;
const OTHER = LCT.replace("pack", "agent");
const LEGACY = "5d01000000000009";
const digest = new Uint8Array(32).fill(5);
const CAPACITY = 5_000_000;
const FULL_SCALE = [23_000, 23_333, 0, 65_535, 7_000, 7_100] as const;

const uidBytes = (uid: string) => new Uint8Array(Buffer.from(uid, "hex"));

/** Witnesses and counterparties of a policy of version 2. */
type Known = readonly [CborValue, CborValue];

/** The first snapshot of a log, as soon as one may come. */
export function snapshot(log: KeyedLog): void {
  while (log.entries.length < SNAPSHOT_SPACING) log.put("ops.config", ["filler", digest]);
  log.put("ops.snapshot", [sha256(log.replay.snapshot())]);
}

export class History {
  readonly log: KeyedLog;
  readonly #known: Known | undefined;
  readonly #random: Random;
  #serial = 0;
  #provenAt = 0;
  #suspect: number | undefined;
  /** In and out of all modules in this minute, mWh. */
  #moved = 0;
  #given = 0;

  constructor(seed: number, log = new KeyedLog(), known?: Known) {
    this.log = log;
    this.#known = known;
    this.#random = new Random(seed);
    for (const uid of SEALED) this.pair(uid);
    this.policy();
    this.mint();
    this.prove();
    this.log.put("energy.reconcile", ["opening", this.#random.below(100_000), "test"]);
  }

  pair(uid: string): void {
    const half = new Uint8Array(32).fill(7);
    const capacity = this.#random.below(4) === 0 ? 0 : CAPACITY;
    this.log.put("link.paired", [uidBytes(uid), 1, 0, half, half, capacity]);
  }

  mint(): void {
    this.#serial += 1;
    this.log.signed("society.mint", ["wattseal-mint-1", this.log.lct, 9_000_000, this.#serial]);
  }

  policy(): void {
    this.#serial += 1;
    const days = 1 + this.#random.below(3);
    const shares = [10_000, 9_000, this.#random.of([6_000, 3_333, 0])];
    const terms = [...shares, "high", days, 2 * days, 100_000, 50_000];
    const version = this.#known === undefined ? 1 : 2;
    const body = [this.log.lct, this.#serial, ...terms, ...(this.#known ?? [])];
    this.log.signed("society.policy", [`wattseal-policy-${version}`, ...body]);
  }

  prove(): void {
    if (this.log.now === this.#provenAt) return;
    this.#provenAt = this.log.now;
    for (const [name, kind] of [
      ["grid-1", "grid"],
      ["said-1", "declared"],
    ]) {
      const proof: CborValue[] = [
        "wattseal-source-1",
        this.log.lct,
        name!,
        kind!,
        8_000,
        this.log.now,
        [],
      ];
      this.log.signed("society.source", proof);
    }
  }

  /** What a module has moved in at most `longest` ms; `off` mWh lie between its counters and the integral. */
  interval(uid: string, off: number, longest = 65_000): void {
    const { log } = this;
    const last = log.fold.moduleEnd(moduleUid(uid));
    const t0 = last?.t1 ?? log.now - MINUTE;
    if (log.now - t0 > longest) {
      this.gap(uid);
      return;
    }
    const [moved, given] = [this.#random.below(800_000), this.#random.below(300_000)];
    this.#moved += moved;
    this.#given += given;
    const sealed = uid !== LEGACY;
    const start = last?.end ?? { in: 1_000, out: 1_000, boot: 1 };
    const counters: readonly CborValue[] = [
      [start.in, start.out, start.boot],
      [start.in + moved, start.out + given, start.boot],
    ];
    const record = [uidBytes(uid), t0, log.now, moved, given, ...(sealed ? counters : [[], []])];
    const integral = [moved + (sealed ? off : 0), given];
    const soc = [100, 100 + this.#random.below(11)];
    const digest = sealed ? new Uint8Array(32).fill(3) : [];
    const measured = [...record, ...integral, ...FULL_SCALE, ...soc, 60, digest];
    if (sealed) this.#judged(measured);
    else log.put("energy.interval", [...measured, "unauthenticated"]);
  }

  /** Intervals get longer for a while: up to the 10 or 30 minutes of the hour at which they close then. */
  aggregate(): void {
    const { log } = this;
    const minutes = this.#random.of([10, 30]);
    const length = minutes * MINUTE;
    const start = Math.ceil(log.now / length) * length;
    const records = (longest?: number) => {
      [this.#moved, this.#given] = [0, 0];
      const since = log.fold.moduleEnd(moduleUid(SEALED[0]))?.t1;
      for (const uid of [...SEALED, LEGACY]) {
        this.interval(uid, this.#random.of([0, 20, 700, 850, 950, 1_100, 2_950, 50_000]), longest);
      }
      this.window(since);
    };
    log.now = start - this.#random.below(5_000);
    records();
    log.put("energy.resolution", [minutes, "disk-pressure", "test"]);
    for (let i = 1; i <= 2; i += 1) {
      log.now = start + i * length - 1 - this.#random.below(5_000);
      records(length + 5_000);
    }
    log.put("ops.loss", ["evidence", start, log.now, "disk-pressure", "test"]);
  }

  /** As the ledger judges it, or now and then more strictly. */
  #judged(measured: readonly CborValue[]): void {
    const { log } = this;
    try {
      if (this.#random.below(9) === 0) throw new Error("stricter");
      log.put("energy.interval", [...measured, "consistent"]);
    } catch {
      log.put("energy.interval", [...measured, "suspect"]);
      this.#suspect = log.entries.length - 1;
    }
  }

  gap(uid: string): void {
    const { log } = this;
    const last = log.fold.moduleEnd(moduleUid(uid));
    if (last === undefined) return;
    const [moved, given] = [this.#random.below(9_000_000), this.#random.of([0, 900, 9_000_000])];
    const { end } = last;
    const record: readonly CborValue[] =
      end === undefined
        ? [0, 0, [], []]
        : [
            moved,
            given,
            [end.in, end.out, end.boot],
            [end.in + moved, end.out + given, end.boot + 1],
          ];
    log.put("energy.gap", [uidBytes(uid), last.t1, log.now, ...record, "away"]);
  }

  reset(uid: string): void {
    const last = this.log.fold.moduleEnd(moduleUid(uid));
    if (last?.end === undefined) return;
    const { in: inward, out, boot } = last.end;
    const counters = [
      [inward, out, boot],
      [0, out, boot + 1],
    ];
    this.log.put("energy.reset", [uidBytes(uid), last.t1, last.t1, ...counters]);
  }

  /** What has to come before anything that touches lots. */
  due(): void {
    const timeMs = millis(this.log.now);
    for (;;) {
      const due = this.log.fold.society.dueEntry(timeMs);
      if (due === undefined) return;
      this.log.add(encodeEntry({ ...due, timeMs }));
    }
  }

  /** The pack's shunt, as the modules say together or far from it. */
  check(since: number): void {
    const { log } = this;
    const reading = { shunt: "pack-shunt", t0: millis(since), t1: millis(log.now) };
    const off = this.#random.of([0, 0, 0, 40, 950, 2_000_000]);
    const [inward, out] = [this.#moved + off, this.#given];
    const energy = { in: milliwattHours(inward), out: milliwattHours(out) };
    const body = log.fold.nextCheck({ ...reading, ...energy });
    if (body === undefined) return;
    this.ifTaken(() => log.add(encodeEntry({ type: "energy.check", timeMs: reading.t1, body })));
  }

  /** For what only the ledger knows: a step that it refuses leaves nothing behind. */
  ifTaken(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
    }
  }

  /** A ticket is opened, closed either way, or left to its deadline; or something withheld is borne out. */
  work(): void {
    const { log } = this;
    const { society } = log.fold;
    this.due();
    const part = (most: number) => 1 + this.#random.below(Math.max(1, most));
    const { withheld } = society.summary();
    const [open] = society.tickets();
    const way = open === undefined ? 0 : this.#random.below(5);
    if (open !== undefined && (way === 1 || way === 2)) {
      const amount = way === 1 ? [] : part(open.held);
      this.ifTaken(() => log.put("society.commit", [open.ticket, amount, 9_000, digest]));
    } else if (open !== undefined && way === 3) {
      const timeMs = millis(log.now);
      const body = society.rollbackFor(timeMs, open.ticket);
      log.add(encodeEntry({ type: "society.rollback", timeMs, body }));
    }
    const certify = [part(withheld / 2), "load", "heater-1", []];
    const order = [part(society.reservable), log.lct, "maintenance", []];
    this.ifTaken(() => log.put("society.certify", certify));
    this.ifTaken(() => log.put("society.reserve", order));
  }

  window(since = this.log.now - MINUTE): void {
    const { log } = this;
    const { fold } = log;
    const timeMs = millis(log.now);
    this.due();
    if (this.#random.below(3) === 0) this.check(since);
    log.add(encodeEntry({ type: "energy.window", timeMs, body: fold.nextWindow(timeMs) }));
    const body = fold.society.chargeFor(timeMs, this.#random.of(["grid-1", "grid-1", "said-1"]));
    if (body !== undefined && this.#random.below(3) > 0) {
      log.add(encodeEntry({ type: "society.charge", timeMs, body }));
    }
  }

  minute(): void {
    this.log.now += MINUTE;
    [this.#moved, this.#given] = [0, 0];
    for (const uid of [...SEALED, LEGACY]) {
      this.interval(uid, this.#random.of([0, 1, 5, 5, 20, 80, 50_000]));
    }
    if (this.#suspect !== undefined && this.#random.below(2) === 0) {
      const decision = this.#random.of(["accept", "reject"]);
      this.log.put("energy.resolve", [this.#suspect, decision, "pack-shunt", "test"]);
      this.#suspect = undefined;
    }
    this.window();
  }

  /** Something that does not happen every minute. */
  event(): void {
    const { log } = this;
    const uid = this.#random.of(SEALED);
    const events = [
      () => this.reset(uid),
      () => this.mint(),
      () => this.policy(),
      () => this.prove(),
      () => log.put("ops.clock", [this.#random.of(["synchronised", "unsynchronised"]), "ntp", -7]),
      () => log.put("ops.config", ["ünïcode 0.1", new Uint8Array(32)]),
      () => this.command(uid),
      () => log.put("ops.restored", [log.entries.length, "word", "backup"]),
      () => log.put("link.alarm", [[], 3, "injection", 2, ""]),
      () =>
        log.put("energy.statement", [
          uidBytes(uid),
          Buffer.concat([uidBytes(uid), new Uint8Array(50)]),
        ]),
      () => this.repair(uid),
      () => this.restart(),
      () => this.later(),
      () => this.reconcile(),
      () => this.status(this.#random.of([log.lct, OTHER]), "active"),
      () => this.status(OTHER, "void"),
    ];
    this.#random.of(events)();
  }

  /** Somebody orders something, and is told what became of it. */
  command(uid: string): void {
    const { log } = this;
    const actions: readonly CborValue[] = [
      ["isolate", []],
      ["allow", []],
      ["reserve", [5, OTHER, "compute", []]],
      ["commit", [7, [], 9_500, digest]],
      ["rollback", [7]],
      ["certify", [5, "load", "substation-4", []]],
      ["resolve", [7, "reject", "operator", `módule ${uid}`]],
    ];
    const action = log.fold.synchronised ? this.#random.of(actions) : (actions[0] ?? []);
    const late = log.fold.synchronised ? log.now + this.#random.of([1, 300_000]) : 0;
    log.put("ops.command", [order([log.lct, action, late, []]), WITNESS_KEY[1]]);
    const outcome = this.#random.of(["done", "partial", "refused"]);
    log.put("ops.outcome", [log.entries.length - 1, outcome, "as the modules said"]);
  }

  status(lct: string, state: string): void {
    const payload = ["wattseal-status-1", lct, state, this.log.now, "said so"];
    this.log.signed("lct.status", payload);
  }

  repair(uid: string): void {
    this.log.put("link.unpaired", [uidBytes(uid), "replaced"]);
    this.pair(uid);
  }

  restart(): void {
    this.log.end();
    this.log.now += 5_000;
    this.log.begin();
  }

  /** Days pass: lots and withheld amounts come to their date. */
  later(): void {
    this.log.now += this.#random.of([3_600_000, DAY, 3 * DAY]);
    this.restart();
    this.minute();
    this.prove();
  }

  reconcile(): void {
    this.log.now += 1_000;
    this.window();
    const stock = this.#random.below(2_000_000);
    this.log.put("energy.reconcile", [this.#random.of(["full", "empty"]), stock, "test"]);
  }
}

function halfway(history: History, seed: number): void {
  if (seed % 5 === 4) history.status(history.log.lct, "retired");
  if (seed % 7 === 3) snapshot(history.log);
}

/**
 * The log that took a history of so many minutes; of every fifth seed the society is closed after half of them, and
 * of every seventh a snapshot comes then. Of every sixth, intervals get longer after a third of them, until two thirds.
 */
export function historyOf(seed: number, minutes: number, log = new KeyedLog()): KeyedLog {
  const history = new History(seed, log);
  const random = new Random(seed + 1);
  for (let i = 0; i < minutes; i += 1) {
    history.minute();
    if (2 * i === minutes) halfway(history, seed);
    if (seed % 6 === 2 && i === Math.floor(minutes / 3)) history.aggregate();
    if (seed % 6 === 2 && i === Math.floor((2 * minutes) / 3)) {
      log.put("energy.resolution", [1, "room", "test"]);
    }
    if (random.below(3) === 0) history.ifTaken(() => history.event());
    if (random.below(3) === 0) history.ifTaken(() => history.work());
  }
  return history.log;
}
