/** Composition of one registry: its file, its listeners, and what the worker's store has proven while it was away. */
import {
  bytesEqual,
  type Clock,
  type Entropy,
  type LctId,
  type Logger,
  labelOf,
} from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import type { Ed25519SecretKey, HardwareRoots } from "@wattseal/lct-keys";
import { type LctDocument, type TrustedKeys, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { type PackName, packName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import type { Address, HttpServer } from "../http/server.js";
import type { FederationStore } from "../store/port.js";
import { listenForAnyone, listenForOperator } from "./http/server.js";
import { LctRegistry } from "./registry.js";
import { SqliteRegistryStore } from "./sqlite.js";
import type { Standing } from "./standing.js";

export interface RegistrySetting {
  /** Of its own file; made where it does not exist. */
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

export interface OpenRegistry {
  readonly standing: Standing;
  /** Where anyone reaches it; undefined where it does not listen. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

type Logs = Pick<FederationStore, "forks" | "leaves">;

interface Surroundings {
  readonly authorityKeys: TrustedKeys;
  readonly clock: Pick<Clock, "now">;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** Throws FederationError `configuration`, `store-…`; RegistryError `listen`. */
export async function openRegistry(
  setting: RegistrySetting,
  { authorityKeys, clock, entropy, logger }: Surroundings,
  logs: Logs,
): Promise<OpenRegistry> {
  const { authority, roots, updateKeys, listen, socket } = setting;
  if (!authorityKeys.some((key) => bytesEqual(key, authority.publicKey))) {
    throw new FederationError(
      "configuration",
      "the registry's authority is none that the federation accepts: what it enrols could not speak here",
    );
  }
  const store = await SqliteRegistryStore.open(setting.directory);
  const servers: HttpServer[] = [];
  const close = async () => {
    for (const server of servers) await server.close();
    await store.close();
  };
  try {
    const registry = await LctRegistry.open({
      store,
      authority,
      roots,
      updateKeys,
      documentOf: (lct) => documentIn(logs, lct),
      clock,
      entropy,
      logger,
    });
    await slashProven(registry, logs);
    servers.push(await listenForOperator({ registry, clock, logger, socket }));
    const anyone = listen && (await listenForAnyone({ registry, clock, logger, ...listen }));
    if (anyone !== undefined) servers.push(anyone);
    return { standing: registry, url: anyone?.url, close };
  } catch (error) {
    await close().catch(() => {}); // the first failure says more
    throw error;
  }
}

/** A worker that died between keeping a proof and acting on it, or had no registry then. */
async function slashProven(registry: LctRegistry, logs: Logs): Promise<void> {
  for (const fork of await logs.forks()) {
    if (registry.finalState(fork.pack) !== undefined) continue;
    const document = await documentOfLog(logs, fork.pack);
    if (document !== undefined) await registry.slash(fork, document);
  }
}

async function documentIn(logs: Logs, lct: LctId): Promise<LctDocument | undefined> {
  if (!lct.startsWith("lct:pack:")) return undefined;
  const document = await documentOfLog(logs, packName(labelOf(lct)));
  return document?.lct === lct ? document : undefined;
}

/** Entry 0, which the worker has stored only under an authority that it accepts. */
async function documentOfLog(logs: Logs, pack: PackName): Promise<LctDocument | undefined> {
  const [leaf] = await logs.leaves(pack, 0, 1);
  const entry = leaf && decodeEntry(leaf);
  if (entry?.type !== "lct.document") return undefined;
  return verifyLctDocument(entry.body.sign1, "self-consistent");
}
