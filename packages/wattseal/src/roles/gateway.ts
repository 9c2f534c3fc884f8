import { resolve } from "node:path";
import {
  type Clock,
  fromHex,
  type Logger,
  milliwattHours,
  moduleUid,
  type TimeSource,
  toHex,
} from "@wattseal/base";
import type { CanBus } from "@wattseal/can-protocol";
import {
  EvidenceStore,
  Gateway,
  type LegacyUnit,
  nodeDiskSpace,
  nodeEvidenceFiles,
  type Uplink,
} from "@wattseal/gateway";
import { fleetName } from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";
import type { GatewayConfig } from "../config/gateway-schema.js";
import { ControlServer } from "../control/server.js";
import { CliError } from "../errors.js";
import { steadyClock, systemClock, systemEntropy } from "../ports/system.js";
import { requireNoneCut } from "../restore/place.js";
import { readBrokerAccess } from "../state/broker-access.js";
import { holdGateway } from "../state/held.js";
import type { Layout } from "../state/layout.js";
import { type PackFiles, readPackFiles, writePairing } from "./pack-files.js";
import { custodyOf, type OpenSigner, openSigner } from "./signer.js";
import { witnessesIn } from "./witnesses.js";

const DAY = 86_400_000;
/** As energy.check entries name the shunt. */
const PACK_SHUNT = "pack-shunt";

/** How long a stop waits for the last receipts: longer than an uplink, and then a federation, takes to ask again for what a broker lost. */
export const DRAIN_MS = 20_000;

export interface GatewayRoleOptions {
  readonly layout: Layout;
  readonly config: GatewayConfig;
  readonly bus: CanBus;
  /** The pack's steady time, and its UTC. */
  readonly clock: Clock;
  readonly timeSource: TimeSource;
  readonly logger: Logger;
}

/** A gateway with its signer, which outlives it. */
export interface RunningGateway {
  readonly gateway: Gateway;
  readonly signer: OpenSigner;
  /** Closes the signer, and gives the folder up. */
  close(): Promise<void>;
}

/**
 * A gateway with the identity of its state folder, which it keeps others from. Throws CliError `usage` where it is in use,
 * `state-missing` where its log is to be restored.
 */
export async function openGateway(options: GatewayRoleOptions): Promise<RunningGateway> {
  const files = await readPackFiles(options.layout);
  const release = await holdGateway(options.layout);
  try {
    await requireNoneCut(options.layout.gateway.log);
    const signer = await openSigner({ ...options, document: files.document });
    const close = async () => {
      await signer.close();
      await release();
    };
    try {
      return { gateway: await startGateway(options, files, signer), signer, close };
    } catch (error) {
      await signer.close();
      throw error;
    }
  } catch (error) {
    await release();
    throw error;
  }
}

async function startGateway(
  options: GatewayRoleOptions,
  { trust, document, pairing, statements }: PackFiles,
  signer: OpenSigner,
): Promise<Gateway> {
  const { layout, config, clock, timeSource } = options;
  const { service } = signer;
  const { nextHalf } = pairing;
  const custody = custodyOf(service, pairing.packHalf, layout.gateway.pairings);
  const nextCustody = nextHalf && custodyOf(service, nextHalf, layout.gateway.pairings);
  const { uplinks, quorum } = await uplinksOf(trust, layout, config);
  const evidence = await openEvidence(options);
  return Gateway.start({
    bus: options.bus,
    evidence,
    disk: diskOf(layout, config),
    clock,
    timeSource,
    wallClock: steadyClock(),
    entropy: systemEntropy,
    logger: options.logger,
    directory: layout.gateway.log,
    document,
    trust,
    statements,
    pairing,
    custody,
    nextCustody,
    storePairing: (record) => writePairing(layout, record),
    legacy: legacyIn(config),
    shunt: config.bus.shunt === "can" ? PACK_SHUNT : undefined,
    openSigner: (log, { clock: utc, synchronised }) =>
      signer.begin({ log, clock: utc, synchronised }),
    telemetryHz: config.bus.telemetryHz,
    orderKeys: orderKeysIn(config),
    source: config.society.source,
    fleet: fleetName(config.fleet),
    onDurable:
      config.log.level === "debug"
        ? (index, leaf) => options.logger.debug("ledger.durable", { index, leaf: toHex(leaf) })
        : undefined,
    keepMs: config.ledger.keepDays === 0 ? undefined : config.ledger.keepDays * DAY,
    uplinks,
    quorum,
  });
}

async function uplinksOf(trust: Trust, layout: Layout, config: GatewayConfig) {
  const { destinations, quorum } = witnessesIn(trust, layout, config);
  const uplinks: Uplink[] = [];
  for (const [i, destination] of destinations.entries()) {
    const uplink = config.uplink[i];
    if (uplink === undefined) continue;
    const access = await readBrokerAccess({
      path: layout.gateway.config,
      table: config.uplink.length === 1 ? "uplink" : `uplink ${i + 1}`,
      url: uplink.broker,
      config: uplink,
      now: systemClock().now(),
    });
    uplinks.push({ broker: uplink.broker, access, destination });
  }
  return { uplinks, quorum };
}

/** Where the gateway of this folder takes orders. */
export function controlSocketOf({ gateway }: Layout, { control }: GatewayConfig): string {
  return resolve(gateway.directory, control.socket);
}

/** Lets a running gateway take orders; stops it where it cannot. */
export async function serveControl(options: {
  readonly layout: Layout;
  readonly config: GatewayConfig;
  readonly running: RunningGateway;
  readonly logger: Logger;
}): Promise<ControlServer> {
  const { layout, config, running, logger } = options;
  const { gateway, signer } = running;
  const path = controlSocketOf(layout, config);
  const controlled = {
    status: () => gateway.status(),
    isolateAll: () => gateway.isolateAll(),
    allow: () => gateway.allow(),
    society: gateway.society,
    signer,
  };
  try {
    return await ControlServer.listen({ gateway: controlled, path, logger });
  } catch (error) {
    await gateway.stop(0);
    throw error;
  }
}

const DAY_MS = 86_400_000;
const MEBIBYTE = 1_048_576;

/** Undefined where the configuration reserves nothing. */
function diskOf({ gateway }: Layout, { ledger }: GatewayConfig) {
  if (ledger.reserveMebibytes === 0) return undefined;
  return { space: nodeDiskSpace(gateway.log), reserve: ledger.reserveMebibytes * MEBIBYTE };
}

/** Undefined where the configuration keeps no readings. */
async function openEvidence({ layout, config, logger }: GatewayRoleOptions) {
  const { days, mebibytes } = config.evidence;
  if (mebibytes === 0) return undefined;
  return EvidenceStore.open({
    files: nodeEvidenceFiles(layout.gateway.evidence),
    limits: { maxAgeMs: days * DAY_MS, maxBytes: mebibytes * MEBIBYTE },
    wallClock: systemClock(),
    logger,
  });
}

function orderKeysIn({ orders }: GatewayConfig): readonly Uint8Array[] {
  return orders.keys === "" ? [] : orders.keys.split(",").map((key) => fromHex(key));
}

/** Undefined where the configuration refuses clear-text modules. */
function legacyIn({ bus, legacy }: GatewayConfig): readonly LegacyUnit[] | undefined {
  if (bus.legacy === "refuse") return undefined;
  return Object.entries(legacy).map(([uid, { capacityWh, stateChangeBytes, swapped }]) => ({
    uid: moduleUid(uid),
    capacity: milliwattHours(1000 * capacityWh),
    quirks: { swapped, ...(stateChangeBytes === undefined ? {} : { stateChangeBytes }) },
  }));
}

/** Gives all modules a new pack half; the signer keeps the old one until the last of them has followed. */
export async function rollPackHalf(
  { gateway, signer }: RunningGateway,
  layout: Layout,
): Promise<void> {
  const half = await signer.service.createHalf();
  if (half.state === "refused") throw new CliError("config", half.reason);
  await gateway.rollPackHalf(
    custodyOf(signer.service, half, layout.gateway.pairings),
    half.reference,
  );
}
