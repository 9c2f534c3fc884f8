import { dirname, resolve } from "node:path";
import { fromUtf8, type Logger } from "@wattseal/base";
import {
  type Federation,
  type FederationStore,
  openStore,
  type StoreOptions,
  startFederation,
} from "@wattseal/federation";
import { decodeTrust } from "@wattseal/verifier";
import { type FederationConfig, federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { steadyClock, systemClock, systemEntropy } from "../ports/system.js";
import { readBrokerAccess } from "../state/broker-access.js";
import { makeFolder, readRequired, readSecret } from "../state/files.js";
import type { Layout } from "../state/layout.js";
import { openReceiptLogKeys } from "../state/receipt-log.js";
import { readStatementKeys } from "../state/statement-keys.js";
import { querySettingOf } from "./query.js";
import { registrySettingOf } from "./registry.js";
import { openWitnessKeys } from "./witness-keys.js";

/** Who this federation is, and whom it accepts. Throws CliError `config`, `state-missing`. */
export async function federationKeys(layout: Layout) {
  const trust = decodeTrust(await readRequired(layout.federation.trust));
  const { witnessKey, nextWitnessKey } = await openWitnessKeys(layout, trust);
  return {
    witnessKey,
    ...(nextWitnessKey && { nextWitnessKey }),
    authorityKeys: trust.authorities.map(({ publicKey }) => publicKey),
  };
}

/** A federation worker with its store, its witness key and, if configured, its own broker. */
export async function openFederation(options: {
  readonly layout: Layout;
  readonly config: FederationConfig;
  readonly logger: Logger;
}): Promise<Federation> {
  const { layout, config, logger } = options;
  const keys = await federationKeys(layout);
  const wallClock = systemClock();
  const { broker } = config;
  const access = await readBrokerAccess({
    path: layout.federation.config,
    table: "broker",
    url: broker.url,
    config: broker,
    now: wallClock.now(),
  });
  const registry = await registrySettingOf(layout, config);
  const query = await querySettingOf(layout, config);
  const ordersSocket = ordersSocketOf(layout, config);
  if (ordersSocket !== undefined) await makeFolder(dirname(ordersSocket));
  const statements = await readStatementKeys(layout);
  return startFederation({
    store: await storeOf(layout, config),
    fleet: config.fleet,
    broker: broker.url,
    embeddedPort: broker.port,
    account: { ...access, ...(broker.user === "" ? {} : { username: broker.user }) },
    ...keys,
    ...(await openReceiptLogKeys(layout, keys.witnessKey.name, {
      entropy: systemEntropy,
      logger,
    })),
    ...(statements && { statements }),
    ...(registry && { registry }),
    ...(query && { query }),
    ...(ordersSocket !== undefined && { ordersSocket }),
    clock: steadyClock(),
    wallClock,
    entropy: systemEntropy,
    logger,
  });
}

/** Where this federation takes orders to packs; undefined: nowhere. */
export function ordersSocketOf(
  { federation }: Layout,
  { orders }: FederationConfig,
): string | undefined {
  return orders.socket === "" ? undefined : resolve(federation.directory, orders.socket);
}

/** A relative password file starts at the configuration's folder. */
export async function storeOf(layout: Layout, { store }: FederationConfig): Promise<StoreOptions> {
  if (store.url === "embedded") return { kind: "embedded", directory: layout.federation.store };
  if (store.passwordFile === "") return { kind: "postgres", url: store.url };
  const path = resolve(layout.federation.directory, store.passwordFile);
  const password = fromUtf8(await readSecret(path, "store.passwordFile names it")).replace(
    /\r?\n$/,
    "",
  );
  return { kind: "postgres", url: store.url, password };
}

/** The store that federation.toml names; an embedded one is free when its federation is stopped. */
export async function openStoreOf(layout: Layout): Promise<FederationStore> {
  const config = await loadConfig({
    schema: federationSchema,
    path: layout.federation.config,
    environment: process.env,
    flags: {},
  });
  return openStore(await storeOf(layout, config));
}
