/** Composition of one federation: store, worker, broker connection. */
import type { Clock, Entropy, Logger } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import { formatVkey, type NoteSigner } from "@wattseal/tlog";
import { type FleetName, fleetName, type PackName } from "@wattseal/uplink";
import { EmbeddedBroker } from "./broker/embedded.js";
import { FederationError } from "./errors.js";
import { MqttFleet, type MqttFleetOptions } from "./mqtt/client.js";
import { type ModuleTwice, readStoredLog } from "./store/port.js";
import { SqliteStore } from "./store/sqlite.js";
import type { FederationStats } from "./worker/stats.js";
import { FederationWorker } from "./worker/worker.js";

export interface FederationOptions {
  /** Of the store; made where it does not exist. */
  readonly directory: string;
  readonly fleet: string;
  /** A broker's URL, or "embedded". */
  readonly broker: string;
  /** Port of the embedded broker; default 0, any. */
  readonly embeddedPort?: number;
  /** For a broker of one's own. */
  readonly account?: Pick<MqttFleetOptions, "username" | "password" | "tls">;
  /** Ed25519; its name and public key are what gateways pin. */
  readonly witnessKey: NoteSigner;
  readonly authorityKeys: TrustedKeys;
  /** Cosignature times and waiting. */
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface Federation {
  /** Where gateways connect. */
  readonly brokerUrl: string;
  /** What gateways pin: name and cosignature key, C2SP vkey text. */
  readonly witnessVkey: string;
  readonly stats: FederationStats;
  /** Every stored leaf of a pack, in order: byte for byte the gateway's log. */
  readStoredLog(pack: PackName): AsyncIterable<Uint8Array>;
  /** Every module that two logs claim the same of. */
  modulesTwice(): Promise<readonly ModuleTwice[]>;
  /** The latest receipt of a pack. */
  receipt(pack: PackName): Promise<string | undefined>;
  /** Finishes what was delivered, then closes. */
  stop(): Promise<void>;
}

/** Throws FederationError, RangeViolation for a bad fleet name. */
export async function startFederation(options: FederationOptions): Promise<Federation> {
  const { logger, clock, authorityKeys, witnessKey: witness } = options;
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
    const store = await SqliteStore.open(options.directory);
    closing.push(() => store.close());
    const link: { fleet?: MqttFleet } = {};
    const worker = await FederationWorker.start({
      store,
      witness,
      authorityKeys,
      clock,
      logger,
      publish: (pack, channel, payload) => link.fleet?.publish(pack, channel, payload),
    });
    const { connection, close } = await brokerOf(options, fleet);
    closing.push(close);
    const mqtt = MqttFleet.open(connection, (delivery) => worker.deliver(delivery));
    link.fleet = mqtt;
    closing.push(
      () => mqtt.close(),
      () => worker.stop(),
    );
    await mqtt.ready;
    logger.info("federation.started", { broker: connection.url, fleet, packs: worker.stats.packs });
    return {
      brokerUrl: connection.url,
      witnessVkey: formatVkey({ ...witness, type: "cosignature" }),
      get stats() {
        return worker.stats;
      },
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

async function brokerOf(
  options: FederationOptions,
  fleet: FleetName,
): Promise<{ connection: MqttFleetOptions; close: () => Promise<void> }> {
  const { broker: url, entropy, logger } = options;
  if (url !== "embedded") {
    const clientId = `wattseal-federation-${fleet}`;
    return {
      connection: { url, fleet, clientId, logger, ...options.account },
      close: async () => {},
    };
  }
  const port = options.embeddedPort ?? 0;
  const embedded = await EmbeddedBroker.listen({ fleet, entropy, logger, port });
  return {
    connection: { url: embedded.url, fleet, logger, ...embedded.account },
    close: () => embedded.close(),
  };
}
