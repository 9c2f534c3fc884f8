/** Composition of one registry: its store, its listeners, and what the worker's store has proven while it was away. */
import {
  bytesEqual,
  type Clock,
  type Entropy,
  type LctId,
  type Logger,
  labelOf,
} from "@wattseal/base";
import type { Ed25519SecretKey, HardwareRoots } from "@wattseal/lct-keys";
import type { LctDocument, TrustedKeys } from "@wattseal/lct-keys/verify";
import { packName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import { Follower } from "../follow.js";
import type { Address, HttpServer } from "../http/server.js";
import type { StoreOptions } from "../store/open.js";
import type { FederationStore } from "../store/port.js";
import { storedDocument } from "../worker/kept-fork.js";
import { EndedLcts, SharedStanding } from "./ended.js";
import { listenForAnyone, listenForOperator } from "./http/server.js";
import { KeptForks } from "./kept-forks.js";
import type { RegistryStore } from "./port.js";
import { PostgresRegistryStore } from "./postgres.js";
import { LctRegistry } from "./registry.js";
import { SqliteRegistryStore } from "./sqlite.js";
import type { Standing } from "./standing.js";

export interface RegistrySetting {
  /** Of its own file, unless the store is shared; made where it does not exist. */
  readonly directory: string;
  /** Signs documents and statements: one of the federation's accepted authorities. */
  readonly authority: Ed25519SecretKey;
  readonly roots: HardwareRoots;
  readonly updateKeys: readonly Uint8Array[] | "any";
  /** Undefined: nobody enrols over the network, and nobody asks. */
  readonly listen?: Address;
  /** Path of the operator's unix socket. */
  readonly socket: string;
}

/** Where workers share one: the database of their store. */
export type SharedRegistry = Extract<StoreOptions, { kind: "postgres" }>;

export interface OpenRegistry {
  readonly standing: Standing;
  /** Where anyone reaches it; undefined where it does not listen. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

type Logs = Pick<FederationStore, "forkedPacks" | "forks" | "leaves" | "pack">;

const UNREACHABLE = "registry.unreachable";

interface Surroundings {
  readonly authorityKeys: TrustedKeys;
  /** Dates what is signed. */
  readonly clock: Pick<Clock, "now">;
  /** Time that passes. */
  readonly steady: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** Throws FederationError `configuration`, `store-…`; RegistryError `listen`. */
export async function openRegistry(
  setting: RegistrySetting,
  { authorityKeys, clock, steady, entropy, logger }: Surroundings,
  logs: Logs,
  shared?: SharedRegistry,
): Promise<OpenRegistry> {
  const { authority, roots, updateKeys, listen, socket } = setting;
  if (!authorityKeys.some((key) => bytesEqual(key, authority.publicKey))) {
    throw new FederationError(
      "configuration",
      "the registry's authority is none that the federation accepts: what it enrols could not speak here",
    );
  }
  const store = await storeOf(setting.directory, shared, logger);
  const servers: HttpServer[] = [];
  const following: Follower[] = [];
  const close = async () => {
    for (const server of servers) await server.close();
    for (const follower of following) await follower.stop();
    await store.close();
  };
  try {
    const registry = await LctRegistry.open({
      store,
      authority,
      roots,
      updateKeys,
      documentOf: (lct) => documentIn(logs, lct, authorityKeys),
      clock,
      entropy,
      logger,
    });
    const kept = new KeptForks({ standing: registry, logs, authorityKeys, logger });
    const look = async () => {
      await registry.refresh();
      await kept.judge();
    };
    await look();
    following.push(Follower.start({ clock: steady, logger, look, failed: UNREACHABLE }));
    servers.push(await listenForOperator({ registry, clock, logger, socket }));
    const anyone = listen && (await listenForAnyone({ registry, clock, logger, ...listen }));
    if (anyone !== undefined) servers.push(anyone);
    return { standing: kept, url: anyone?.url, close };
  } catch (error) {
    await close().catch(() => {}); // the first failure says more
    throw error;
  }
}

/** For a worker without the authority's key: what the registries on its database say. Throws FederationError. */
export async function followRegistry(
  shared: SharedRegistry,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<OpenRegistry> {
  const store = await PostgresRegistryStore.open(shared);
  try {
    const ended = await EndedLcts.of(store);
    const follower = Follower.start({
      clock,
      logger,
      look: () => ended.refresh(),
      failed: UNREACHABLE,
    });
    const close = async () => {
      await follower.stop();
      await store.close();
    };
    return { standing: new SharedStanding(ended), url: undefined, close };
  } catch (error) {
    await store.close().catch(() => {}); // the first failure says more
    throw error;
  }
}

async function storeOf(
  directory: string,
  shared: SharedRegistry | undefined,
  logger: Logger,
): Promise<RegistryStore> {
  if (shared === undefined) return SqliteRegistryStore.open(directory);
  const store = await PostgresRegistryStore.open(shared);
  try {
    if (await store.takeUp(directory)) logger.info("registry.moved", { directory });
    return store;
  } catch (error) {
    await store.close().catch(() => {}); // the first failure says more
    throw error;
  }
}

/** Undefined for one that does not speak here under an accepted authority. Throws what the store throws. */
async function documentIn(
  logs: Logs,
  lct: LctId,
  authorityKeys: TrustedKeys,
): Promise<LctDocument | undefined> {
  if (!lct.startsWith("lct:pack:")) return undefined;
  try {
    return await storedDocument(logs, packName(labelOf(lct)), authorityKeys);
  } catch (error) {
    if (error instanceof FederationError) throw error;
    return undefined;
  }
}
