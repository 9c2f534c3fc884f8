import {
  type Cancel,
  type Clock,
  type Entropy,
  type Logger,
  type Millis,
  type ModuleUid,
  messageOf,
  millis,
} from "@wattseal/base";
import type { CanBus, LinkCounts, Telemetry } from "@wattseal/can-protocol";
import type { DeviceCustody, PackPairing, PairedModule } from "@wattseal/device-keys";
import type { SocietySummary } from "@wattseal/energy-ledger";
import type { Signer } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import {
  type Destination,
  type FleetName,
  PendingCheckpoints,
  packName,
  UplinkCursors,
} from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";
import { type ContinuedLog, EnergyLog } from "./ledger/energy-log.js";
import type { StatementDraft } from "./ledger/entered.js";
import { LinkManager } from "./links/manager.js";
import { Recorder } from "./metering/recorder.js";
import { UplinkClient } from "./uplink/client.js";

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
  /** Holds the pack's device half; outlives the gateway. */
  readonly custody: DeviceCustody;
  readonly openSigner: (log: ContinuedLog) => Promise<Signer>;
  /** Name of the registered source that charges are attributed to. */
  readonly source: string;
  readonly fleet: FleetName;
  readonly uplinks: readonly { readonly broker: string; readonly destination: Destination }[];
}

export interface ModuleStatus {
  readonly uid: ModuleUid;
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
/** An epoch may last 31 days; the next one begins a day before. */
const EPOCH_RENEWAL_MS = 30 * 24 * 3600 * 1000;
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
  readonly #cursors: UplinkCursors;
  readonly #recorder: Recorder;
  readonly #links: LinkManager;
  readonly #uplinks: readonly UplinkClient[];
  readonly #last = new Map<ModuleUid, LastReading>();
  readonly #onWitnessed = new Set<() => void>();
  #renewal: Cancel | undefined;

  private constructor(
    options: GatewayOptions,
    parts: {
      readonly log: EnergyLog;
      readonly cursors: UplinkCursors;
      readonly pending: PendingCheckpoints;
    },
  ) {
    this.#options = options;
    this.#log = parts.log;
    this.#cursors = parts.cursors;
    const { clock, logger, pairing, source } = options;
    this.#recorder = new Recorder({ log: parts.log, pairing, source, clock, logger });
    this.#links = new LinkManager({ ...options, listener: this.#linkListener() });
    this.#uplinks = options.uplinks.map(
      ({ broker, destination }) =>
        new UplinkClient({
          broker,
          destination,
          fleet: options.fleet,
          pack: packName(options.document.label),
          log: parts.log.store,
          pending: parts.pending,
          cursors: parts.cursors,
          epochEvidence: () => parts.log.epochEvidence,
          clock: options.wallClock,
          logger,
          onWitnessed: () => this.#witnessed(parts.pending),
        }),
    );
  }

  /** Opens the log, begins an epoch, enters what is new, and starts links, metering and uplink. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { clockState, document, logger, pairing, statements } = options;
    const log = await EnergyLog.open(options);
    try {
      const destinations = options.uplinks.map((uplink) => uplink.destination);
      const cursors = UplinkCursors.load({
        origin: document.origin,
        log: log.own,
        destinations,
        stored: (name) => log.readReceipt(name),
        save: (name, receipt) => log.writeReceipt(name, receipt),
      });
      const { pending, dropped } = PendingCheckpoints.load({
        origin: document.origin,
        stored: log.store.readDocument("pending"),
        witnessed: cursors.witnessedByAll,
        log: log.own,
        save: (text) => log.store.writeDocument("pending", text),
      });
      for (const reason of dropped) logger.warn("uplink.pending-dropped", { reason });
      let gateway: Gateway | undefined;
      await log.begin({
        pending,
        receipt: furthestReceipt(cursors, destinations),
        onSigned: () => gateway?.signed(),
      });
      await log.append({
        type: "ops.clock",
        body: {
          sync: clockState.synchronised ? "synchronised" : "unsynchronised",
          source: clockState.source,
          step: 0,
        },
      });
      for (const draft of log.entered.missingPairings(pairing)) await log.append(draft);
      for (const draft of log.entered.missingStatements(statements)) await log.append(draft);
      gateway = new Gateway(options, { log, cursors, pending });
      gateway.#start();
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
      entries: store.durableSize,
      checkpoints: this.#log.checkpoints,
      witnessed: this.#cursors.witnessedByAll,
      connected: this.#uplinks.every((uplink) => uplink.status.connected),
      society: fold.summary(),
      energy: fold.totals,
      refusedEntries: this.#recorder.refused,
      stopped: this.#log.stopped?.message,
    };
  }

  /** Closes the intervals, ends the epoch, signs to the last entry, and waits up to `drainMs` for it to be witnessed. */
  async stop(drainMs: number): Promise<GatewayStatus> {
    this.#links.stop();
    this.#renewal?.();
    this.#recorder.stop();
    this.#recorder.closeEarly();
    await this.#recorder.settled();
    await this.#log.endEpoch("shutdown");
    await this.#untilWitnessed(drainMs);
    const status = this.status();
    for (const uplink of this.#uplinks) await uplink.stop();
    await this.#log.close();
    return status;
  }

  signed(): void {
    for (const uplink of this.#uplinks) uplink.signed();
  }

  #start(): void {
    this.#armRenewal();
    this.#recorder.start();
    this.#links.start();
    for (const uplink of this.#uplinks) uplink.start();
  }

  #armRenewal(): void {
    const { clock } = this.#options;
    this.#renewal = clock.at(millis(clock.now() + EPOCH_RENEWAL_MS), () => void this.#renewEpoch());
  }

  async #renewEpoch(): Promise<void> {
    const { logger } = this.#options;
    this.#recorder.closeEarly();
    this.#recorder.hold();
    try {
      await this.#recorder.settled();
      await this.#log.renewEpoch(furthestReceipt(this.#cursors, this.#destinations()));
      logger.info("epoch.renewed", { epoch: this.#log.fold.epoch?.epoch });
      for (const uplink of this.#uplinks) uplink.epochRenewed();
    } catch (error) {
      logger.error("epoch.renewal-failed", { error: messageOf(error) });
    }
    this.#recorder.release();
    this.#armRenewal();
  }

  #destinations(): readonly Destination[] {
    return this.#options.uplinks.map(({ destination }) => destination);
  }

  #linkListener() {
    const { logger, clock } = this.#options;
    return {
      session: (module: PairedModule, handshakeHash: Uint8Array) => {
        logger.info("link.session", { module: module.uid, slot: module.slot });
        this.#recorder.session(module, handshakeHash);
      },
      message: (module: PairedModule, message: Parameters<Recorder["telemetry"]>[1]) => {
        if (message.message.kind !== "telemetry") return;
        this.#last.set(module.uid, { telemetry: message.message, time: clock.now() });
        this.#recorder.telemetry(module, message, message.message);
      },
      alarm: (module: PairedModule, alarm: Parameters<Recorder["alarm"]>[1]) => {
        logger.warn("link.alarm", {
          module: module.uid,
          kind: alarm.kind,
          suppressed: alarm.suppressed,
        });
        this.#recorder.alarm(module, alarm);
      },
      down: (module: PairedModule, reason: string) => {
        logger.warn("link.down", { module: module.uid, reason });
      },
    };
  }

  #moduleStatus(module: PairedModule, now: Millis): ModuleStatus {
    const last = this.#last.get(module.uid);
    return {
      uid: module.uid,
      slot: module.slot,
      linked: this.#links.linked(module.uid),
      counts: this.#links.counts(module.uid),
      telemetry: last?.telemetry,
      stale: last === undefined || now - last.time > STALE_MS,
    };
  }

  #witnessed(pending: PendingCheckpoints): void {
    void pending.prune(this.#cursors.witnessedByAll);
    for (const check of this.#onWitnessed) check();
  }

  #untilWitnessed(drainMs: number): Promise<void> {
    const { wallClock } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#onWitnessed.delete(check);
        resolve();
      };
      const check = () => {
        if (this.#cursors.witnessedByAll >= this.#log.store.durableSize) done();
      };
      const cancel = wallClock.at(millis(wallClock.now() + drainMs), done);
      this.#onWitnessed.add(check);
      check();
    });
  }
}

function furthestReceipt(
  cursors: UplinkCursors,
  destinations: readonly Destination[],
): string | undefined {
  let furthest: string | undefined;
  let size = 0;
  for (const { name } of destinations) {
    if (cursors.witnessed(name) <= size) continue;
    size = cursors.witnessed(name);
    furthest = cursors.receipt(name);
  }
  return furthest;
}
