import { randomBytes } from "node:crypto";
import { type Clock, type Entropy, fromUtf8, millis, silentLogger } from "@wattseal/base";
import {
  type Federation,
  type RefusalReason,
  RegistryOperator,
  readStoredLog,
  SqliteStore,
  startFederation,
  type TlsMaterial,
} from "@wattseal/federation";
import { CHANNELS, MAX_MESSAGE_BYTES, topicOf, verifyReceipt } from "@wattseal/uplink";
import type { MqttClient } from "mqtt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { AUTHORITY, TestPack, WITNESS } from "../packages/federation/src/fleet.fixture.js";
import { connectPackClient } from "../packages/federation/src/mqtt/pack-client.fixture.js";
import { type Certificates, cluster, fleet, missingFor, site } from "./support/deployment.js";
import { ATTACKS, flood, fork, hostileOf, type Shot } from "./support/hostile.js";
import { temporaryFolder } from "./support/program.js";

const DESTINATION = { name: WITNESS.name, publicKeys: [WITNESS.publicKey] };
const FLOOD = 900;
const WAITING = { timeout: 300_000 } as const;
/** More than any of the brokers takes. */
const HUGE = 2_097_152;
const clock: Clock = {
  now: () => millis(Date.now()),
  at: (time, task) => {
    const timer = setTimeout(task, Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  },
};
const entropy: Entropy = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/** Where packs connect, and how the federation does. */
interface Broker {
  readonly url: string;
  readonly folder: string;
  readonly federation: { readonly broker: string; readonly account?: { tls: TlsMaterial } };
  readonly certificates?: Certificates;
}

const BROKERS = {
  embedded: async () => ({
    url: "",
    folder: await temporaryFolder(),
    federation: { broker: "embedded" },
  }),
  site: async () => {
    const { broker, certificates, folder } = await site();
    const account = { tls: certificates.of("federation") };
    return { url: broker.url, folder, certificates, federation: { broker: broker.url, account } };
  },
  cluster: async (packs: readonly string[]) => {
    const { broker, certificates, folder } = await cluster({ packs, size: 1 });
    const account = { tls: certificates.of("federation") };
    const url = broker.nodes[0]?.mqttUrl ?? "";
    return { url, folder, certificates, federation: { broker: broker.url, account } };
  },
} as const;

/** A pack's log and its connection; receipts that prove nothing are as good as none. */
class Speaker {
  readonly pack: TestPack;
  readonly #client: MqttClient;
  /** Messages that the broker acknowledged. */
  said = 0;
  #receipted = 0;
  #waiting: { readonly size: number; readonly resolve: () => void }[] = [];

  private constructor(pack: TestPack, client: MqttClient) {
    this.pack = pack;
    this.#client = client;
    client.on("message", (_topic, payload) => this.#receipt(fromUtf8(payload)));
  }

  static async open(pack: TestPack, url: string, certificates?: Certificates): Promise<Speaker> {
    const client = await connectPackClient(url, pack.name, certificates?.of(pack.name));
    onTestFinished(() => client.endAsync(true));
    const speaker = new Speaker(pack, client);
    await client.subscribeAsync(topicOf(fleet, pack.name, "receipt"), { qos: 1 });
    return speaker;
  }

  get receipted(): number {
    return this.#receipted;
  }

  /** Resolves when the broker has acknowledged it. */
  async say({ channel, payload }: Shot): Promise<void> {
    const { retain } = CHANNELS[channel];
    const bytes = Buffer.from(payload);
    await this.#client.publishAsync(topicOf(fleet, this.pack.name, channel), bytes, {
      qos: 1,
      retain,
    });
    this.said += 1;
  }

  /** Whatever becomes of it. */
  shout({ channel, payload }: Shot): void {
    this.#client.publish(topicOf(fleet, this.pack.name, channel), Buffer.from(payload), { qos: 1 });
  }

  /** Resolves when the broker has ended the connection. */
  cutOff(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.once("close", () => resolve());
    });
  }

  /** Everything behind what is receipted; resolves with the receipt. */
  async deliver(): Promise<void> {
    const { pack } = this;
    await this.say({ channel: "batch", payload: pack.batch(this.#receipted) });
    await new Promise<void>((resolve) => {
      if (this.#receipted >= pack.size) resolve();
      else this.#waiting.push({ size: pack.size, resolve });
    });
  }

  #receipt(text: string): void {
    const { pack } = this;
    const { checkpoint } = verifyReceipt(text, {
      origin: pack.origin,
      witness: DESTINATION,
      log: pack,
    });
    this.#receipted = Math.max(this.#receipted, checkpoint.size);
    for (const { size, resolve } of this.#waiting) if (this.#receipted >= size) resolve();
  }
}

/** A federation with its registry on a store of its own, an honest pack, and one that is not: ten entries of each are stored. */
async function scene(kind: keyof typeof BROKERS) {
  const honestPack = new TestPack("honest");
  honestPack.work(8);
  const hostilePack = hostileOf(10);
  const at: Broker = await BROKERS[kind]([honestPack.name, hostilePack.name]);
  const { folder, certificates } = at;
  const socket = `${folder}/registry.sock`;
  const federation: Federation = await startFederation({
    ...at.federation,
    store: { kind: "embedded", directory: `${folder}/store` },
    fleet,
    witnessKey: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    registry: {
      directory: `${folder}/registry`,
      authority: AUTHORITY,
      roots: [],
      updateKeys: [],
      socket,
    },
    clock,
    entropy,
    logger: silentLogger,
  });
  onTestFinished(() => federation.stop());
  const url = at.url === "" ? federation.brokerUrl : at.url;
  const honest = await Speaker.open(honestPack, url, certificates);
  const hostile = await Speaker.open(hostilePack, url, certificates);
  await honest.deliver();
  await hostile.deliver();
  const operator = new RegistryOperator(socket);
  return { federation, honest, hostile, operator, store: `${folder}/store` };
}

async function storedOf(store: Pick<Federation, "readStoredLog">, { name }: TestPack) {
  const leaves: Uint8Array[] = [];
  for await (const leaf of store.readStoredLog(name)) leaves.push(leaf);
  return leaves;
}

type Scene = Awaited<ReturnType<typeof scene>>;

/**
 * What the federation refuses since the last call, once it has been brought everything that was said, in whatever order, and
 * the honest pack's next entries are receipted: it judges in the order in which it is brought.
 */
async function refusedBy(
  { federation, honest, hostile }: Scene,
  before: Federation["stats"]["refused"],
) {
  await vi.waitFor(() => {
    const brought = Object.values(federation.stats.messages).reduce((sum, count) => sum + count, 0);
    expect(brought).toBeGreaterThanOrEqual(honest.said + hostile.said);
  }, WAITING);
  honest.pack.work(3);
  await honest.deliver();
  const { refused } = federation.stats;
  return Object.fromEntries(
    Object.entries(refused).flatMap(([reason, count]) => {
      const since = count - (before[reason as RefusalReason] ?? 0);
      return since === 0 ? [] : [[reason, since]];
    }),
  );
}

describe.each(["embedded", "site", "cluster"] as const)("a hostile pack", (kind) => {
  const skipped = kind === "embedded" ? "" : missingFor(kind);
  const name = { embedded: "the embedded broker", site: "mosquitto", cluster: "NATS" }[kind];

  describe.skipIf(skipped !== "")(`over ${name}${skipped}`, () => {
    it("is refused with its reason whatever it sends, and hurts neither others nor what is stored", async () => {
      const made = await scene(kind);
      const { federation, honest, hostile } = made;
      const found: unknown[] = [];
      const wanted: unknown[] = [];
      for (const { what, reason, shots } of ATTACKS) {
        const all = shots(hostile.pack, honest.pack);
        const before = federation.stats.refused;
        for (const shot of all) await hostile.say(shot);
        found.push([what, await refusedBy(made, before)]);
        wanted.push([what, reason === undefined ? {} : { [reason]: all.length }]);
      }
      expect(found).toEqual(wanted);
      expect(await storedOf(federation, hostile.pack)).toEqual(hostile.pack.leaves);
      expect(await storedOf(federation, honest.pack)).toEqual(honest.pack.leaves);
      // It is still believed what is true.
      hostile.pack.work(4);
      await hostile.deliver();
      expect(federation.stats.forks).toBe(0);
    });

    it("floods, and others are receipted meanwhile; no more of it is kept than of anyone", async () => {
      const made = await scene(kind);
      const { federation, honest, hostile } = made;
      const shots = flood(hostile.pack, FLOOD);
      const flooded = Promise.all(shots.map((shot) => hostile.say(shot)));
      for (let i = 0; i < 5; i += 1) {
        honest.pack.work(3);
        await honest.deliver();
      }
      await flooded;
      await refusedBy(made, {});
      const { held, parked, refused, packs } = federation.stats;
      expect(held.messages).toBeLessThanOrEqual(16);
      expect(held.bytes).toBeLessThanOrEqual(1_048_576);
      expect(parked).toBe(16);
      expect(packs).toBe(2);
      expect(refused.malformed).toBeGreaterThanOrEqual(FLOOD / 6);
      expect(refused.entry).toBeGreaterThanOrEqual(FLOOD / 6);
      expect(await storedOf(federation, hostile.pack)).toEqual(hostile.pack.leaves);
      expect(await storedOf(federation, honest.pack)).toEqual(honest.pack.leaves);
    });

    it("sends more than a message may have: refused here, or by the broker, and nobody else notices", async () => {
      const made = await scene(kind);
      const { federation, hostile } = made;
      const large: Shot = { channel: "batch", payload: new Uint8Array(MAX_MESSAGE_BYTES + 1) };
      const huge: Shot = { channel: "batch", payload: new Uint8Array(HUGE) };
      const cut = hostile.cutOff();
      if (kind === "embedded") hostile.shout(large);
      else {
        await hostile.say(large);
        hostile.shout(huge);
      }
      // NATS stores it not and says nothing; the others end the connection.
      if (kind !== "cluster") await cut;
      expect(await refusedBy(made, {})).toEqual(kind === "embedded" ? {} : { malformed: 1 });
      expect(await storedOf(federation, hostile.pack)).toEqual(hostile.pack.leaves);
    });

    it("forks its log and has spoken: the proof is kept, its LCT slashed, and what is stored stays", async () => {
      const made = await scene(kind);
      const { federation, hostile, operator, store } = made;
      const { lct } = hostile.pack.document;
      await hostile.say(fork(hostile.pack));
      expect(await refusedBy(made, {})).toEqual({ fork: 1 });
      expect(await operator.standing(lct)).toMatchObject({ state: "slashed" });
      hostile.pack.work(4);
      await hostile.say({ channel: "batch", payload: hostile.pack.batch(10) });
      await hostile.say(fork(hostile.pack));
      expect(await refusedBy(made, { fork: 1 })).toEqual({ revoked: 2 });
      expect(hostile.receipted).toBe(10);
      await federation.stop();
      const kept = await SqliteStore.open(store);
      onTestFinished(() => kept.close());
      expect(await kept.forks()).toMatchObject([
        {
          pack: hostile.pack.name,
          kind: "checkpoint",
          size: 10,
          payload: fork(hostile.pack).payload,
        },
      ]);
      const stored: Uint8Array[] = [];
      for await (const leaf of readStoredLog(kept, hostile.pack.name)) stored.push(leaf);
      expect(stored).toEqual(hostile.pack.leaves.slice(0, 10));
    });

    it("speaks under an LCT that is void, and nothing of it counts, signed or not", async () => {
      const made = await scene(kind);
      const { federation, hostile, operator } = made;
      await operator.void(hostile.pack.document.lct, "stolen");
      hostile.pack.work(4);
      const { pack } = hostile;
      const { channel, payload } = fork(hostile.pack);
      for (const shot of [
        { channel: "batch", payload: pack.batch(10) },
        { channel: "head", payload: Buffer.from(pack.note()) },
        { channel: "epoch", payload: pack.evidence },
        { channel: "response", payload: pack.response(10) },
        { channel, payload },
      ] as const) {
        await hostile.say(shot);
      }
      expect(await refusedBy(made, {})).toEqual({ revoked: 5 });
      expect(federation.stats.forks).toBe(0);
      expect(hostile.receipted).toBe(10);
      expect(await storedOf(federation, pack)).toEqual(pack.leaves.slice(0, 10));
    });
  });
});
