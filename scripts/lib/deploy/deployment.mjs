// A whole deployment on this machine: broker, federation, and one simulated pack that proves itself to them.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { DemoAuthority } from "./authority.mjs";
import { Daemon } from "./daemon.mjs";
import { Mosquitto } from "./mosquitto.mjs";
import { NatsCluster } from "./nats.mjs";
import { accessOf, enrolled, FLEET, PROGRAM } from "./state.mjs";

export const KINDS = /** @type {const} */ (["embedded", "site", "cluster"]);
/** @typedef {typeof KINDS[number]} Kind */

/**
 * @typedef {object} Wanted
 * @property {Kind} kind
 * @property {string} state folder
 * @property {string} [database] postgres://…; default the embedded store, for one worker
 * @property {number} [workers] default 1
 * @property {number} [speed] simulated seconds of the pack in one second; default 1
 */

/**
 * @typedef {object} Broker
 * @property {string} federationUrl
 * @property {string} packUrl
 * @property {() => Promise<void>} stop
 */

export class Deployment {
  /** Name and value of what is worth knowing. @type {readonly (readonly [string, string])[]} */ addresses =
    [];
  #state;
  /** @type {(() => Promise<void>)[]} */ #closing = [];

  /** @param {string} state */
  constructor(state) {
    this.#state = state;
  }

  /** @param {Wanted} wanted */
  static async start(wanted) {
    const deployment = new Deployment(wanted.state);
    try {
      await deployment.#start(wanted);
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** @param {Wanted} wanted */
  async #start({ kind, database = "embedded", workers = 1, speed = 1 }) {
    const pack = enrolled(this.#state);
    const authority =
      kind === "embedded" ? undefined : new DemoAuthority(join(this.#state, "certificates"));
    const broker = authority === undefined ? undefined : await this.#broker(kind, authority, pack);
    if (broker !== undefined) this.#closing.push(broker.stop);
    const settings = {
      WATTSEAL_STORE_URL: database,
      WATTSEAL_BROKER_URL: broker?.federationUrl ?? "embedded",
      WATTSEAL_BROKER_PORT: "0",
      ...accessOf("BROKER", authority, "federation"),
    };
    const federation = await this.#role(
      "federation",
      ["federation"],
      "federation.running",
      settings,
    );
    for (let i = 2; i <= workers; i += 1) {
      // one process answers the operator; the others follow it in the database
      const without = { ...settings, WATTSEAL_REGISTRY_KEY: "", WATTSEAL_REGISTRY_LISTEN: "" };
      await this.#role(`federation-${i}`, ["federation"], "federation.running", without);
    }
    const packUrl = broker?.packUrl ?? String(/"broker":"(mqtt:[^"]+)"/.exec(federation.log)?.[1]);
    await this.#role("sim", ["sim", "--speed", String(speed)], "sim.running", {});
    await this.#role("gateway", ["gateway"], "gateway.running", {
      WATTSEAL_UPLINK_BROKER: packUrl,
      ...accessOf("UPLINK", authority, pack),
    });
    this.addresses = [
      ["packs connect to", packUrl],
      ["workers connect to", broker?.federationUrl ?? packUrl],
      ["pack", pack],
      ["state, certificates, log files", this.#state],
    ];
  }

  /** Resolves when the federation has witnessed some of the pack's log. */
  async witnessed() {
    const log = join(this.#state, "gateway", "log");
    while (!readdirSync(log).some((name) => name.startsWith("receipt."))) {
      await pause(100);
    }
  }

  /** The other way round than they were started: the gateway waits for its last receipts. */
  async stop() {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  /**
   * @param {Kind} kind
   * @param {DemoAuthority} authority
   * @param {string} pack
   * @returns {Promise<Broker>}
   */
  async #broker(kind, authority, pack) {
    const options = { folder: join(this.#state, "broker"), fleet: FLEET, authority };
    if (kind === "site") {
      const broker = await Mosquitto.start(options);
      return { federationUrl: broker.url, packUrl: broker.url, stop: () => broker.stop() };
    }
    const cluster = await NatsCluster.start({ ...options, packs: [pack] });
    const packUrl = cluster.nodes[0]?.mqttUrl ?? "";
    return { federationUrl: cluster.url, packUrl, stop: () => cluster.stop() };
  }

  /**
   * @param {string} name
   * @param {readonly string[]} command
   * @param {string} running what its log says when it is up
   * @param {Readonly<Record<string, string>>} env
   */
  async #role(name, command, running, env) {
    const daemon = new Daemon(
      process.execPath,
      [PROGRAM, ...command, "--state", this.#state],
      join(this.#state, `${name}.log`),
      { env },
    );
    this.#closing.push(() => daemon.end("SIGTERM"));
    await daemon.until(async () => daemon.log.includes(`"${running}"`));
    return daemon;
  }
}
