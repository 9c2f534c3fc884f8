// The three deployments, each with a link in every connection that a network could cut.
import { join } from "node:path";
import { DemoAuthority } from "../deploy/authority.mjs";
import { freePort } from "../deploy/daemon.mjs";
import { Mosquitto } from "../deploy/mosquitto.mjs";
import { NatsCluster } from "../deploy/nats.mjs";
import { accessOf, enrolled, FLEET, wattseal } from "../deploy/state.mjs";
import { PostgresServer } from "../postgres.mjs";
import { Link } from "./link.mjs";
import { Role } from "./role.mjs";

/** Packs without a bus beside the one with modules; together in a process that is killed as one. */
const LIGHT_PACKS = 3;
const ENTRIES_PER_SECOND = 60;
/** Simulated seconds of the modules in one. */
const SPEED = 240;
const WORKERS = 2;

/** @typedef {import("../deploy/deployment.mjs").Kind} Kind */
/** What can be killed, and started again. @typedef {{ up(): Promise<void>, kill(): Promise<void> }} Mortal */
/** `gateway`: the process that it lives in. @typedef {{ readonly folder: string, readonly name: string, readonly gateway: Role }} Pack */
/**
 * @typedef {object} Scene
 * @property {Readonly<Record<string, readonly Mortal[]>>} mortals by what they are
 * @property {readonly Link[]} links
 * @property {readonly Pack[]} packs
 * @property {readonly Role[]} gateways
 * @property {readonly Role[]} workers
 * @property {import("@wattseal/federation").StoreOptions} store
 * @property {{ readonly server: PostgresServer, readonly url: string } | undefined} database
 */

/**
 * @param {Kind} kind
 * @param {string} state empty folder
 * @param {(close: () => Promise<unknown>) => void} closing called for each part as it starts; to be called last first
 * @returns {Promise<Scene>}
 */
export async function open(kind, state, closing) {
  const pack = enrolled(state, ["--modules", "4"]);
  const light = ["sim", "fleet", "--packs", String(LIGHT_PACKS)];
  /** @type {string[]} */
  const names = JSON.parse(wattseal([...light, "--names", "--json", "--state", state]));
  const authority = kind === "embedded" ? undefined : demoAuthority(state, [pack, ...names]);
  const parts = { state, authority, packs: [pack, ...names], closing };
  const fleet = await { embedded, site, cluster }[kind](parts);
  const links = [await Link.open(fleet.target), await Link.open(fleet.target)];
  for (const link of links) closing(() => link.close());
  const scheme = authority === undefined ? "mqtt" : "mqtts";
  const [brokerUrl = "", lightUrl = ""] = links.map(({ port }) => `${scheme}://127.0.0.1:${port}`);
  const simulator = new Role({
    name: "sim",
    state,
    args: ["sim", "--speed", String(SPEED)],
    running: "sim.running",
  });
  const gateway = new Role({
    name: "gateway",
    state,
    args: ["gateway", "--broker", brokerUrl],
    env: accessOf("UPLINK", authority, pack),
    running: "gateway.running",
  });
  const certificates =
    authority === undefined ? [] : ["--certificates", join(state, "certificates")];
  const rate = ["--rate", String(ENTRIES_PER_SECOND), "--json"];
  const lights = new Role({
    name: "fleet",
    state,
    args: [...light, "--broker", lightUrl, ...certificates, ...rate],
    running: "fleet.running",
  });
  for (const role of [simulator, ...fleet.workers, gateway, lights]) {
    closing(() => role.kill());
    await role.up();
    if (role !== lights) await role.running();
  }
  return {
    mortals: { gateway: [gateway, lights], ...fleet.mortals },
    links: [...links, ...fleet.links],
    packs: [
      { folder: state, name: pack, gateway },
      ...names.map((name, i) => ({
        folder: join(state, "fleet", `${i + 1}`.padStart(4, "0")),
        name,
        gateway: lights,
      })),
    ],
    gateways: [gateway, lights],
    workers: fleet.workers,
    store: fleet.store,
    database: fleet.database,
  };
}

/** @typedef {{ readonly state: string, readonly authority: DemoAuthority | undefined, readonly packs: readonly string[], readonly closing: (close: () => Promise<unknown>) => void }} Parts */
/** @typedef {Pick<Scene, "links" | "workers" | "store" | "database" | "mortals"> & { readonly target: () => { readonly port: number, readonly host: string } }} FederationSide */

/** @param {string} state @param {readonly string[]} packs */
function demoAuthority(state, packs) {
  const authority = new DemoAuthority(join(state, "certificates"));
  for (const name of packs) authority.issue(name);
  return authority;
}

/** @param {number} port */
const at = (port) => ({ port, host: "127.0.0.1" });

/**
 * @param {string} name
 * @param {Parts} parts
 * @param {Readonly<Record<string, string>>} env
 */
function worker(name, { state, authority }, env) {
  return new Role({
    name,
    state,
    args: ["federation"],
    env: { ...accessOf("BROKER", authority, "federation"), ...env },
    running: "federation.running",
    needs: true,
  });
}

/** @param {string} state */
const sqlite = (state) =>
  /** @type {const} */ ({ kind: "embedded", directory: join(state, "federation", "store") });

/** Broker, worker and database are one process. @param {Parts} parts @returns {Promise<FederationSide>} */
async function embedded(parts) {
  const port = await freePort();
  const federation = worker("federation", parts, {
    WATTSEAL_BROKER_URL: "embedded",
    WATTSEAL_BROKER_PORT: String(port),
  });
  return {
    target: () => at(port),
    links: [],
    workers: [federation],
    mortals: { "federation with broker and database": [federation] },
    store: sqlite(parts.state),
    database: undefined,
  };
}

/** @param {Parts} parts @returns {Promise<FederationSide>} */
async function site(parts) {
  const { state, authority, closing } = parts;
  if (authority === undefined) throw new Error("a site has an authority");
  const broker = await Mosquitto.start({ folder: join(state, "broker"), fleet: FLEET, authority });
  closing(() => broker.kill());
  const target = () => at(Number(new URL(broker.url).port));
  const link = await Link.open(target);
  closing(() => link.close());
  const federation = worker("federation", parts, {
    WATTSEAL_BROKER_URL: `mqtts://127.0.0.1:${link.port}`,
  });
  return {
    target,
    links: [link],
    workers: [federation],
    mortals: { broker: [broker], "worker with database": [federation] },
    store: sqlite(state),
    database: undefined,
  };
}

/** @param {Parts} parts @returns {Promise<FederationSide>} */
async function cluster(parts) {
  const { state, authority, packs, closing } = parts;
  if (authority === undefined) throw new Error("a cluster has an authority");
  const folder = join(state, "broker");
  const broker = await NatsCluster.start({
    folder,
    fleet: FLEET,
    authority,
    packs,
    isPrivate: true,
  });
  closing(() => broker.kill());
  const server = await PostgresServer.start();
  closing(() => server.close());
  const url = await server.createDatabase();
  let next = 0;
  const node = () => {
    next += 1;
    return broker.nodes[next % broker.nodes.length];
  };
  const nodeLink = await Link.open(() => at(node()?.clientPort ?? 0));
  const databaseLink = await Link.open(() => ({ path: server.socket }));
  for (const link of [nodeLink, databaseLink]) closing(() => link.close());
  const workers = Array.from({ length: WORKERS }, (_, i) =>
    worker(`federation-${i + 1}`, parts, {
      WATTSEAL_BROKER_URL: `tls://127.0.0.1:${nodeLink.port}`,
      WATTSEAL_STORE_URL: server.through(url, databaseLink.port),
      // one process keeps the registry
      ...(i === 0 ? {} : { WATTSEAL_REGISTRY_KEY: "", WATTSEAL_REGISTRY_LISTEN: "" }),
    }),
  );
  return {
    target: () => at(node()?.mqttPort ?? 0),
    links: [nodeLink, databaseLink],
    workers,
    mortals: { "broker node": broker.nodes, worker: workers, database: [server] },
    store: { kind: "postgres", url },
    database: { server, url },
  };
}
