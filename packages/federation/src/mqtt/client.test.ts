import { silentLogger, utf8 } from "@wattseal/base";
import { fleetName, topicFilter, topicOf } from "@wattseal/uplink";
import mqtt, { type MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { EmbeddedBroker } from "../broker/embedded.js";
import { seededEntropy, TestPack } from "../fleet.fixture.js";
import type { Delivery } from "../worker/ports.js";
import { MqttFleet } from "./client.js";
import { connectPackClient } from "./pack-client.fixture.js";

const fleet = fleetName("test");
const pack = new TestPack();
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function broker(): Promise<EmbeddedBroker> {
  const made = await EmbeddedBroker.listen({
    fleet,
    entropy: seededEntropy("broker"),
    logger: silentLogger,
  });
  closing.push(() => made.close());
  return made;
}

/** What has arrived; `arrived(n)` resolves when the n-th delivery has. */
class Inbox {
  readonly deliveries: Delivery[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly take = (delivery: Delivery): void => {
    this.deliveries.push(delivery);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (count > this.deliveries.length) return true;
      resolve();
      return false;
    });
  };

  get texts(): readonly string[] {
    return this.deliveries.map(({ payload }) => Buffer.from(payload).toString());
  }

  arrived(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.deliveries.length >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }
}

function connectionTo({ url, account: { clientId, ...account } }: EmbeddedBroker) {
  return { url, fleet, logger: silentLogger, clientId, account };
}

async function federationAt(made: EmbeddedBroker, inbox: Inbox): Promise<MqttFleet> {
  const options = { ...connectionTo(made), reconnectMs: 5 };
  const client = MqttFleet.open(options, inbox.take);
  closing.push(() => client.close());
  await client.ready;
  return client;
}

async function packAt(made: EmbeddedBroker): Promise<MqttClient> {
  const client = await connectPackClient(made.url, pack.name);
  closing.push(() => client.endAsync(true));
  return client;
}

describe("MqttFleet", () => {
  it("says what it does not send, the broker having acknowledged too little or being away", async () => {
    const federation = await federationAt(await broker(), new Inbox());
    const send = () => federation.publish(pack.name, "order", utf8("open"));
    // In one turn of the event loop no acknowledgement arrives.
    let sent = 0;
    while (sent < 10_000 && send()) sent += 1;
    expect(sent).toBe(4_096);
    await federation.close();
    expect(send()).toBe(false);
  });

  it("delivers what packs publish, by pack and channel, and sends to one pack", async () => {
    const made = await broker();
    const inbox = new Inbox();
    const federation = await federationAt(made, inbox);
    const client = await packAt(made);
    await client.subscribeAsync(topicOf(fleet, pack.name, "receipt"), { qos: 1 });
    const receipt = new Promise<Buffer>((resolve) => {
      client.on("message", (_topic, payload) => {
        resolve(payload);
      });
    });
    await client.publishAsync(topicOf(fleet, pack.name, "head"), "hello", { qos: 1, retain: true });
    await inbox.arrived(1);
    expect(inbox.deliveries[0]).toMatchObject({ pack: pack.name, channel: "head" });
    expect(Buffer.from(inbox.deliveries[0]!.payload).toString()).toBe("hello");
    federation.publish(pack.name, "receipt", utf8("thanks"));
    expect((await receipt).toString()).toBe("thanks");
  });

  it("acknowledges a message when it is settled and not before: unsettled ones come again", async () => {
    const made = await broker();
    const client = await packAt(made);
    const first = new Inbox();
    const federation = await federationAt(made, first);
    const topic = topicOf(fleet, pack.name, "batch");
    for (let i = 0; i < 5; i += 1) await client.publishAsync(topic, `${i}`, { qos: 1 });
    await first.arrived(5); // reading goes on while none is acknowledged
    for (const i of [3, 1]) first.deliveries[i]?.settle();
    await federation.close();
    const second = new Inbox();
    await federationAt(made, second);
    await second.arrived(3);
    expect(second.texts.toSorted()).toEqual(["0", "2", "4"]); // in what order is the broker's affair
    for (const { settle } of [...first.deliveries, ...second.deliveries]) settle();
  });

  it("does not acknowledge on a new connection what an old one brought", async () => {
    const made = await broker();
    const client = await packAt(made);
    const inbox = new Inbox();
    const federation = await federationAt(made, inbox);
    const topic = topicOf(fleet, pack.name, "batch");
    await client.publishAsync(topic, "again", { qos: 1 });
    await inbox.arrived(1);
    // takes the session once, and is thrown out itself when its owner comes back: whether anything reached it meanwhile is open
    const thief = MqttFleet.open({ ...connectionTo(made), reconnectMs: 1e6 }, () => {});
    closing.push(() => thief.close());
    await inbox.arrived(2);
    inbox.deliveries[0]?.settle();
    await federation.close();
    const next = new Inbox();
    await federationAt(made, next);
    await next.arrived(1);
    expect([...inbox.texts, ...next.texts]).toEqual(["again", "again", "again"]);
  });

  it("says what the broker does not let it subscribe", async () => {
    const made = await broker();
    const account = { username: pack.name };
    const options = { url: made.url, fleet, logger: silentLogger, clientId: pack.name, account };
    const client = MqttFleet.open(options, () => {});
    closing.push(() => client.close());
    await expect(client.ready).rejects.toMatchObject({
      code: "broker",
      message: expect.stringContaining(topicFilter(fleet, "batch")),
    });
  });

  it("stops reading while too much is unsettled, and goes on when there is room", async () => {
    const made = await broker();
    const client = await packAt(made);
    const inbox = new Inbox();
    await federationAt(made, inbox);
    const topic = topicOf(fleet, pack.name, "batch");
    const sent = Promise.all(
      Array.from({ length: 600 }, (_, i) => client.publishAsync(topic, `${i}`, { qos: 1 })),
    );
    await inbox.arrived(512);
    await sent;
    expect(inbox.deliveries).toHaveLength(512);
    for (const { settle } of inbox.deliveries.slice(0, 512)) settle();
    await inbox.arrived(600);
    // each once; this broker may swap two that it had to hold back
    expect(inbox.texts.map(Number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 600 }, (_, i) => i),
    );
  });
});

describe("EmbeddedBroker", () => {
  it.each([
    ["another pack's topic", topicOf(fleet, new TestPack("other").name, "batch"), false],
    ["a topic of the federation", topicOf(fleet, pack.name, "receipt"), false],
    ["another fleet", topicOf(fleetName("elsewhere"), pack.name, "batch"), false],
    ["a topic of nobody's", "hello", false],
    ["a retained batch", topicOf(fleet, pack.name, "batch"), true],
  ])("ends the connection of a pack that publishes on %s", async (_what, topic, retain) => {
    const made = await broker();
    const inbox = new Inbox();
    await federationAt(made, inbox);
    const client = await packAt(made);
    const closed = new Promise<void>((resolve) => {
      client.on("close", resolve);
    });
    client.publish(topic, "x", { qos: 1, retain });
    await closed;
    expect(inbox.deliveries).toEqual([]);
  });

  it("refuses to subscribe a pack to anything but its own receipts, requests and orders", async () => {
    const made = await broker();
    const client = await packAt(made);
    const other = new TestPack("other").name;
    const topics = [
      topicOf(fleet, pack.name, "receipt"),
      topicOf(fleet, other, "receipt"),
      "#",
      topicOf(fleet, pack.name, "batch"),
    ];
    for (const [i, topic] of topics.entries()) {
      const granted = await client.subscribeAsync(topic, { qos: 1 }).catch(() => []);
      expect(granted.filter(({ qos }) => qos !== 128)).toHaveLength(i === 0 ? 1 : 0);
    }
  });

  it("lets nobody in under a name that is not its own, nor as the federation", async () => {
    const made = await broker();
    const attempt = (clientId: string, username: string, password?: string) =>
      mqtt.connectAsync(made.url, {
        clientId,
        username,
        reconnectPeriod: 0,
        protocolVersion: 4,
        ...(password === undefined ? {} : { password }),
      });
    await expect(attempt("federation", "federation")).rejects.toThrow();
    await expect(attempt("federation", "federation", "guess")).rejects.toThrow();
    await expect(attempt(pack.name, "someone")).rejects.toThrow();
    await expect(attempt("someone", "someone")).rejects.toThrow();
  });

  it("says which port is taken", async () => {
    const made = await broker();
    const port = Number(new URL(made.url).port);
    const options = { fleet, entropy: seededEntropy("x"), logger: silentLogger, port };
    await expect(EmbeddedBroker.listen(options)).rejects.toMatchObject({ code: "broker" });
  });
});
