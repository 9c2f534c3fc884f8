import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Delivery } from "@wattseal/federation";
import { packName, topicOf } from "@wattseal/uplink";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { TestPack, WITNESS } from "../packages/federation/src/fleet.fixture.js";
import { MemoryStore } from "../packages/federation/src/store/memory.fixture.js";
import { readStoredLog } from "../packages/federation/src/store/port.js";
import { Link } from "../scripts/lib/chaos/link.mjs";
import {
  type Certificates,
  cluster,
  fleet,
  missingFor,
  natsPort,
  workerOn,
} from "./support/deployment.js";
import { LightPack } from "./support/light-pack.js";

const skipped = missingFor("cluster");
const MESSAGES = "$MQTT_msgs";
/** Of the fleet's workers. */
const CONSUMER = "wattseal-demo";
const WAITING = { timeout: 300_000, interval: 100 } as const;

async function expectWhole(store: MemoryStore, packs: readonly LightPack[]): Promise<void> {
  for (const { pack } of packs) {
    const stored: Uint8Array[] = [];
    for await (const leaf of readStoredLog(store, pack.name)) stored.push(leaf);
    expect(stored).toEqual(pack.leaves);
    expect((await store.pack(pack.name))?.receipt?.size).toBe(pack.size);
  }
  expect(await store.parked()).toEqual([]);
  expect(await store.forks()).toEqual([]);
}

/** As the federation, and as curious as an operator. */
async function manager(servers: string, certificates: Certificates) {
  const tls = certificates.of("federation");
  const connection = await connect({ servers: servers.replace("tls://", "").split(","), tls });
  onTestFinished(() => connection.close());
  return jetstreamManager(connection, { checkAPI: false });
}

/** What arrives, once `count` has. */
function inbox() {
  const deliveries: Delivery[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const take = (delivery: Delivery) => {
    deliveries.push(delivery);
    for (const { count, resolve } of waiting) if (deliveries.length >= count) resolve();
  };
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      if (deliveries.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { deliveries, take, arrived };
}

async function packAt(url: string, name: string, certificates: Certificates) {
  const client = mqtt.connect(url, {
    clientId: name,
    protocolVersion: 4,
    clean: false,
    resubscribe: false,
    reconnectPeriod: 200,
    ...certificates.of(name),
  });
  client.on("error", () => {});
  onTestFinished(() => client.endAsync(true));
  await new Promise<void>((resolve) => {
    client.once("connect", () => resolve());
  });
  return client;
}

const text = ({ payload }: Delivery) => Buffer.from(payload).toString();

describe.skipIf(skipped !== "")(`over one NATS node${skipped}`, () => {
  it("what is not settled is given back, what is settled or refused does not come again", async () => {
    const pack = new TestPack("one");
    const { broker, certificates } = await cluster({ packs: [pack.name], size: 1 });
    const open = natsPort(broker, certificates);
    const first = inbox();
    const port = open(first.take);
    await port.ready;
    const client = await packAt(broker.nodes[0]!.mqttUrl, pack.name, certificates);
    const topic = topicOf(fleet, pack.name, "batch");
    for (let i = 0; i < 5; i += 1) await client.publishAsync(topic, `${i}`, { qos: 1 });
    await first.arrived(5);
    first.deliveries[1]?.settle();
    first.deliveries[3]?.settle("refused");
    await port.close();
    const second = inbox();
    const again = open(second.take);
    onTestFinished(() => again.close());
    const texts = () => new Set(second.deliveries.map(text));
    for (let count = 1; texts().size < 3; count += 1) await second.arrived(count);
    for (const { settle } of second.deliveries) settle();
    await client.publishAsync(topic, "5", { qos: 1 });
    for (let count = 4; !texts().has("5"); count += 1) await second.arrived(count);
    expect(texts()).toEqual(new Set(["0", "2", "4", "5"]));

    // In one turn of the event loop the server reads nothing: what is over the bound is said not to be sent.
    let sent = 0;
    while (sent < 10_000 && again.publish(pack.name, "order", new Uint8Array(8))) sent += 1;
    expect(sent).toBe(4_096);
  });

  it("what a worker holds up stays with it, what a dead one held comes to another", async () => {
    const pack = new TestPack("one");
    const { broker, certificates } = await cluster({ packs: [pack.name], size: 1 });
    const [node] = broker.nodes;
    const cable = await Link.open(() => ({ host: "127.0.0.1", port: node!.clientPort }));
    const [living, dying, all] = [inbox(), inbox(), inbox()];
    const into = (own: ReturnType<typeof inbox>) => (delivery: Delivery) => {
      own.take(delivery);
      all.take(delivery);
    };
    // hasty heartbeats: one in each 167 ms; a test that is kept from the processor for less than the wait says them in time
    const ackWaitMs = 10_000;
    for (const port of [
      natsPort(broker, certificates, { ackWaitMs })(into(living)),
      natsPort(broker, certificates, { ackWaitMs, port: cable.port })(into(dying)),
    ]) {
      onTestFinished(() => port.close());
      await port.ready;
    }
    const client = await packAt(node!.mqttUrl, pack.name, certificates);
    const topic = topicOf(fleet, pack.name, "batch");
    const isShared = () => living.deliveries.length > 0 && dying.deliveries.length > 0;
    for (let count = 1; !isShared(); count += 1) {
      await client.publishAsync(topic, `${count}`, { qos: 1 });
      await all.arrived(count);
    }
    await cable.close();
    const lost = dying.deliveries.map(text);
    const said = () => living.deliveries.map(text);
    for (let count = 1; !lost.every((it) => said().includes(it)); count += 1) {
      await living.arrived(count);
    }
    await client.publishAsync(topic, "last", { qos: 1 });
    for (let count = 1; !said().includes("last"); count += 1) await living.arrived(count);
    expect(said().filter((it, i) => said().indexOf(it) !== i)).toEqual([]);
  });

  it("takes in no more than there is room for, and goes on as it is settled", async () => {
    const pack = new TestPack("one");
    const { broker, certificates } = await cluster({ packs: [pack.name], size: 1 });
    const all = inbox();
    const port = natsPort(broker, certificates)(all.take);
    onTestFinished(() => port.close());
    await port.ready;
    const client = await packAt(broker.nodes[0]!.mqttUrl, pack.name, certificates);
    const topic = topicOf(fleet, pack.name, "batch");
    const sent = Array.from({ length: 600 }, (_, i) =>
      client.publishAsync(topic, `${i}`, { qos: 1 }),
    );
    await Promise.all(sent);
    await all.arrived(512);
    const stream = await (await manager(broker.url, certificates)).consumers.info(
      MESSAGES,
      CONSUMER,
    );
    expect(stream.num_ack_pending).toBe(512);
    expect(all.deliveries).toHaveLength(512);
    for (const { settle } of all.deliveries.slice(0, 512)) settle();
    await all.arrived(600);
    const brought = all.deliveries.map((delivery) => Number(text(delivery)));
    expect(brought.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i));
  });

  it("bounds what a message may have, also where the first pack comes after the worker", async () => {
    const name = packName("a".repeat(32));
    const { broker, certificates } = await cluster({ packs: [name], size: 1 });
    const port = natsPort(broker, certificates)(({ settle }) => settle());
    onTestFinished(() => port.close());
    await port.ready;
    const jsm = await manager(broker.url, certificates);
    const bounds = async () => {
      const info = [MESSAGES, "$MQTT_rmsgs"].map((stream) => jsm.streams.info(stream));
      return (await Promise.all(info)).map(({ config }) => config.max_msg_size);
    };
    await expect(bounds()).rejects.toThrow("not found");
    await packAt(broker.nodes[0]!.mqttUrl, name, certificates);
    // 256 KiB and what NATS puts around them: a longer message could be brought to no worker
    await vi.waitFor(async () => expect(await bounds()).toEqual([266_240, 266_240]), WAITING);
  });

  it("a worker that starts late is told what packs retain; what others settled does not come again", async () => {
    const pack = new TestPack("one");
    const { broker, certificates } = await cluster({ packs: [pack.name], size: 1 });
    const open = natsPort(broker, certificates);
    const port = open(({ settle }) => settle());
    await port.ready;
    const client = await packAt(broker.nodes[0]!.mqttUrl, pack.name, certificates);
    for (const [channel, words] of [
      ["state", "online"],
      ["epoch", "evidence"],
      ["head", "old"],
      ["head", "new"],
      ["batch", "leaves"],
    ] as const) {
      const retain = channel !== "batch";
      await client.publishAsync(topicOf(fleet, pack.name, channel), words, { qos: 1, retain });
    }
    // What is retained may reach it twice: that all is settled is for the server to say.
    const jsm = await manager(broker.url, certificates);
    await vi.waitFor(async () => {
      const { num_pending, num_ack_pending } = await jsm.consumers.info(MESSAGES, CONSUMER);
      expect([num_pending, num_ack_pending]).toEqual([0, 0]);
    }, WAITING);
    await port.close();
    const late = inbox();
    const second = open(late.take);
    onTestFinished(() => second.close());
    const said = () => late.deliveries.map((it) => `${it.channel} ${text(it)}`);
    const retained = ["state online", "epoch evidence", "head new"];
    for (let count = 3; !retained.every((it) => said().includes(it)); count += 1) {
      await late.arrived(count);
    }
    for (const { settle } of late.deliveries) settle();
    await client.publishAsync(topicOf(fleet, pack.name, "batch"), "last", { qos: 1 });
    for (let count = 4; !said().includes("batch last"); count += 1) await late.arrived(count);
    expect(
      said()
        .filter((it) => it.startsWith("head"))
        .at(-1),
    ).toBe("head new");
    expect(said()).not.toContain("batch leaves");
  });
});

describe.skipIf(skipped !== "")(`over three NATS nodes${skipped}`, () => {
  it("two workers on one store lose nothing and hold nothing up when the leader dies under load", async () => {
    const packs = Array.from({ length: 6 }, (_, i) => new LightPack(`pack ${i}`, WITNESS));
    const { broker, certificates } = await cluster({ packs: packs.map(({ pack }) => pack.name) });
    const store = new MemoryStore();
    const open = natsPort(broker, certificates);
    const delivered = [0, 0];
    const workers = await Promise.all(
      delivered.map((_, i) =>
        workerOn({
          store,
          open,
          watch: ({ channel }) => {
            if (channel === "batch") delivered[i]! += 1;
          },
        }),
      ),
    );
    const jsm = await manager(broker.url, certificates);
    const before = await jsm.streams.info(MESSAGES);
    expect(before.config.num_replicas).toBe(3);
    const leader = broker.node(before.cluster?.leader ?? "");
    const others = broker.nodes.filter((node) => node !== leader);
    for (const [i, pack] of packs.entries()) {
      const { name } = pack.pack;
      // half of them on the node that dies
      const node = i % 2 === 0 ? leader : others[i % 4 === 1 ? 0 : 1]!;
      pack.start({ broker: node.mqttUrl, fleet, access: { tls: certificates.of(name) } });
    }
    const grow = () => Promise.all(packs.map((pack) => pack.grow(20)));
    const receipted = () => Promise.all(packs.map((pack) => pack.receipted()));
    for (let i = 0; i < 5; i += 1) await grow();
    await receipted();
    const killedAt = Date.now();
    await Promise.all([leader.kill(), grow(), grow()]);
    const survivors = packs.filter((_, i) => i % 2 === 1);
    await Promise.all(survivors.map((pack) => pack.receipted()));
    const pause = Date.now() - killedAt;
    await grow();
    await leader.up();
    await grow();
    await receipted();
    process.stdout.write(
      `NATS, three nodes, leader killed: ${pause} ms until what was signed meanwhile was receipted; batches delivered to the workers: ${delivered.join(" and ")}\n`,
    );
    await expectWhole(store, packs);
    for (const { worker } of workers) {
      const { overflow: _heldTooMany, ...refused } = worker.stats.refused;
      expect(refused).toEqual({});
    }
    expect(Math.min(...delivered)).toBeGreaterThan(0);
  });
});
