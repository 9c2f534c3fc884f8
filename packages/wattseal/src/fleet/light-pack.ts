/**
 * A pack without a bus: the gateway's own log, signer, books and uplink, on metering that is made up. Its time is its own:
 * a minute passes at each step.
 */
import { type Clock, type Entropy, type Logger, type Millis, micros, millis } from "@wattseal/base";
import { Books, type BrokerAccess, Delivery, EnergyLog, LogWriter } from "@wattseal/gateway";
import { beginSoftwareEpoch } from "@wattseal/lct-keys";
import type { Destination, FleetName, PackName, SenderStatus } from "@wattseal/uplink";
import { packName } from "@wattseal/uplink";
import type { PackFiles } from "../roles/pack-files.js";
import type { Layout } from "../state/layout.js";
import { VERSION } from "../version.js";
import { MINUTE, madeUpInterval } from "./made-up-minute.js";

export interface LightPackOptions {
  readonly layout: Layout;
  readonly files: PackFiles;
  readonly broker: string;
  readonly access: BrokerAccess | undefined;
  readonly fleet: FleetName;
  readonly destination: Destination;
  /** Time that passes: of the network, and of what has to be signed in time. */
  readonly clock: Clock;
  /** Of keys. */
  readonly entropy: Entropy;
  /** Of what is metered. */
  readonly madeUp: Entropy;
  readonly logger: Logger;
  readonly listener: LightPackListener;
  /** Each entry as it is on disk: index and leaf hash. */
  readonly onDurable?: ((index: number, leaf: Uint8Array) => void) | undefined;
}

/** Times in ms of the pack's `clock`. */
export interface LightPackListener {
  /** `entries` that were entered at `enteredAt`, and signed at `signedAt`, are covered by a receipt. */
  receipted(entries: number, enteredAt: Millis, signedAt: Millis): void;
  /** A receipt moved the pack's cursor. */
  receipt(): void;
  /** A message goes out; what it gives is called at the broker's PUBACK. */
  published(): () => void;
}

/** Entries on their way to the disk beyond which a step waits. */
const UNWRITTEN_LIMIT = 256;
/** Half full, in steps of 0.5 %: never at an end, where the books are set anew. */
const HALF_FULL = 100;
const SOURCE = "charger";

/** UTC as the log has it: it stands between steps. */
class PackTime implements Clock {
  #now: Millis;

  constructor(now: Millis) {
    this.#now = now;
  }

  now(): Millis {
    return this.#now;
  }

  /** Nothing waits for it. */
  at(): () => void {
    return () => {};
  }

  set(now: Millis): void {
    this.#now = now;
  }
}

interface Entered {
  readonly size: number;
  readonly entries: number;
  readonly at: Millis;
}

export class LightPack {
  readonly name: PackName;
  readonly #options: LightPackOptions;
  readonly #log: EnergyLog;
  readonly #time: PackTime;
  readonly #delivery: Delivery;
  readonly #writer: LogWriter;
  readonly #books: Books;
  #entered: Entered[] = [];
  #signed: { readonly size: number; readonly at: Millis }[] = [];

  private constructor(
    options: LightPackOptions,
    { log, time, delivery }: { log: EnergyLog; time: PackTime; delivery: Delivery },
  ) {
    this.name = packName(options.files.document.label);
    this.#options = options;
    this.#log = log;
    this.#time = time;
    this.#delivery = delivery;
    const { pairing } = options.files;
    const { logger } = options;
    this.#writer = new LogWriter({ log, clock: time, logger });
    this.#books = new Books({
      log,
      writer: this.#writer,
      pairing,
      source: SOURCE,
      clock: time,
      logger,
    });
  }

  /** Goes on where the folder's log ends, in a new epoch; nothing is sent yet. */
  static async open(options: LightPackOptions): Promise<LightPack> {
    const { layout, files, clock, entropy, logger, fleet, broker, access, destination } = options;
    const { document, trust } = files;
    const time = new PackTime(millis(Math.ceil(clock.now() / MINUTE) * MINUTE));
    const log = await EnergyLog.open({
      directory: layout.gateway.log,
      document,
      trust,
      clock: time,
      steady: clock,
      logger,
      onDurable: options.onDurable,
      openSigner: (continued) =>
        beginSoftwareEpoch({
          directory: layout.gateway.signer,
          document,
          entropy,
          softwareVersion: `wattseal ${VERSION} (fleet)`,
          clock: time,
          synchronised: true,
          log: continued,
        }),
    });
    if (log.fold.lct !== undefined) time.set(endOf(log, files) ?? log.fold.time);
    const opened: { witnessed?: () => void } = {};
    const delivery = await Delivery.open({
      log,
      document,
      fleet,
      uplinks: [{ broker, destination, ...(access && { access }) }],
      entropy,
      clock,
      logger,
      onWitnessed: () => opened.witnessed?.(),
      onPublish: () => options.listener.published(),
    });
    const pack = new LightPack(options, { log, time, delivery });
    opened.witnessed = () => pack.#witnessed();
    await pack.#begin();
    return pack;
  }

  async #begin(): Promise<void> {
    const log = this.#log;
    const { pairing, statements } = this.#options.files;
    await log.prepare({
      pending: this.#delivery.pending,
      onSigned: (size) => this.#signedTo(size),
    });
    await log.beginEpoch(this.#delivery.receipt);
    const clock = { sync: "synchronised", source: "simulated", step: 0 } as const;
    await log.append({ type: "ops.clock", body: clock });
    await log.append(...log.entered.missingPairings(pairing));
    await log.append(...log.entered.missingStatements(statements));
  }

  connect(): void {
    this.#delivery.start();
  }

  get uplink(): SenderStatus | undefined {
    return this.#delivery.statuses[0];
  }

  /** Entries on disk, and of those the ones that a receipt covers. */
  get size(): number {
    return this.#log.store.durableSize;
  }

  get witnessed(): number {
    return this.#delivery.witnessed;
  }

  get refused(): number {
    return this.#writer.refused;
  }

  get stopped(): string | undefined {
    return this.#log.stopped?.message;
  }

  /** Every entry on disk, in order. */
  entries(): Iterable<Uint8Array> {
    return this.#log.store.entries(0, this.size);
  }

  /** A minute of every module, and what the books make of it. Waits while the disk is behind. */
  async step(): Promise<void> {
    const log = this.#log;
    if (log.stopped !== undefined) return;
    if (log.epochDue) await this.#renew();
    const before = log.fold.size;
    const until = this.#minute();
    this.#books.close(until);
    this.#enteredTo(before);
    if (this.#writer.unwritten > UNWRITTEN_LIMIT) await this.#writer.settled();
  }

  #minute(): Millis {
    const { madeUp, files } = this.#options;
    const from = this.#time.now();
    const until = millis(from + MINUTE);
    this.#time.set(until);
    for (const { uid } of files.pairing.modules) {
      const body = madeUpInterval(this.#log.fold, uid, from, madeUp);
      this.#writer.record({ type: "energy.interval", body, timeMs: until });
      const { voltageLow: voltage, currentLow: current } = body;
      this.#books.heard(uid, { time: micros(1000 * until), soc: HALF_FULL, voltage, current });
    }
    return until;
  }

  async #renew(): Promise<void> {
    await this.#writer.settled();
    await this.#log.renewEpoch(this.#delivery.receipt);
    this.#delivery.epochRenewed();
  }

  /** Ends the epoch, signs to the last entry, and waits up to `ms` for its receipt. The uplink stays up. */
  async finish(ms: number): Promise<void> {
    await this.#writer.settled();
    const before = this.#log.fold.size;
    await this.#log.endEpoch("shutdown");
    this.#enteredTo(before);
    await this.#delivery.untilWitnessed(ms);
  }

  async close(): Promise<void> {
    await this.#delivery.stop();
    await this.#log.close();
  }

  #enteredTo(before: number): void {
    const { size } = this.#log.fold;
    if (size > before) {
      this.#entered.push({ size, entries: size - before, at: this.#options.clock.now() });
    }
  }

  #signedTo(size: number): void {
    this.#signed.push({ size, at: this.#options.clock.now() });
    this.#delivery.signed();
  }

  #witnessed(): void {
    const { listener } = this.#options;
    const size = this.#delivery.witnessed;
    listener.receipt();
    const now = this.#entered.filter((entered) => entered.size <= size);
    this.#entered = this.#entered.slice(now.length);
    for (const { size: end, entries, at } of now) {
      const signed = this.#signed.find((checkpoint) => checkpoint.size >= end);
      listener.receipted(entries, at, signed?.at ?? at);
    }
    this.#signed = this.#signed.filter((checkpoint) => checkpoint.size > size);
  }
}

/** Where the modules' records end. */
function endOf({ fold }: EnergyLog, { pairing }: PackFiles): Millis | undefined {
  const [module] = pairing.modules;
  return module && fold.moduleEnd(module.uid)?.t1;
}
