import {
  type Clock,
  type Entropy,
  type Logger,
  type Millis,
  type ModuleUid,
  messageOf,
  millis,
} from "@wattseal/base";
import type { CanBus, LinkCounts, OrderResult, PackOrder, Telemetry } from "@wattseal/can-protocol";
import type { DeviceCustody, PackPairing, PairedModule } from "@wattseal/device-keys";
import type { SocietySummary } from "@wattseal/energy-ledger";
import type { Signer } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { FleetName } from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";
import { type ContinuedLog, type Draft, EnergyLog } from "./ledger/energy-log.js";
import type { StatementDraft } from "./ledger/entered.js";
import {
  ClearBus,
  type ClearListener,
  type LegacyStatus,
  type LegacyUnit,
} from "./legacy/clear-bus.js";
import { type LinkListener, LinkManager } from "./links/manager.js";
import { Supervisor } from "./links/supervisor.js";
import { Recorder } from "./metering/recorder.js";
import { Delivery, type Uplink } from "./uplink/delivery.js";

export interface GatewayOptions {
  readonly bus: CanBus;
  /** The pack's time: links, windows, entries. The simulator's when the bus is virtual. */
  readonly clock: Clock;
  /** How far `clock` can be trusted: entered at each start; only synchronised time expires anything. */
  readonly clockState: { readonly synchronised: boolean; readonly source: string };
  /** Network time, for delivery. */
  readonly wallClock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** Folder of the log. */
  readonly directory: string;
  readonly document: LctDocument;
  /** Authorities that this pack obeys. */
  readonly trust: Trust;
  /** What the authority signed for this society, each entered once. */
  readonly statements: readonly StatementDraft[];
  readonly pairing: PackPairing;
  /** Clear-text modules that the configuration admits; undefined: any clear frame is an alarm. */
  readonly legacy?: readonly LegacyUnit[] | undefined;
  /** Holds the pack's device half; outlives the gateway. */
  readonly custody: DeviceCustody;
  readonly openSigner: (log: ContinuedLog) => Promise<Signer>;
  /** Readings a second to ask each module for, 1 to 10; fewer where the wire does not carry them. */
  readonly telemetryHz: number;
  /** Makes the pack's pairing record durable. */
  readonly storePairing: (pairing: PackPairing) => Promise<void>;
  /** The half that is to follow, while the record says that a roll is under way. */
  readonly nextCustody?: DeviceCustody | undefined;
  /** Name of the registered source that charges are attributed to. */
  readonly source: string;
  readonly fleet: FleetName;
  readonly uplinks: readonly Uplink[];
  /** An entry that was acknowledged, with its leaf hash: for whoever keeps accounts of that elsewhere. */
  readonly onDurable?: ((index: number, leafHash: Uint8Array) => void) | undefined;
}

export interface ModuleStatus {
  readonly uid: ModuleUid;
  readonly authenticated: true;
  readonly slot: number;
  readonly linked: boolean;
  readonly counts: LinkCounts | undefined;
  readonly telemetry: Telemetry | undefined;
  /** No reading for 2 s: shown as stale, never as live. */
  readonly stale: boolean;
}

export interface GatewayStatus {
  readonly time: Millis;
  readonly modules: readonly ModuleStatus[];
  /** Modules without a sealed link: nothing that they say is authenticated. */
  readonly legacyModules: readonly LegacyStatus[];
  readonly entries: number;
  readonly checkpoints: number;
  /** Entries that every destination has witnessed. */
  readonly witnessed: number;
  readonly connected: boolean;
  readonly society: SocietySummary;
  /** mWh of record, gross, over the whole log. */
  readonly energy: { readonly inMwh: number; readonly outMwh: number };
  readonly refusedEntries: number;
  readonly stopped: string | undefined;
}

const STALE_MS = 2000;
const STATEMENTS_MS = 1000;
/** Cause of an isolate order (docs/firmware/messages.md). */
const ISOLATE_BY_OPERATOR = 1;
/** Entries on their way to the disk beyond which the pack's time waits, where it can. */
const UNWRITTEN_LIMIT = 256;

interface LastReading {
  readonly telemetry: Telemetry;
  readonly time: Millis;
}

/** The pack side, composed: links → metering → ledger → uplink. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #log: EnergyLog;
  readonly #delivery: Delivery;
  readonly #recorder: Recorder;
  readonly #links: LinkManager;
  readonly #supervisor: Supervisor;
  readonly #clear: ClearBus;
  readonly #last = new Map<ModuleUid, LastReading>();
  #renewal: Promise<void> | undefined;

  private constructor(options: GatewayOptions, log: EnergyLog, delivery: Delivery) {
    this.#options = options;
    this.#log = log;
    this.#delivery = delivery;
    this.#recorder = new Recorder({ ...options, log, onMinute: () => this.#renewWhenDue() });
    this.#links = new LinkManager({ ...options, listener: this.#linkListener() });
    this.#supervisor = new Supervisor({
      links: this.#links,
      info: options.bus.info,
      modules: options.pairing.modules,
      hz: options.telemetryHz,
      clock: options.clock,
      logger: options.logger,
    });
    const { legacy } = options;
    this.#clear = new ClearBus({ ...options, legacy, listener: this.#clearListener() });
  }

  /** Opens the log, begins an epoch, enters what is new, and starts links, metering and uplink. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { clockState, pairing, statements } = options;
    const log = await EnergyLog.open(options);
    try {
      const delivery = await Delivery.open({ ...options, log, clock: options.wallClock });
      await log.begin({
        pending: delivery.pending,
        receipt: delivery.receipt,
        onSigned: () => delivery.signed(),
      });
      await log.append(clockEntry(clockState));
      for (const draft of log.entered.missingPairings(pairing)) await log.append(draft);
      for (const draft of log.entered.missingStatements(statements)) await log.append(draft);
      const gateway = new Gateway(options, log, delivery);
      gateway.#recorder.start();
      gateway.#clear.start();
      gateway.#links.start();
      gateway.#supervisor.start();
      delivery.start();
      return gateway;
    } catch (error) {
      await log.close().catch(() => {});
      throw error;
    }
  }

  /** A promise while entries pile up before the disk: where time can wait, it waits for this. */
  ready(): Promise<void> | undefined {
    return this.#recorder.unwritten > UNWRITTEN_LIMIT ? this.#recorder.settled() : undefined;
  }

  status(): GatewayStatus {
    const { fold, store } = this.#log;
    const now = this.#options.clock.now();
    return {
      time: now,
      modules: this.#options.pairing.modules.map((module) => this.#moduleStatus(module, now)),
      legacyModules: this.#clear.status(),
      entries: store.durableSize,
      checkpoints: this.#log.checkpoints,
      witnessed: this.#delivery.witnessed,
      connected: this.#delivery.connected,
      society: fold.summary(),
      energy: fold.totals,
      refusedEntries: this.#recorder.refused,
      stopped: this.#log.stopped?.message,
    };
  }

  /** Sends one order to a module; resolves with what became of it. */
  order(uid: ModuleUid, order: PackOrder): Promise<OrderResult> {
    return this.#links.order(uid, order);
  }

  /** Orders every linked module to open its relay, in one burst, and all clear-text ones; resolves with what each linked one answered. */
  async isolateAll(): Promise<ReadonlyMap<ModuleUid, OrderResult>> {
    this.#clear.isolate();
    const results = new Map<ModuleUid, OrderResult>();
    const orders = this.#links.orderAll(() => ({ kind: "isolate", cause: ISOLATE_BY_OPERATOR }));
    for (const [uid, result] of orders) results.set(uid, await result);
    return results;
  }

  /** Begins to roll the pack's device half over to `next`, which is in safe keeping already; see LinkManager. */
  rollPackHalf(next: DeviceCustody, reference: string): Promise<void> {
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
    this.#supervisor.stop();
    this.#links.stop();
    this.#clear.stop();
    this.#recorder.stop();
    await this.#renewal;
    this.#recorder.closeEarly();
    await this.#recorder.settled();
    await this.#log.endEpoch("shutdown");
    await this.#delivery.untilWitnessed(drainMs);
    const status = this.status();
    await this.#delivery.stop();
    await this.#log.close();
    return status;
  }

  #renewWhenDue(): void {
    if (!this.#log.epochDue || this.#log.stopped !== undefined) return;
    this.#renewal ??= this.#renewEpoch().finally(() => {
      this.#renewal = undefined;
    });
  }

  async #renewEpoch(): Promise<void> {
    const { clockState, logger } = this.#options;
    if (!this.#log.epochExpired) this.#recorder.closeEarly();
    this.#recorder.hold();
    try {
      await this.#recorder.settled();
      await this.#log.renewEpoch(this.#delivery.receipt);
      await this.#log.append(clockEntry(clockState));
      logger.info("epoch.renewed", { epoch: this.#log.fold.epoch?.epoch });
      this.#delivery.epochRenewed();
    } catch (error) {
      logger.error("epoch.renewal-failed", { error: messageOf(error) });
    }
    this.#recorder.release();
  }

  #linkListener(): LinkListener {
    const { logger, clock } = this.#options;
    return {
      session: (module) => {
        logger.info("link.session", { module: module.uid, slot: module.slot });
        void this.#supervisor.linked(module);
      },
      message: (module, received) => {
        const { message } = received;
        if (message.kind === "counter-statement") this.#recorder.statement(module, received.body);
        if (message.kind !== "telemetry") return;
        this.#last.set(module.uid, { telemetry: message, time: clock.now() });
        this.#recorder.telemetry(module, received, message);
      },
      alarm: (module, alarm) => {
        const { kind, suppressed } = alarm;
        logger.warn("link.alarm", { module: module.uid, kind, suppressed });
        this.#recorder.alarm(module, alarm);
      },
      lost: (module, silentMs) => {
        logger.error("link.lost", { module: module.uid, silentMs });
      },
      down: (module, reason) => {
        const level = reason === "closed" ? "info" : "warn";
        logger[level]("link.down", { module: module.uid, reason });
      },
    };
  }

  #clearListener(): ClearListener {
    const { logger } = this.#options;
    return {
      reading: (reading) => this.#recorder.legacyReading(reading),
      alarm: (alarm) => {
        logger.warn("clear.alarm", { ...alarm });
        this.#recorder.clearAlarm(alarm);
      },
    };
  }

  #moduleStatus(module: PairedModule, now: Millis): ModuleStatus {
    const last = this.#last.get(module.uid);
    return {
      uid: module.uid,
      authenticated: true,
      slot: module.slot,
      linked: this.#links.linked(module.uid),
      counts: this.#links.counts(module.uid),
      telemetry: last?.telemetry,
      stale: last === undefined || now - last.time > STALE_MS,
    };
  }
}

function clockEntry({ synchronised, source }: GatewayOptions["clockState"]): Draft<"ops.clock"> {
  const sync = synchronised ? "synchronised" : "unsynchronised";
  return { type: "ops.clock", body: { sync, source, step: 0 } };
}
