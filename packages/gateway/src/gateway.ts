import { type ModuleUid, millis } from "@wattseal/base";
import type { OrderResult, PackOrder } from "@wattseal/can-protocol";
import type { PackCustody } from "@wattseal/device-keys";
import { enterUnkept } from "./evidence/enter-unkept.js";
import { EnergyLog } from "./ledger/energy-log.js";
import { EpochKeeper } from "./ledger/epoch-keeper.js";
import { LogWriter } from "./ledger/log-writer.js";
import { Pruner } from "./ledger/pruner.js";
import { SNAPSHOT_AFTER, SNAPSHOT_AFTER_AT_STOP } from "./ledger/snapshots.js";
import { enterStatements } from "./ledger/statements.js";
import { ClearBus } from "./legacy/clear-bus.js";
import { LastHeard } from "./links/last-heard.js";
import { LinkManager } from "./links/manager.js";
import { Supervisor } from "./links/supervisor.js";
import { clearListener, type Heard, linkListener, shuntListener } from "./listeners.js";
import { phraseOf } from "./metering/alarm-detail.js";
import { Recorder } from "./metering/recorder.js";
import { ShuntCheck } from "./metering/shunt-check.js";
import type { GatewayOptions } from "./options.js";
import type { OrderDesk } from "./orders/desk.js";
import { openOrderDesk } from "./orders/open.js";
import { PressureKeeper } from "./pressure/keeper.js";
import { DailyRecords } from "./records/daily-records.js";
import { PackShunt } from "./shunt/pack-shunt.js";
import { Books } from "./society/books.js";
import { SocietyOrders } from "./society/orders.js";
import { Standing } from "./standing/standing.js";
import type { GatewayStatus, ShuntStatus } from "./status.js";
import { ClockWatch } from "./time/clock-watch.js";
import { LogClock } from "./time/log-clock.js";
import { Delivery } from "./uplink/delivery.js";

const STATEMENTS_MS = 1000;
/** Cause of an isolate order (docs/firmware/messages.md). */
const ISOLATE_BY_OPERATOR = 1;
/** Entries on their way to the disk beyond which the pack's time waits, where it can. */
const UNWRITTEN_LIMIT = 256;

/** What a gateway is made of before its links. */
interface Parts {
  readonly log: EnergyLog;
  readonly clock: LogClock;
  readonly delivery: Delivery;
  readonly records: DailyRecords;
}

/** The pack side, composed: links → metering → ledger → uplink. */
export class Gateway {
  /** Reservations, commits and what else can be ordered of the society. */
  readonly society: SocietyOrders;
  readonly #options: GatewayOptions;
  /** UTC as the log has it. */
  readonly #clock: LogClock;
  readonly #watch: ClockWatch;
  readonly #log: EnergyLog;
  readonly #delivery: Delivery;
  readonly #records: DailyRecords;
  readonly #pruner: Pruner;
  readonly #pressure: PressureKeeper;
  readonly #writer: LogWriter;
  readonly #books: Books;
  readonly #recorder: Recorder;
  readonly #links: LinkManager;
  readonly #supervisor: Supervisor;
  readonly #clear: ClearBus;
  readonly #shunt: { readonly bus: PackShunt; readonly check: ShuntCheck } | undefined;
  readonly #orders: OrderDesk;
  readonly #standing: Standing;
  readonly #heard = new LastHeard();
  readonly #epochs: EpochKeeper;
  private constructor(options: GatewayOptions, { log, clock, delivery, records }: Parts) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#delivery = delivery;
    this.#records = records;
    const writer = new LogWriter({ log, clock, logger: options.logger });
    const books = new Books({ ...options, log, writer, clock });
    this.society = new SocietyOrders({ log, writer, books });
    this.#pruner = new Pruner({
      log,
      writer,
      document: options.document,
      trust: options.trust,
      destinations: options.uplinks.map(({ destination }) => destination),
      quorum: options.quorum,
      keepMs: options.keepMs,
      logger: options.logger,
    });
    this.#writer = writer;
    this.#books = books;
    const epochs = new EpochKeeper({
      ...options,
      log,
      writer,
      delivery,
      clock,
      steady: options.clock,
      enterNew: () => this.#enterNew(),
      closeEarly: () => this.#recorder.closeEarly(),
      onUnsigned: (reason) => this.#recorder.packNotice("unsigned", phraseOf(reason)),
    });
    this.#epochs = epochs;
    this.#pressure = this.#pressureKeeper(writer);
    const heard: Heard = {
      ...options,
      last: this.#heard,
      recorder: () => this.#recorder,
      supervisor: () => this.#supervisor,
    };
    const check = this.#shuntCheck(writer);
    if (check !== undefined) {
      this.#shunt = { bus: new PackShunt({ ...options, listener: shuntListener(heard) }), check };
    }
    this.#recorder = new Recorder({
      ...options,
      log,
      writer,
      books,
      shunt: check,
      clock,
      steady: options.clock,
      resolution: () => this.#pressure.wanted,
      onMinute: () => {
        epochs.whenDue();
        this.#pressure.minute();
        enterUnkept(options.evidence, writer);
      },
      onWindow: () => {
        void writer.snapshot(SNAPSHOT_AFTER);
        this.#pruner.window(clock.now());
      },
    });
    this.#links = new LinkManager({ ...options, listener: linkListener(heard) });
    this.#supervisor = new Supervisor({
      links: this.#links,
      info: options.bus.info,
      modules: options.pairing.modules,
      hz: options.telemetryHz,
      clock: options.clock,
      timeSource: options.timeSource,
      logger: options.logger,
    });
    const { legacy } = options;
    this.#clear = new ClearBus({ ...options, legacy, listener: clearListener(heard) });
    this.#orders = openOrderDesk({
      ...options,
      pack: options.document.lct,
      keys: options.orderKeys ?? [],
      log,
      writer,
      ordered: this,
      clock,
      steady: options.clock,
      onRefused: (reason) => this.#recorder.packNotice("order-refused", reason),
    });
    this.#standing = new Standing({
      pack: options.document.lct,
      authorityKeys: options.trust.authorities.map(({ publicKey }) => publicKey),
      ended: () => log.fold.society.ended,
      writer,
      steady: options.clock,
      logger: options.logger,
      onEnded: (detail) => this.#recorder.packNotice("lct-ended", phraseOf(detail)),
    });
    this.#watch = new ClockWatch({
      steady: options.clock,
      source: options.timeSource,
      clock,
      inTurn: (change) => void writer.inTurn(change),
      stepping: () => this.#recorder.interrupt(),
      changed: (entry) => epochs.clockChanged(entry),
    });
  }

  /**
   * Opens the log, begins an epoch, enters what is new, and starts links, metering and uplink. Where the signer is away,
   * the epoch begins when it comes.
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { timeSource, clock: steady } = options;
    const clock = new LogClock(steady, timeSource.utc());
    const log = await EnergyLog.open({
      ...options,
      clock,
      steady,
      openSigner: (continued) =>
        options.openSigner(continued, { clock, synchronised: timeSource.state.synchronised }),
    });
    clock.notBefore(log.fold.time);
    const made: { orders?: OrderDesk; standing?: Standing } = {};
    try {
      const delivery = await Delivery.open({
        ...options,
        log,
        clock: options.wallClock,
        onOrder: (bytes, retained) => made.orders?.receive(bytes, retained),
        onStatus: (bytes) => made.standing?.receive(bytes),
      });
      const records = new DailyRecords({
        ...options,
        store: log.store,
        softwareVersionAt: (size) => log.softwareVersionAt(size),
        ocmf: (day) => log.ocmf(day),
      });
      const gateway = new Gateway(options, { log, clock, delivery, records });
      made.orders = gateway.#orders;
      made.standing = gateway.#standing;
      await log.prepare({
        pending: delivery.pending,
        onSigned: (size) => {
          delivery.signed();
          records.signed(size);
        },
        onStopped: () => delivery.ledgerStopped(),
        onAway: (error) => gateway.#epochs.lost(error),
      });
      await gateway.#epochs.start();
      if (log.signing) records.signed(log.store.head?.checkpoint.size ?? 0);
      gateway.#watch.start();
      gateway.#recorder.start();
      gateway.#clear.start();
      gateway.#shunt?.bus.start();
      gateway.#links.start();
      if (gateway.#orders.wasIsolated) void gateway.isolateAll();
      gateway.#supervisor.start();
      gateway.#standing.start();
      delivery.start();
      return gateway;
    } catch (error) {
      await log.close().catch(() => {});
      throw error;
    }
  }

  /** A promise while entries pile up before the disk, or a link waits for the pack's half: where time can wait, it waits for this. */
  ready(): Promise<void> | undefined {
    return this.#entering() ?? this.#links.agreeing;
  }

  #entering(): Promise<void> | undefined {
    if (this.#writer.unwritten <= UNWRITTEN_LIMIT) return undefined;
    // What waits for an epoch is not written before that has begun; time must not wait for a signer that is away.
    if (this.#epochs.running !== undefined) return this.#epochs.running;
    return this.#writer.waiting ? undefined : this.#writer.settled();
  }

  status(): GatewayStatus {
    const { fold, store } = this.#log;
    const { pairing } = this.#options;
    const now = this.#options.clock.now();
    return {
      lct: this.#options.document.lct,
      time: this.#clock.now(),
      utc: { ...this.#options.timeSource.state, heldUntil: this.#clock.heldUntil },
      modules: pairing.modules.map((module) => this.#heard.status(module, this.#links, now)),
      legacyModules: this.#clear.status(),
      shunt: this.#shuntStatus(),
      entries: store.durableSize,
      checkpoints: this.#log.checkpoints,
      witnessed: this.#delivery.witnessed,
      connected: this.#delivery.connected,
      quorum: this.#delivery.quorum,
      destinations: this.#delivery.destinations,
      society: fold.summary(),
      waste: this.#books.waste,
      energy: fold.totals,
      isolated: this.#links.isolated,
      orders: this.#orders.counts,
      foreignFrames: this.#links.foreignFrames,
      busState: this.#options.bus.state,
      refusedEntries: this.#writer.refused,
      storage: this.#pressure.status,
      resolution: fold.resolution,
      stopped: this.#log.stopped?.message,
      unsigned: this.#epochs.unsigned,
      halfAway: this.#links.halfAway,
    };
  }

  /** Sends one order to a module; resolves with what became of it. */
  order(uid: ModuleUid, order: PackOrder): Promise<OrderResult> {
    return this.#links.order(uid, order);
  }

  /**
   * Orders every module to open its relay, in one burst, and grants nothing but Off until `allow`, whoever comes back
   * or links later. Resolves with what each paired module answered. Clear-text modules have no answer to give.
   */
  async isolateAll(): Promise<ReadonlyMap<ModuleUid, OrderResult>> {
    this.#options.logger.warn("modules.isolated");
    this.#orders.isolated(true);
    this.#clear.isolate();
    const results = new Map<ModuleUid, OrderResult>();
    for (const [uid, result] of this.#links.isolateAll(ISOLATE_BY_OPERATOR)) {
      results.set(uid, await result);
    }
    return results;
  }

  /** Lets paired modules close their relays again after `isolateAll`, and orders them On. */
  allow(): void {
    this.#options.logger.warn("modules.allowed");
    this.#orders.isolated(false);
    this.#links.allow();
    this.#supervisor.allowed();
  }

  /** Begins to roll the pack's device half over to `next`, which is in safe keeping already; see LinkManager. */
  rollPackHalf(next: PackCustody, reference: string): Promise<void> {
    return this.#links.roll(next, reference);
  }

  /** Asks the modules for their counter statements, and waits a moment for them. */
  async askStatements(): Promise<void> {
    const { wallClock } = this.#options;
    const moment = new Promise<void>((resolve) => {
      wallClock.at(millis(wallClock.now() + STATEMENTS_MS), resolve);
    });
    await Promise.race([this.#supervisor.askStatements(), moment]);
  }

  /** Closes the intervals, ends the epoch, signs to the last entry, and waits up to `drainMs` for it to be witnessed. */
  async stop(drainMs: number): Promise<GatewayStatus> {
    const ordered = this.#orders.stop();
    this.#supervisor.stop();
    this.#links.stop();
    this.#clear.stop();
    this.#shunt?.bus.stop();
    this.#watch.stop();
    this.#recorder.stop();
    this.society.close();
    await ordered;
    await this.#epochs.stop();
    await this.#pressure.settled();
    if (this.#log.accepting) this.#recorder.closeEarly();
    await this.#options.evidence?.close();
    enterUnkept(this.#options.evidence, this.#writer, true);
    await this.#writer.settled();
    await this.#pruner.settled();
    await this.#log.snapshot(SNAPSHOT_AFTER_AT_STOP);
    await this.#log.endEpoch("shutdown");
    await this.#delivery.untilWitnessed(this.#log.signing ? drainMs : 0);
    const status = this.status();
    await this.#delivery.stop();
    await this.#records.settled();
    await this.#log.close();
    return status;
  }

  async #enterNew(): Promise<void> {
    const { pairing, statements, logger } = this.#options;
    const log = this.#log;
    for (const draft of log.entered.goneModules(pairing)) await log.append(draft);
    for (const draft of log.entered.missingPairings(pairing)) await log.append(draft);
    await enterStatements(log, statements, logger);
  }

  #pressureKeeper(writer: LogWriter): PressureKeeper {
    const { disk, evidence, logger } = this.#options;
    return new PressureKeeper({
      space: disk?.space,
      reserve: disk?.reserve ?? 0,
      shed: async (bytes) => evidence?.shed(bytes),
      keep: () => evidence?.keep(),
      prune: () => this.#pruner.makeRoom(),
      lost: (body) => void writer.inTurn(() => writer.lost(body)),
      alarm: (detail) => this.#recorder.packNotice("disk-pressure", phraseOf(detail)),
      logger,
    });
  }

  #shuntCheck(writer: LogWriter): ShuntCheck | undefined {
    const { shunt, pairing, legacy = [], logger } = this.#options;
    if (shunt === undefined) return undefined;
    const modules = [...pairing.modules, ...legacy].map(({ uid }) => uid);
    return new ShuntCheck({ name: shunt, log: this.#log, writer, logger, modules });
  }

  #shuntStatus(): ShuntStatus | undefined {
    const { shunt: name } = this.#options;
    if (name === undefined || this.#shunt === undefined) return undefined;
    const { bus, check } = this.#shunt;
    const { shown, readings } = bus;
    return { name, authenticated: false, shown, readings, checks: check.counts };
  }
}
