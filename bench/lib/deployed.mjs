// A federation as deploy/ runs it, with what its processes take of the CPU.
import { join } from "node:path";
import { DemoAuthority } from "../../scripts/lib/deploy/authority.mjs";
import { Daemon, freePort } from "../../scripts/lib/deploy/daemon.mjs";
import { Mosquitto } from "../../scripts/lib/deploy/mosquitto.mjs";
import { NatsCluster } from "../../scripts/lib/deploy/nats.mjs";
import { accessOf, FLEET, PROGRAM } from "../../scripts/lib/deploy/state.mjs";
import { PostgresServer } from "../../scripts/lib/postgres.mjs";
import { cpuSecondsOf } from "../../scripts/lib/proc.mjs";

/** @typedef {import("../../scripts/lib/deploy/deployment.mjs").Kind} Kind */
/**
 * @typedef {object} Deployed
 * @property {string} packUrl
 * @property {readonly string[]} fleetArgs how `wattseal sim fleet` gets in
 * @property {() => CpuSeconds} cpuSeconds since they were started
 * @property {() => Promise<void>} stop
 */
/** @typedef {{ readonly workers: number, readonly broker: number, readonly database: number }} CpuSeconds */

/**
 * @param {object} wanted
 * @param {Kind} wanted.kind
 * @param {number} wanted.workers with a cluster; else one
 * @param {string} wanted.state folder that `wattseal init` made
 * @param {readonly string[]} wanted.packs names
 * @returns {Promise<Deployed>}
 */
export async function deployed({ kind, workers, state, packs }) {
  /** @type {(() => Promise<unknown>)[]} */
  const closing = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const authority =
      kind === "embedded" ? undefined : new DemoAuthority(join(state, "certificates"));
    for (const name of packs) authority?.issue(name);
    const broker = await brokerOf(kind, { state, packs, authority, closing });
    const database = kind === "cluster" ? await PostgresServer.start() : undefined;
    if (database !== undefined) closing.push(() => database.close());
    const settings = {
      WATTSEAL_BROKER_URL: broker.federationUrl,
      WATTSEAL_BROKER_PORT: String(broker.port),
      WATTSEAL_STORE_URL: (await database?.createDatabase()) ?? "embedded",
      ...accessOf("BROKER", authority, "federation"),
    };
    /** @type {Daemon[]} */
    const daemons = [];
    for (let i = 0; i < workers; i += 1) {
      const log = join(state, `federation-${i + 1}.log`);
      // one process keeps the registry
      const own = i === 0 ? {} : { WATTSEAL_REGISTRY_KEY: "", WATTSEAL_REGISTRY_LISTEN: "" };
      const env = { ...settings, ...own };
      const daemon = new Daemon(
        process.execPath,
        [PROGRAM, "federation", "--state", state, "--log-level", "info"],
        log,
        { env },
      );
      closing.push(() => daemon.end("SIGTERM"));
      await daemon.until(async () => daemon.log.includes('"federation.running"'));
      daemons.push(daemon);
    }
    const certificates =
      authority === undefined ? [] : ["--certificates", join(state, "certificates")];
    return {
      packUrl: broker.packUrl,
      fleetArgs: ["--broker", broker.packUrl, ...certificates],
      cpuSeconds: () => ({
        workers: sum(daemons.map(({ pid = 0 }) => cpuSecondsOf(pid))),
        broker: sum(broker.pids().map((pid = 0) => cpuSecondsOf(pid))),
        database: database?.cpuSeconds() ?? 0,
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * @param {Kind} kind
 * @param {{ readonly state: string, readonly packs: readonly string[], readonly authority: DemoAuthority | undefined, readonly closing: (() => Promise<unknown>)[] }} parts
 */
async function brokerOf(kind, { state, packs, authority, closing }) {
  if (kind === "embedded" || authority === undefined) {
    const port = await freePort();
    const packUrl = `mqtt://127.0.0.1:${port}`;
    return { federationUrl: "embedded", port, packUrl, pids: () => [] };
  }
  const options = { folder: join(state, "broker"), fleet: FLEET, authority };
  if (kind === "site") {
    const broker = await Mosquitto.start(options);
    closing.push(() => broker.stop());
    return { federationUrl: broker.url, port: 0, packUrl: broker.url, pids: () => [broker.pid] };
  }
  const cluster = await NatsCluster.start({ ...options, packs });
  closing.push(() => cluster.stop());
  const packUrl = cluster.nodes[0]?.mqttUrl ?? "";
  const pids = () => cluster.nodes.map(({ pid }) => pid);
  return { federationUrl: cluster.url, port: 0, packUrl, pids };
}

/** @param {readonly number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);
