import { decodeEntry, decodeOrder, type Entry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, onTestFinished } from "vitest";
import { accessOf } from "../scripts/lib/deploy/state.mjs";
import { PostgresServer, postgresMissing } from "../scripts/lib/postgres.mjs";
import { cluster, missingFor, site } from "./support/deployment.js";
import { demoState, type LogLine, Role, temporaryFolder, wattseal } from "./support/program.js";

const MODULES = 2;
const named = (name: string) => (line: LogLine) => line.msg === name;

/** The broker as deploy/ has it, and how a federation and a pack reach it. */
const BROKERS = {
  site: async (_pack: string) => {
    const { broker, certificates } = await site();
    return { federation: broker.url, pack: broker.url, certificates };
  },
  cluster: async (pack: string) => {
    const { broker, certificates } = await cluster({ packs: [pack], size: 1 });
    const [node] = broker.nodes;
    return { federation: broker.url, pack: node?.mqttUrl ?? "", certificates };
  },
} as const;

/** A pack of two modules at a broker, whose federation has any number of workers in one folder. */
async function system(kind: keyof typeof BROKERS, store: string) {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const key = `${folder}/operator.pem`;
  const lct = await demoState(state, "--modules", String(MODULES));
  const name = lct.slice("lct:pack:".length);
  const drawn = await wattseal(["order", "key", "--out", key, "--json"]);
  const { publicKey } = JSON.parse(drawn.stdout);
  const { federation, pack, certificates } = await BROKERS[kind](name);
  const { authority } = certificates;
  const serving = {
    ...accessOf("BROKER", authority, "federation"),
    WATTSEAL_BROKER_URL: federation,
    WATTSEAL_STORE_URL: store,
    WATTSEAL_REGISTRY_KEY: "",
    WATTSEAL_REGISTRY_LISTEN: "",
  };
  const worker = async () => {
    const role = new Role(["federation", "--state", state], serving);
    await role.line(named("federation.running"));
    return role;
  };
  const first = await worker();
  const sim = new Role(["sim", "--state", state, "--speed", "4"]);
  await sim.line(named("sim.running"));
  const gateway = new Role(["gateway", "--state", state], {
    ...accessOf("UPLINK", authority, name),
    WATTSEAL_UPLINK_BROKER: pack,
    WATTSEAL_ORDERS_KEYS: publicKey,
  });
  await first.line(named("federation.pack-contact"));
  const linked = new Set<unknown>();
  await gateway.line((line) => {
    if (line.msg === "link.session") linked.add(line["module"]);
    return linked.size === MODULES;
  });
  /** By the pack's clock, which the simulator has. */
  const order = async (action: string) => {
    const { stdout } = await wattseal(["status", "--state", state, "--json"]);
    const life = ["--life", "5m", "--at", String(JSON.parse(stdout).time), "--wait", "10m"];
    const to = ["--pack", lct, "--key", key, "--state", state, "--json"];
    const ran = await wattseal(["order", action, ...to, ...life]);
    expect(ran.status, ran.stderr).toBe(0);
    return JSON.parse(ran.stdout);
  };
  const entries = async (): Promise<readonly Entry[]> => {
    const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
    return [...log.entries()].map((bytes) => decodeEntry(bytes));
  };
  return { worker, first, gateway, order, entries };
}

/** The orders of a log, each with its place and what came of it. */
function ordersIn(entries: readonly Entry[]) {
  return entries.flatMap((entry, command) => {
    if (entry.type !== "ops.command") return [];
    const outcomes = entries.flatMap((other) =>
      other.type === "ops.outcome" && other.body.command === command ? [other.body.outcome] : [],
    );
    return [{ command, action: decodeOrder(entry.body.order).what.action, outcomes }];
  });
}

describe.each(["site", "cluster"] as const)("orders over a broker of one's own", (kind) => {
  const skipped = missingFor(kind);
  const title = `${kind === "site" ? "mosquitto" : "NATS"}${skipped}`;

  it.skipIf(skipped !== "")(
    `${title}: are obeyed once, and answered in the log that the federation stores`,
    async () => {
      const { first, gateway, order, entries } = await system(kind, "embedded");
      const isolated = await order("isolate");
      expect(isolated).toMatchObject({ outcome: "done", detail: "2 of 2 modules obeyed" });
      const allowed = await order("allow");
      expect(allowed).toMatchObject({ outcome: "done" });
      await gateway.stop();
      await first.stop();
      expect(ordersIn(await entries())).toEqual([
        { command: isolated.command, action: "isolate", outcomes: ["done"] },
        { command: allowed.command, action: "allow", outcomes: ["done"] },
      ]);
    },
  );
});

const missing = postgresMissing();
const without = missing === undefined ? missingFor("cluster") : ` (skipped: ${missing})`;
it.skipIf(without !== "")(
  `orders go on through the second worker of a folder when the first is killed${without}`,
  async () => {
    const server = await PostgresServer.start();
    onTestFinished(() => server.close());
    const { worker, first, gateway, order, entries } = await system(
      "cluster",
      await server.createDatabase(),
    );
    const second = await worker();
    await second.line(named("orders.elsewhere"));
    const isolated = await order("isolate");
    await first.kill();
    await second.line(named("orders.operator"));
    const allowed = await order("allow");
    await gateway.stop();
    await second.stop();
    expect(ordersIn(await entries())).toEqual([
      { command: isolated.command, action: "isolate", outcomes: ["done"] },
      { command: allowed.command, action: "allow", outcomes: ["done"] },
    ]);
  },
);
