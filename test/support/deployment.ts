/** Brokers as deploy/ configures them, each in a folder of its own, gone when the test is. */
import { readFileSync } from "node:fs";
import { type Logger, silentLogger } from "@wattseal/base";
import {
  type Delivery,
  type FederationStore,
  FederationWorker,
  type FleetPort,
  NatsFleet,
} from "@wattseal/federation";
import { fleetName } from "@wattseal/uplink";
import { onTestFinished } from "vitest";
import { AUTHORITY, WITNESS } from "../../packages/federation/src/fleet.fixture.js";
import { DemoAuthority, hasOpenssl } from "../../scripts/lib/deploy/authority.mjs";
import { hasMosquitto, Mosquitto } from "../../scripts/lib/deploy/mosquitto.mjs";
import { hasNats, NatsCluster } from "../../scripts/lib/deploy/nats.mjs";
import { hastyClock } from "./light-pack.js";
import { temporaryFolder } from "./program.js";

export const fleet = fleetName("demo");

/** For a title: why its tests cannot run here, or "". */
export function missingFor(engine: "site" | "cluster"): string {
  const program = engine === "site" ? "mosquitto" : "nats-server";
  const isThere = engine === "site" ? hasMosquitto() : hasNats();
  const missing = isThere ? (hasOpenssl() ? "" : "openssl") : program;
  return missing === ""
    ? ""
    : ` (skipped: ${missing} is not installed; apt-get install ${missing})`;
}

export class Certificates {
  readonly authority: DemoAuthority;

  constructor(folder: string) {
    this.authority = new DemoAuthority(`${folder}/certificates`);
  }

  /** PEM texts, as roles take them. */
  of(name: string, options: { days?: number } = {}) {
    const { certificate, key } = this.authority.issue(name, options);
    const read = (path: string) => readFileSync(path, "utf8");
    return { ca: read(this.authority.certificate), cert: read(certificate), key: read(key) };
  }
}

export async function site() {
  const folder = await temporaryFolder();
  const certificates = new Certificates(folder);
  const { authority } = certificates;
  const options = { folder: `${folder}/broker`, fleet, authority, autosave: 0 };
  const broker = await Mosquitto.start(options);
  onTestFinished(() => broker.kill());
  return { folder, certificates, broker };
}

export async function cluster(options: { packs: readonly string[]; size?: 1 | 3 }) {
  const folder = await temporaryFolder();
  const certificates = new Certificates(folder);
  const { authority } = certificates;
  const broker = await NatsCluster.start({
    folder: `${folder}/broker`,
    fleet,
    authority,
    ...options,
  });
  onTestFinished(() => broker.kill());
  return { folder, certificates, broker };
}

/** A worker on a port of the test's choosing; what is delivered to it can be watched. */
export async function workerOn(options: {
  readonly store: FederationStore;
  readonly open: (deliver: (delivery: Delivery) => void) => FleetPort;
  readonly watch?: (delivery: Delivery) => void;
  readonly logger?: Logger;
}) {
  const link: { port?: FleetPort } = {};
  const worker = await FederationWorker.start({
    store: options.store,
    witness: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock: hastyClock,
    logger: options.logger ?? silentLogger,
    publish: (pack, channel, payload) => void link.port?.publish(pack, channel, payload),
  });
  const port = options.open((delivery) => {
    options.watch?.(delivery);
    worker.deliver(delivery);
  });
  link.port = port;
  const stop = async () => {
    await worker.stop();
    await port.close();
  };
  onTestFinished(stop);
  await port.ready;
  return { worker, port, stop };
}

/** A port on every node of the cluster, or on the one at `port`. */
export function natsPort(
  broker: NatsCluster,
  certificates: Certificates,
  { port, ackWaitMs }: { readonly port?: number; readonly ackWaitMs?: number } = {},
) {
  const servers =
    port === undefined ? broker.url.replace("tls://", "").split(",") : [`127.0.0.1:${port}`];
  const account = { tls: certificates.of("federation") };
  const options = { servers, secure: true, fleet, account, clock: hastyClock, reconnectMs: 1000 };
  const waiting = ackWaitMs === undefined ? {} : { ackWaitMs };
  return (deliver: (delivery: Delivery) => void) =>
    NatsFleet.open({ ...options, ...waiting, logger: silentLogger }, deliver);
}
