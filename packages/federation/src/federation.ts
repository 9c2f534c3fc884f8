/** Composition of one federation: store, worker, broker connection, and who may ask. */
import { bytesEqual, type Clock, type Entropy, type Logger } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import { formatVkey, type NoteSigner } from "@wattseal/tlog";
import { fleetName, type PackName } from "@wattseal/uplink";
import { FederationError } from "./errors.js";
import { FoldKeeper } from "./folds/keeper.js";
import { OrderRelay } from "./orders/relay.js";
import { OrdersServer } from "./orders/server.js";
import { Metrics } from "./query/metrics.js";
import { type QuerySetting, serveQueries } from "./query/server.js";
import { followRegistry, openRegistry, type RegistrySetting } from "./registry/open.js";
import { openStore, type StoreOptions } from "./store/open.js";
import { type FederationStore, type ModuleTwice, readStoredLog } from "./store/port.js";
import { transportTo } from "./transport.js";
import type { BrokerAccount, FleetPort } from "./worker/ports.js";
import type { StatementKeys } from "./worker/statements.js";
import type { FederationStats } from "./worker/stats.js";
import { FederationWorker } from "./worker/worker.js";

export interface FederationOptions {
  readonly store: StoreOptions;
  readonly fleet: string;
  /** `embedded`, `mqtt://…`, `mqtts://…`, or NATS: `nats://host:port,host:port`, over TLS `tls://…`. */
  readonly broker: string;
  /** Port of the embedded broker; default 0, any. */
  readonly embeddedPort?: number;
  /** For a broker of one's own. */
  readonly account?: BrokerAccount;
  /** Ed25519; its name and public key are what gateways pin. */
  readonly witnessKey: NoteSigner;
  /** Ed25519; signs the heads of the log of all receipts, whose origin is its name. Without it they stay unsigned. */
  readonly receiptLogKey?: NoteSigner;
  /** The key that follows, of the same name: heads are signed under both until it has taken the other's place. */
  readonly nextReceiptLogKey?: NoteSigner;
  /** The key that follows, of the same name: receipts bear both cosignatures until it has taken the other's place. */
  readonly nextWitnessKey?: NoteSigner;
  readonly authorityKeys: TrustedKeys;
  /** Checks modules' counter statements; without it they are told to be unchecked. */
  readonly statements?: StatementKeys;
  /** Enrols LCTs and keeps their standing; without it nobody's ends here. */
  readonly registry?: RegistrySetting;
  /** Path of the unix socket at which signed orders to packs are taken; without it nowhere. */
  readonly ordersSocket?: string;
  /** Answers queries over HTTP; without it nobody's. */
  readonly query?: QuerySetting;
  /** Only runs, however the machine's time is set: what is waited for goes by it. */
  readonly clock: Clock;
  /** UTC, for cosignatures and the registry; default: `clock`. */
  readonly wallClock?: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface Federation {
  /** Where gateways connect. */
  readonly brokerUrl: string;
  /** What gateways pin: name and cosignature key, C2SP vkey text. */
  readonly witnessVkey: string;
  /** The same of the key that follows, while there is one. */
  readonly nextWitnessVkey: string | undefined;
  readonly stats: FederationStats;
  /** Where applicants and auditors reach the registry, if there is one that listens. */
  readonly registryUrl: string | undefined;
  /** Where queries are answered, if anywhere. */
  readonly queryUrl: string | undefined;
  /** Every stored leaf of a pack, in order: byte for byte the gateway's log. */
  readStoredLog(pack: PackName): AsyncIterable<Uint8Array>;
  /** Every module that two logs claim the same of. */
  modulesTwice(): Promise<readonly ModuleTwice[]>;
  /** The latest receipt of a pack. */
  receipt(pack: PackName): Promise<string | undefined>;
  /** Finishes what was delivered, then closes. */
  stop(): Promise<void>;
}

/** In the store's database where workers share one, whether or not this one has the key. */
async function registryOf(options: FederationOptions, logs: FederationStore) {
  const shared = options.store.kind === "postgres" ? options.store : undefined;
  if (options.registry !== undefined) {
    const { clock, wallClock = clock } = options;
    const dated = { ...options, clock: wallClock, steady: clock };
    return openRegistry(options.registry, dated, logs, shared);
  }
  return shared && followRegistry(shared, options);
}

/** Throws FederationError, RangeViolation for a bad fleet name. */
export async function startFederation(options: FederationOptions): Promise<Federation> {
  const { logger, clock, authorityKeys, wallClock: utc = clock } = options;
  const { witnessKey: witness, nextWitnessKey: nextWitness } = options;
  requireSuccession("a witness", witness, nextWitness);
  requireSuccession("a receipt log", options.receiptLogKey, options.nextReceiptLogKey);
  const fleet = fleetName(options.fleet);
  if (authorityKeys.length === 0) {
    throw new FederationError("configuration", "without an authority key no pack is accepted");
  }
  const closing: (() => Promise<void>)[] = [];
  /** One that cannot be closed must not keep the others open, and the process alive. */
  const closeAll = async () => {
    const failures: unknown[] = [];
    for (const close of closing.splice(0).reverse()) {
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    const store = await openStore(options.store);
    closing.push(() => store.close());
    const registry = await registryOf(options, store);
    if (registry !== undefined) closing.push(() => registry.close());
    const link: { fleet?: FleetPort } = {};
    const metrics = new Metrics({
      stats: () => worker.stats,
      storeBytes: () => store.bytes(),
    });
    const worker = await FederationWorker.start({
      store,
      witness,
      ...(options.receiptLogKey && { receiptLog: options.receiptLogKey }),
      nextReceiptLog: options.nextReceiptLogKey,
      nextWitness,
      authorityKeys,
      ...(options.statements && { statements: options.statements }),
      clock,
      utc,
      logger,
      committed: (ms) => metrics.committed(ms),
      publish: (pack, channel, payload) => void link.fleet?.publish(pack, channel, payload),
      ...(registry && { standing: registry.standing }),
    });
    const keeper = new FoldKeeper({ store, authorityKeys, clock, logger });
    closing.push(() => keeper.stop());
    keeper.start();
    const transport = await transportTo({ ...options, fleet });
    closing.push(() => transport.close());
    const port = transport.open((delivery) => worker.deliver(delivery));
    link.fleet = port;
    closing.push(
      () => port.close(),
      () => worker.stop(),
    );
    await port.ready;
    const witnessVkey = vkeyOf(witness);
    const nextWitnessVkey = nextWitness && vkeyOf(nextWitness);
    const logs = {
      receiptLog: options.receiptLogKey && logVkeyOf(options.receiptLogKey),
      nextReceiptLog: options.nextReceiptLogKey && logVkeyOf(options.nextReceiptLogKey),
    };
    const stats = () => worker.stats;
    const witnesses = { witness: witnessVkey, nextWitness: nextWitnessVkey };
    const { missing = async () => undefined } = options.query ?? {};
    const queried = { store, fleet, ...witnesses, ...logs, stats, metrics, missing };
    const query = options.query && (await serveQueries(options.query, queried, options));
    if (query !== undefined) closing.push(() => query.close());
    const { ordersSocket: socket } = options;
    if (socket !== undefined) {
      const relay = new OrderRelay({ fleet: port, store, logger });
      const orders = await OrdersServer.start({ socket, relay, clock, logger });
      closing.push(() => orders.close());
    }
    logger.info("federation.started", { broker: transport.url, fleet, packs: worker.stats.packs });
    return {
      brokerUrl: transport.url,
      witnessVkey,
      nextWitnessVkey,
      get stats() {
        return worker.stats;
      },
      registryUrl: registry?.url,
      queryUrl: query?.url,
      readStoredLog: (pack) => readStoredLog(store, pack),
      modulesTwice: () => store.modulesTwice("all"),
      receipt: async (pack) => (await store.pack(pack))?.receipt?.text,
      stop: closeAll,
    };
  } catch (error) {
    await closeAll().catch(() => {}); // the first failure says more
    throw error;
  }
}

function vkeyOf(key: NoteSigner): string {
  return formatVkey({ ...key, type: "cosignature" });
}

function logVkeyOf(key: NoteSigner): string {
  return formatVkey({ ...key, type: "ed25519" });
}

/** Throws FederationError `configuration` for two keys of which one cannot follow the other. */
function requireSuccession(whose: string, key: NoteSigner | undefined, next?: NoteSigner): void {
  if (next === undefined) return;
  const isSame = key !== undefined && bytesEqual(key.publicKey, next.publicKey);
  if (!isSame && key?.name === next.name) return;
  throw new FederationError(
    "configuration",
    `${whose}'s next key is another key of its own name, ${key?.name ?? "and there is none before it"}`,
  );
}
