import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { fromUtf8, type Logger, silentLogger, utf8 } from "@wattseal/base";
import { MqttFleet, startFederation } from "@wattseal/federation";
import { type Channel, connectProblem, topicOf } from "@wattseal/uplink";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  AUTHORITY,
  seededEntropy,
  TestPack,
  WITNESS,
} from "../packages/federation/src/fleet.fixture.js";
import { MemoryStore } from "../packages/federation/src/store/memory.fixture.js";
import { readStoredLog } from "../packages/federation/src/store/port.js";
import type { Delivery } from "../packages/federation/src/worker/ports.js";
import {
  Certificates,
  cluster,
  fleet,
  missingFor,
  natsPort,
  site,
  workerOn,
} from "./support/deployment.js";
import { hastyClock, LightPack } from "./support/light-pack.js";
import { temporaryFolder } from "./support/program.js";

const FROM_PACKS = ["batch", "head", "epoch", "state", "alarm", "response"] as const;
const TO_PACKS = ["receipt", "request", "order", "status"] as const;

/** MQTT 3.1.1, table 2.1 and §3.9.3. */
const CONNECT = 1;
const CONNACK = 2;
const SUBSCRIBE = 8;
const SUBACK = 9;
/** Of the three filters of a pack. */
const REFUSALS = [0x80, 0x80, 0x80] as const;

/** A broker with access control, and how a federation is opened on it. */
const ENGINES = {
  site: async (_packs: readonly string[]) => {
    const { broker, certificates } = await site();
    const account = { tls: certificates.of("federation") };
    const connection = { url: broker.url, clientId: "federation", fleet, account };
    const options = { ...connection, logger: silentLogger, reconnectMs: 50 };
    return {
      certificates,
      url: broker.url,
      broker,
      open: (deliver: (delivery: Delivery) => void) => MqttFleet.open(options, deliver),
    };
  },
  cluster: async (packs: readonly string[]) => {
    const { broker, certificates } = await cluster({ packs, size: 1 });
    const url = broker.nodes[0]?.mqttUrl ?? "";
    return { certificates, url, broker, open: natsPort(broker, certificates) };
  },
} as const;

function connectionOf(url: string, name: string, options: IClientOptions): MqttClient {
  const client = mqtt.connect(url, {
    clientId: name,
    protocolVersion: 4,
    clean: false,
    resubscribe: false,
    reconnectPeriod: 0,
    ...options,
  });
  client.on("error", () => {});
  onTestFinished(() => client.endAsync(true));
  return client;
}

async function connected(client: MqttClient): Promise<MqttClient> {
  await new Promise<void>((resolve) => {
    client.once("connect", () => resolve());
  });
  return client;
}

/** Why it does not come to be; "" when it does. */
function refusal(client: MqttClient): Promise<string> {
  return new Promise((resolve) => {
    let problem = "closed";
    client.once("connect", () => resolve(""));
    client.on("error", (error) => {
      problem = connectProblem(error);
    });
    client.once("close", () => resolve(problem));
  });
}

/** Resolves when one of them satisfies. */
class Heard<T> {
  readonly all: T[] = [];
  #waiting: { readonly wanted: (it: T) => boolean; readonly resolve: () => void }[] = [];

  readonly take = (it: T): void => {
    this.all.push(it);
    for (const { wanted, resolve } of this.#waiting) if (wanted(it)) resolve();
  };

  until(wanted: (it: T) => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (this.all.some(wanted)) resolve();
      else this.#waiting.push({ wanted, resolve });
    });
  }
}

describe.each(["site", "cluster"] as const)("access control", (kind) => {
  const skipped = missingFor(kind);
  const title = `${kind === "site" ? "over mosquitto" : "over NATS"}${skipped}`;

  describe.skipIf(skipped !== "")(title, () => {
    it("a pack publishes under its own name only; what else it sends is acknowledged and has no effect", async () => {
      const [victim, thief] = [new TestPack("victim"), new TestPack("thief")];
      const { certificates, url, open } = await ENGINES[kind]([victim.name, thief.name]);
      const heard = new Heard<Delivery>();
      const { port } = await workerOn({ store: new MemoryStore(), open, watch: heard.take });
      const own = new Heard<string>();
      const at = await connected(connectionOf(url, victim.name, certificates.of(victim.name)));
      at.on("message", (topic, payload) => own.take(`${topic} ${payload}`));
      await at.subscribeAsync(
        TO_PACKS.map((channel) => topicOf(fleet, victim.name, channel)),
        { qos: 1 },
      );
      const evil = await connected(connectionOf(url, thief.name, certificates.of(thief.name)));
      for (const channel of [...FROM_PACKS, ...TO_PACKS]) {
        const retain = channel === "head";
        await evil.publishAsync(topicOf(fleet, victim.name, channel), "forged", { qos: 1, retain });
      }
      for (const channel of TO_PACKS) {
        await evil.publishAsync(topicOf(fleet, thief.name, channel), "forged", { qos: 1 });
      }
      await evil.publishAsync(topicOf(fleet, thief.name, "alarm"), "own", { qos: 1 });
      await heard.until(({ pack }) => pack === thief.name);
      expect(heard.all.map(({ pack, channel }) => [pack, channel])).toEqual([
        [thief.name, "alarm"],
      ]);
      port.publish(victim.name, "receipt", utf8("real"));
      const topic = topicOf(fleet, victim.name, "receipt");
      await own.until((text) => text === `${topic} real`);
      expect(own.all).toEqual([`${topic} real`]);
    });

    it("a pack hears what is for it, whatever it subscribes to", async () => {
      const [victim, thief] = [new TestPack("victim"), new TestPack("thief")];
      const { certificates, url, open } = await ENGINES[kind]([victim.name, thief.name]);
      const heard = new Heard<Delivery>();
      const { port } = await workerOn({ store: new MemoryStore(), open, watch: heard.take });
      const evil = await connected(connectionOf(url, thief.name, certificates.of(thief.name)));
      const overheard = new Heard<string>();
      evil.on("message", (_topic, payload) => overheard.take(payload.toString()));
      const wishes = [
        "#",
        "wattseal/#",
        "$MQTT/#",
        "$SYS/#",
        ...[...FROM_PACKS, ...TO_PACKS].map((channel) => topicOf(fleet, victim.name, channel)),
        topicOf(fleet, thief.name, "receipt"),
      ];
      for (const filter of wishes) await evil.subscribeAsync(filter, { qos: 1 }).catch(() => {});
      const at = await connected(connectionOf(url, victim.name, certificates.of(victim.name)));
      const channels: readonly Channel[] = FROM_PACKS;
      for (const channel of channels) {
        await at.publishAsync(topicOf(fleet, victim.name, channel), "private", { qos: 1 });
      }
      await heard.until(({ channel }) => channel === "response");
      port.publish(victim.name, "receipt", utf8("private"));
      port.publish(victim.name, "request", utf8("private"));
      port.publish(thief.name, "receipt", utf8("own"));
      await overheard.until((text) => text === "own");
      expect(new Set(overheard.all)).toEqual(new Set(["own"]));
    });

    it("lets nobody in without a certificate that it can trust, and says why", async () => {
      const pack = new TestPack("pack");
      const { certificates, url } = await ENGINES[kind]([pack.name]);
      const strangers = new Certificates(await temporaryFolder());
      const { ca, cert, key } = certificates.of(pack.name);
      const attempt = (options: IClientOptions) => refusal(connectionOf(url, pack.name, options));
      expect(await attempt({ ca, cert, key })).toBe("");
      expect(await attempt({ ca })).not.toBe("");
      const foreign = strangers.of(pack.name);
      expect(await attempt({ ca, cert: foreign.cert, key: foreign.key })).not.toBe("");
      const expired = certificates.of("expired", { days: -1 });
      expect(await attempt({ ca, cert: expired.cert, key: expired.key })).not.toBe("");
      expect(await attempt({ ca: foreign.ca, cert, key })).toMatch(
        /not of the CA that is configured/,
      );
    });

    it("batches that come twice, late and again are stored once", async () => {
      const pack = new TestPack("pack");
      pack.work(58);
      const { certificates, url, open } = await ENGINES[kind]([pack.name]);
      const store = new MemoryStore();
      const heard = new Heard<Delivery>();
      const { worker } = await workerOn({ store, open, watch: heard.take });
      const at = await connected(connectionOf(url, pack.name, certificates.of(pack.name)));
      const receipts = new Heard<string>();
      at.on("message", (_topic, payload) => receipts.take(fromUtf8(payload)));
      await at.subscribeAsync(topicOf(fleet, pack.name, "receipt"), { qos: 1 });
      const topic = topicOf(fleet, pack.name, "batch");
      for (const [from, to] of [0, 10, 20, 30, 40, 50].map(
        (start) => [start, start + 10] as const,
      )) {
        const batch = Buffer.from(pack.batch(from, to));
        for (let i = 0; i < 3; i += 1) await at.publishAsync(topic, batch, { qos: 1 });
        const old = Buffer.from(pack.batch(0, 10));
        await at.publishAsync(topic, old, { qos: 1 });
      }
      await receipts.until((text) => text.includes("\n60\n"));
      const stored: Uint8Array[] = [];
      for await (const leaf of readStoredLog(store, pack.name)) stored.push(leaf);
      expect(stored).toEqual(pack.leaves);
      expect(worker.stats.refused).toEqual({});
    });
  });
});

const withoutSite = missingFor("site");
describe.skipIf(withoutSite !== "")(`mosquitto${withoutSite}`, () => {
  it("forgets what it acknowledged when it is killed, and receipts bring all of it again", async () => {
    const packs = Array.from({ length: 4 }, (_, i) => new LightPack(`pack ${i}`, WITNESS));
    const { certificates, url, broker, open } = await ENGINES.site([]);
    const store = new MemoryStore();
    const heard = new Heard<Delivery>();
    const working = () => workerOn({ store, open, watch: heard.take });
    const tally = { kills: 0, acknowledged: 0, delivered: 0 };
    await (await working()).stop(); // its session stays, and the broker queues for it
    const accessOf = ({ pack }: LightPack) => certificates.of(pack.name);
    for (const light of packs) {
      const { pack } = light;
      await light.grow(18);
      const at = await connected(connectionOf(url, pack.name, accessOf(light)));
      for (let from = 0; from < 20; from += 2) {
        const batch = Buffer.from(pack.batch(from, from + 2));
        await at.publishAsync(topicOf(fleet, pack.name, "batch"), batch, { qos: 1 });
        tally.acknowledged += 1;
      }
      await at.endAsync();
    }
    await broker.kill();
    await broker.up();
    tally.kills += 1;
    await working();
    const [first] = packs;
    const barrier = first?.pack.name ?? "";
    const at = await connected(connectionOf(url, barrier, certificates.of(barrier)));
    await at.publishAsync(topicOf(fleet, first!.pack.name, "alarm"), "last", { qos: 1 });
    await heard.until(({ channel }) => channel === "alarm");
    await at.endAsync();
    for (const light of packs) {
      light.start({ broker: url, fleet, access: { tls: accessOf(light) } });
    }
    const batches = () => heard.all.filter(({ channel }) => channel === "batch");
    tally.delivered = batches().length;
    const receipted = () => Promise.all(packs.map((light) => light.receipted()));
    await receipted();
    for (; tally.kills < 4; tally.kills += 1) {
      await Promise.all([broker.kill(), ...packs.map((light) => light.grow(20))]);
      await Promise.all(packs.map((light) => light.grow(20)));
      await broker.up();
      await Promise.all(packs.map((light) => light.grow(20)));
      await receipted();
    }
    let entries = 0;
    for (const { pack } of packs) {
      const stored: Uint8Array[] = [];
      for await (const leaf of readStoredLog(store, pack.name)) stored.push(leaf);
      expect(stored).toEqual(pack.leaves);
      expect((await store.pack(pack.name))?.receipt?.size).toBe(pack.size);
      entries += stored.length;
    }
    process.stdout.write(
      `mosquitto, killed ${tally.kills} times: of ${tally.acknowledged} batches that it had acknowledged before the first, it delivered ${tally.delivered}; after receipts, ${entries} of ${entries} entries stored, each once\n`,
    );
    expect(tally.delivered).toBeLessThan(tally.acknowledged);
  });
});

/** A broker that takes everyone in, and then does this with who subscribes; or refuses it. Resolves with its URL. */
async function strangeBroker(answer: (socket: Socket, refuse: () => void, packet: Buffer) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (packet) => {
      const type = (packet[0] ?? 0) >> 4;
      if (type === CONNECT) socket.write(Uint8Array.of(CONNACK << 4, 2, 0, 0));
      if (type === SUBSCRIBE) answer(socket, () => void socket.write(refusalOf(packet)), packet);
    });
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return `mqtt://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

/** §2.2.3: the packet's id comes after its remaining length, of one byte or two. */
function refusalOf(subscribe: Uint8Array): Uint8Array {
  const at = (subscribe[1] ?? 0) < 0x80 ? 2 : 3;
  return Uint8Array.of(SUBACK << 4, 5, ...subscribe.subarray(at, at + 2), ...REFUSALS);
}

/** §3.9.3: each of a pack's three filters at QoS 1. */
function grantOf(subscribe: Uint8Array): Uint8Array {
  const at = (subscribe[1] ?? 0) < 0x80 ? 2 : 3;
  return Uint8Array.of(SUBACK << 4, 5, ...subscribe.subarray(at, at + 2), 1, 1, 1);
}

/** A pack's uplink there: the first of these that it logs. */
async function toldOf(broker: string, ...events: readonly string[]): Promise<readonly string[]> {
  const told = new Heard<string>();
  const take = (event: string) => told.take(event);
  const logger: Logger = { ...silentLogger, info: take, warn: take, error: take };
  new LightPack("pack", WITNESS).start({ broker, fleet, logger, onStatus: () => {} });
  for (const event of events) await told.until((it) => it === event);
  return told.all;
}

describe("a pack's subscription", () => {
  it("that the broker refuses is an alarm", async () => {
    const broker = await strangeBroker((_socket, refuse) => refuse());
    expect(await toldOf(broker, "uplink.subscribe-refused")).not.toContain("uplink.down");
  });

  it("that the broker refuses for a moment is asked for again", async () => {
    let count = 0;
    const broker = await strangeBroker((_socket, refuse) => {
      count += 1;
      if (count < 3) refuse();
    });
    const told = await toldOf(broker, "uplink.subscribe-refused", "uplink.subscribe-refused");
    await vi.waitFor(() => expect(count).toBe(3), { timeout: 120_000 });
    expect(told.filter((it) => it === "uplink.up")).toHaveLength(1);
  });

  it("to its status, that a broker refuses, costs it nothing else", async () => {
    const broker = await strangeBroker((socket, refuse, packet) => {
      if (packet.includes("/status")) refuse();
      else socket.write(grantOf(packet));
    });
    const told = new Heard<string>();
    const take = (event: string) => told.take(event);
    const logger: Logger = { ...silentLogger, info: take, warn: take, error: take };
    const light = new LightPack("pack", WITNESS);
    light.start({ broker, fleet, logger, onStatus: () => {} });
    await told.until((it) => it === "uplink.status-refused");
    expect(told.all).toEqual(["uplink.up", "uplink.status-refused"]);
  });

  it("that breaks with its connection is none: the next connection subscribes again", async () => {
    let count = 0;
    const broker = await strangeBroker((socket, refuse) => {
      count += 1;
      if (count === 1) socket.destroy();
      else refuse();
    });
    const told = await toldOf(broker, "uplink.down", "uplink.subscribe-refused");
    expect(told.indexOf("uplink.subscribe-refused")).toBeGreaterThan(told.lastIndexOf("uplink.up"));
    expect(told.filter((it) => it === "uplink.up")).toHaveLength(2);
  });
});

it("names a broker whose TLS is not what was configured, and goes on trying", async () => {
  const lines: string[] = [];
  const warned = new Promise<void>((resolve) => {
    const logger: Logger = {
      ...silentLogger,
      warn: (event, fields) => {
        lines.push(`${event} ${String(fields?.["error"])}`);
        resolve();
      },
    };
    const fleetPort = MqttFleet.open(
      { url: "mqtts://127.0.0.1:1", clientId: "federation", fleet, logger, reconnectMs: 50 },
      () => {},
    );
    onTestFinished(() => fleetPort.close());
  });
  await warned;
  expect(lines[0]).toMatch(/nothing listens there/);
});

it("refuses certificates for a broker that is spoken to in the clear", async () => {
  const starting = startFederation({
    store: { kind: "embedded", directory: await temporaryFolder() },
    fleet,
    broker: "nats://127.0.0.1:4222",
    account: { tls: { ca: "" } },
    witnessKey: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock: hastyClock,
    entropy: seededEntropy("federation"),
    logger: silentLogger,
  });
  await expect(starting).rejects.toMatchObject({ code: "configuration" });
});
