import { type Clock, type Entropy, type Logger, messageOf, millis } from "@wattseal/base";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import {
  type Destination,
  type FleetName,
  leafBytes,
  PendingCheckpoints,
  packName,
  type SenderStatus,
  UplinkCursors,
  UplinkError,
} from "@wattseal/uplink";
import { GatewayError } from "../errors.js";
import type { EnergyLog } from "../ledger/energy-log.js";
import { type KeptReceipt, keptReceipt } from "../ledger/receipts.js";
import type { DestinationStatus } from "../status.js";
import { type BrokerAccess, UplinkClient } from "./client.js";

export interface Uplink {
  /** `mqtt://host:port` or `mqtts://…`. */
  readonly broker: string;
  readonly access?: BrokerAccess;
  readonly destination: Destination;
}

export interface DeliveryOptions {
  readonly log: EnergyLog;
  readonly document: LctDocument;
  readonly fleet: FleetName;
  readonly uplinks: readonly Uplink[];
  /** How many of them have to have receipted what counts as witnessed; default: all. */
  readonly quorum?: number | undefined;
  readonly entropy: Entropy;
  /** Real time that only runs. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** A receipt moved a cursor; `witnessed` has what a quorum has now. */
  readonly onWitnessed?: (() => void) | undefined;
  /** A message of the order topic; `retained`: the broker had kept it. Default: nobody listens. */
  readonly onOrder?: ((payload: Uint8Array, retained: boolean) => void) | undefined;
  /** A message of the status topic. Default: nobody listens. */
  readonly onStatus?: ((payload: Uint8Array) => void) | undefined;
  /** Called as a message goes out; what it gives is called at the broker's PUBACK, if that comes. */
  readonly onPublish?: (() => () => void) | undefined;
}

const PENDING_DOCUMENT = "pending";

/** Brings the log to every destination and keeps what each has witnessed; the log itself is the outbox. */
export class Delivery {
  readonly pending: PendingCheckpoints;
  readonly #options: DeliveryOptions;
  readonly #cursors: UplinkCursors;
  readonly #clients: readonly UplinkClient[];
  readonly #onWitnessed = new Set<() => void>();

  private constructor(
    options: DeliveryOptions,
    cursors: UplinkCursors,
    pending: PendingCheckpoints,
  ) {
    this.pending = pending;
    this.#options = options;
    this.#cursors = cursors;
    const { log, document, fleet, uplinks, entropy, clock, logger } = options;
    const { onPublish, onOrder, onStatus } = options;
    this.#clients = uplinks.map(
      ({ broker, access, destination }) =>
        new UplinkClient({
          broker,
          access,
          destination,
          fleet,
          pack: packName(document.label),
          log: log.store,
          pending,
          cursors,
          epochEvidence: () => log.epochEvidence,
          isStopped: () => log.stopped !== undefined,
          entropy,
          clock,
          logger,
          onWitnessed: () => this.#witnessed(),
          onOrder,
          onStatus,
          onPublish,
        }),
    );
  }

  /** Takes up where the last run ended. Throws when a kept receipt does not hold for this log. */
  static async open(options: DeliveryOptions): Promise<Delivery> {
    const { log, document, logger } = options;
    const { origin } = document;
    const cursors = cursorsOf(options);
    const { pending, dropped } = PendingCheckpoints.load({
      origin,
      stored: storedPending(log, logger),
      witnessed: cursors.witnessedByAll,
      log: log.own,
      save: (text) => log.store.writeDocument(PENDING_DOCUMENT, text),
    });
    for (const reason of dropped) logger.warn("uplink.pending-dropped", { reason });
    await addHead(pending, cursors, log);
    return new Delivery(options, cursors, pending);
  }

  /** Entries that a quorum of the destinations has witnessed. */
  get witnessed(): number {
    return this.#cursors.witnessedByQuorum;
  }

  /** To as many destinations as the quorum asks for. */
  get connected(): boolean {
    const connected = this.#clients.filter(({ status }) => status.connected).length;
    return connected >= this.quorum;
  }

  /** How many destinations have to have receipted what counts as witnessed. */
  get quorum(): number {
    return quorumOf(this.#options);
  }

  /** Each uplink with its witness's name, in their order. */
  get destinations(): readonly DestinationStatus[] {
    return this.#options.uplinks.flatMap(({ destination }, i) => {
      const status = this.#clients[i]?.status;
      return status === undefined ? [] : [{ witness: destination.name, ...status }];
    });
  }

  /** Of each uplink, in their order. */
  get statuses(): readonly SenderStatus[] {
    return this.#clients.map(({ status }) => status);
  }

  /** The receipt that reaches furthest. */
  get receipt(): string | undefined {
    let furthest: string | undefined;
    let size = 0;
    for (const { destination } of this.#options.uplinks) {
      const witnessed = this.#cursors.witnessed(destination.name);
      if (witnessed <= size) continue;
      size = witnessed;
      furthest = this.#cursors.receipt(destination.name);
    }
    return furthest;
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  /** A new checkpoint is among the pending ones. */
  signed(): void {
    for (const client of this.#clients) client.signed();
  }

  /** A new epoch signs from now on. */
  epochRenewed(): void {
    for (const client of this.#clients) client.epochRenewed();
  }

  /** The log accepts nothing any more; what it has still goes out. */
  ledgerStopped(): void {
    for (const client of this.#clients) client.tellStanding();
  }

  /** Resolves when everything durable has been witnessed, or after `ms`. */
  untilWitnessed(ms: number): Promise<void> {
    const { clock, log } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#onWitnessed.delete(check);
        resolve();
      };
      const check = () => {
        if (this.witnessed >= log.store.durableSize) done();
      };
      const cancel = clock.at(millis(clock.now() + ms), done);
      this.#onWitnessed.add(check);
      check();
    });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.stop();
  }

  #witnessed(): void {
    this.pending.prune(this.#cursors.witnessedByAll); // those behind have still to be sent theirs
    for (const check of this.#onWitnessed) check();
    this.#options.onWitnessed?.();
  }
}

function quorumOf({ quorum, uplinks }: DeliveryOptions): number {
  return quorum ?? uplinks.length;
}

/** Throws GatewayError `receipt` for a kept one that does not hold: the last word on what this log was. */
function cursorsOf(options: DeliveryOptions): UplinkCursors {
  const { log, document, uplinks, logger } = options;
  let file = "";
  try {
    return UplinkCursors.load({
      origin: document.origin,
      log: log.own,
      destinations: uplinks.map(({ destination }) => destination),
      quorum: quorumOf(options),
      stored: (destination) => {
        const receipt = storedReceipt(log, destination, logger);
        file = receipt?.document ?? "";
        return receipt?.text;
      },
      save: ({ name }, receipt) => log.writeReceipt(name, receipt),
    });
  } catch (cause) {
    if (!(cause instanceof UplinkError) || !cause.code.startsWith("receipt-")) throw cause;
    const ways =
      "Where the file is damaged, restore it from a backup, or move it away (not of a pruned log): the log is then delivered from its beginning. Where the log is an older copy, restore it from the federation's";
    const message = `${file} beside the log: ${cause.message}. ${ways}.`;
    throw new GatewayError("receipt", "input", message, { cause });
  }
}

/**
 * One of a tree that pruning left no root of says nothing of this log any more: the destination was left for another,
 * which has what went, and can catch up from there alone.
 */
function storedReceipt(
  { store }: EnergyLog,
  destination: Destination,
  logger: Logger,
): KeptReceipt | undefined {
  const receipt = keptReceipt(store, destination);
  const { firstEntry } = store;
  if (receipt === undefined || receipt.size >= firstEntry) return receipt;
  const { size } = receipt;
  logger.error("uplink.receipt-pruned", { destination: destination.name, size, firstEntry });
  return undefined;
}

/** A file that cannot be read is one without a note in it: it must not keep a gateway from starting. */
function storedPending({ store }: EnergyLog, logger: Logger): string | undefined {
  try {
    return store.readDocument(PENDING_DOCUMENT);
  } catch (error) {
    logger.warn("uplink.pending-dropped", { reason: messageOf(error) });
    return undefined;
  }
}

/** The log's head, where it is not among the pending checkpoints and somebody has still to see it. */
async function addHead(
  pending: PendingCheckpoints,
  cursors: UplinkCursors,
  { store }: EnergyLog,
): Promise<void> {
  const { head } = store;
  const known = Math.max(pending.newest?.size ?? pending.base, cursors.witnessedByAll);
  if (head === undefined || head.checkpoint.size <= known) return;
  const { size } = head.checkpoint;
  // what was pruned travels in no batch: a destination that asks for it is told by its absence
  const from = Math.max(pending.base, store.firstEntry);
  await pending.add({ size, note: head.note, bytes: leafBytes(store.entries(from, size)) });
}
