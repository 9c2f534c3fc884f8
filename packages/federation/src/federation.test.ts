import { type Clock, fromUtf8, millis, silentLogger } from "@wattseal/base";
import { parseVkey, verifyCosignature } from "@wattseal/tlog";
import { fleetName, topicOf } from "@wattseal/uplink";
import { expect, it } from "vitest";
import { type FederationOptions, startFederation } from "./federation.js";
import {
  AUTHORITY,
  START,
  seededEntropy,
  TestPack,
  temporaryDirectory,
  WITNESS,
} from "./fleet.fixture.js";
import { connectPackClient } from "./mqtt/pack-client.fixture.js";

/** Due at once: a test over sockets has no use for waiting. */
const eagerClock: Clock = {
  now: () => START,
  at: (time, task) => {
    if (time > START + 1000) return () => {};
    const handle = setImmediate(task);
    return () => clearImmediate(handle);
  },
};

const fleet = fleetName("test");

function federationIn(directory: string, more: Partial<FederationOptions> = {}) {
  return startFederation({
    store: { kind: "embedded", directory },
    fleet,
    broker: "embedded",
    witnessKey: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock: eagerClock,
    entropy: seededEntropy("federation"),
    logger: silentLogger,
    ...more,
  });
}

async function packAt(url: string, pack: TestPack) {
  const client = await connectPackClient(url, pack.name);
  await client.subscribeAsync(topicOf(fleet, pack.name, "receipt"), { qos: 1 });
  return client;
}

it("stores a pack's log and answers with receipts, over its own broker, across a restart", async () => {
  const directory = temporaryDirectory();
  const pack = new TestPack();
  pack.work(600);
  for (const [from, to] of [
    [0, 300],
    [300, 602],
  ] as const) {
    const federation = await federationIn(directory.path);
    const client = await packAt(federation.brokerUrl, pack);
    const receipt = new Promise<string>((resolve) => {
      client.on("message", (_topic, payload) => {
        resolve(fromUtf8(payload));
      });
    });
    await client.publishAsync(
      topicOf(fleet, pack.name, "batch"),
      Buffer.from(pack.batch(from, to)),
      { qos: 1 },
    );
    const text = await receipt;
    const { name, publicKey } = parseVkey(federation.witnessVkey);
    const { checkpoint, time } = verifyCosignature(text, { name, publicKey, origin: pack.origin });
    expect(checkpoint).toEqual({ origin: pack.origin, size: to, root: pack.root(to) });
    expect(time).toBe(Math.floor(millis(START) / 1000));
    expect(await federation.receipt(pack.name)).toBe(text);
    expect(federation.stats).toMatchObject({ packs: 1, entries: to, receipts: 1 });
    const leaves: Uint8Array[] = [];
    for await (const leaf of federation.readStoredLog(pack.name)) leaves.push(leaf);
    expect(leaves.map(String)).toEqual(pack.leaves.slice(0, to).map(String));
    await client.endAsync(true);
    await federation.stop();
  }
  directory.remove();
});

it("answers queries until it stops, and leaves no port open", async () => {
  const directory = temporaryDirectory();
  const token = "t".repeat(40);
  const listen = { host: "127.0.0.1", port: 0 };
  const federation = await federationIn(directory.path, { query: { listen, token } });
  const url = `${federation.queryUrl}/v1/fleet`;
  const headers = { authorization: `Bearer ${token}` };
  const asked = fetch(url, { headers }).then((response) => response.json());
  expect(await asked).toMatchObject({ fleet: "test", witness: federation.witnessVkey, packs: 0 });
  await federation.stop();
  await expect(fetch(url, { headers })).rejects.toThrow();
  const open = { host: "0.0.0.0", port: 0 };
  const refused = federationIn(directory.path, { query: { listen: open, token } });
  await expect(refused).rejects.toMatchObject({ code: "listen" });
  await (await federationIn(directory.path)).stop();
  directory.remove();
});

it("does not start without an authority to accept packs from", async () => {
  const directory = temporaryDirectory();
  const options = {
    store: { kind: "embedded" as const, directory: directory.path },
    fleet,
    broker: "embedded",
    witnessKey: WITNESS,
    authorityKeys: [],
    clock: eagerClock,
    entropy: seededEntropy("x"),
    logger: silentLogger,
  };
  await expect(startFederation(options)).rejects.toMatchObject({ code: "configuration" });
  directory.remove();
});

it("leaves nothing locked when it cannot start", async () => {
  const directory = temporaryDirectory();
  const first = await federationIn(directory.path);
  await expect(federationIn(directory.path)).rejects.toMatchObject({ code: "store-locked" });
  await first.stop();
  await (await federationIn(directory.path)).stop();
  directory.remove();
});
