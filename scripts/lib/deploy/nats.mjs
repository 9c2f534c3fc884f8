// nats-server nodes as deploy/cluster configures them: three, or one for a small site.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answers, Daemon, freePort, SEARCH_PATH } from "./daemon.mjs";
import { filledIn, writeFilledIn } from "./files.mjs";

const PROGRAM = "nats-server";
const LOCAL = "127.0.0.1";

/** False where the program is not installed. */
export function hasNats() {
  return (
    spawnSync(PROGRAM, ["--version"], { stdio: "ignore", env: { PATH: SEARCH_PATH } }).status === 0
  );
}

class Node {
  /** @type {string} */ name;
  /** @type {number} */ clientPort;
  /** @type {number} */ mqttPort;
  /** @type {string} */ #folder;
  /** @type {Daemon | undefined} */ #daemon;

  /** @param {{ readonly name: string, readonly clientPort: number, readonly mqttPort: number, readonly folder: string }} options */
  constructor({ name, clientPort, mqttPort, folder }) {
    this.name = name;
    this.clientPort = clientPort;
    this.mqttPort = mqttPort;
    this.#folder = folder;
  }

  /** `mqtts://127.0.0.1:port` */
  get mqttUrl() {
    return `mqtts://${LOCAL}:${this.mqttPort}`;
  }

  get pid() {
    return this.#daemon?.pid;
  }

  /** Listening: when the cluster has found its leaders is another matter, which clients wait for. */
  async up() {
    const daemon = new Daemon(
      PROGRAM,
      ["-c", join(this.#folder, "node.conf")],
      join(this.#folder, "node.log"),
    );
    this.#daemon = daemon;
    await daemon.until(() => answers(this.clientPort));
    await daemon.until(() => answers(this.mqttPort));
  }

  async kill() {
    await this.#daemon?.end("SIGKILL");
  }

  async stop() {
    await this.#daemon?.end("SIGTERM");
  }
}

export class NatsCluster {
  /** @type {readonly Node[]} */ nodes;

  /** @param {readonly Node[]} nodes */
  constructor(nodes) {
    this.nodes = nodes;
  }

  /** `tls://` of every node, for workers. */
  get url() {
    return `tls://${this.nodes.map(({ clientPort }) => `${LOCAL}:${clientPort}`).join(",")}`;
  }

  /** @param {string} name */
  node(name) {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async kill() {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /**
   * @param {{ readonly folder: string, readonly fleet: string, readonly packs: readonly string[], readonly authority: import("./authority.mjs").DemoAuthority, readonly size?: 1 | 3, readonly isPrivate?: boolean }} options
   *   isPrivate: nodes tell clients nothing of each other
   */
  static async start({ folder, fleet, packs, authority, size = 3, isPrivate = false }) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const users = join(folder, "users.conf");
    const lines = packs.map((pack) => filledIn("cluster/pack.conf", { FLEET: fleet, PACK: pack }));
    writeFilledIn(users, "cluster/users.conf", { FLEET: fleet, PACKS: lines.join("").trimEnd() });
    const pair = authority.issue("node", { hosts: [LOCAL, "localhost"] });
    const names = Array.from({ length: size }, (_, i) => `node-${i + 1}`);
    const ports = await Promise.all(
      names.map(() => Promise.all([freePort(), freePort(), freePort()])),
    );
    const routes = ports.map(([, , route]) => `"tls://${LOCAL}:${route}"`).join(", ");
    const nodes = names.map((name, i) => {
      const [clientPort = 0, mqttPort = 0, routePort = 0] = ports[i] ?? [];
      const own = join(folder, name);
      mkdirSync(own, { recursive: true, mode: 0o700 });
      const words = {
        NODE: name,
        ADDRESS: LOCAL,
        CLIENT_PORT: clientPort,
        MQTT_PORT: mqttPort,
        ROUTE_PORT: routePort,
        ROUTES: routes,
        CA: authority.certificate,
        CERTIFICATE: pair.certificate,
        KEY: pair.key,
        FOLDER: own,
        USERS: "../users.conf",
      };
      const filled = filledIn("cluster/node.conf", words);
      const text = isPrivate
        ? filled.replace("cluster {", "cluster {\n  no_advertise: true")
        : filled;
      // alone, it would wait for others to elect a leader with
      writeFileSync(
        join(own, "node.conf"),
        size === 1 ? text.replace(/^cluster \{[\s\S]*?^\}\n/m, "") : text,
        {
          mode: 0o600,
        },
      );
      return new Node({ name, clientPort, mqttPort, folder: own });
    });
    const cluster = new NatsCluster(nodes);
    await Promise.all(nodes.map((node) => node.up()));
    return cluster;
  }
}
