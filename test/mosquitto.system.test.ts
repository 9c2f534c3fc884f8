import { randomBytes } from "node:crypto";
import { type Clock, type Entropy, millis, silentLogger, toHex } from "@wattseal/base";
import { type Federation, startFederation } from "@wattseal/federation";
import { parseVkey } from "@wattseal/tlog";
import {
  decodeRequest,
  encodeResponse,
  fleetName,
  leafBytes,
  PendingCheckpoints,
  type SenderEffect,
  type SenderEvent,
  takeResponse,
  topicOf,
  UplinkCursors,
  UplinkSender,
} from "@wattseal/uplink";
import { describe, expect, it, onTestFinished } from "vitest";
import { AUTHORITY, TestPack, WITNESS } from "../packages/federation/src/fleet.fixture.js";
import {
  connectPackClient,
  openPackClient,
} from "../packages/federation/src/mqtt/pack-client.fixture.js";
import { hasMosquitto, Mosquitto } from "./support/mosquitto.js";
import { temporaryFolder } from "./support/program.js";

const present = hasMosquitto();
const skipped = present ? "" : " (skipped: mosquitto is not installed; apt-get install mosquitto)";
const fleet = fleetName("system");

const clock: Clock = {
  now: () => millis(Date.now()),
  at: (time, task) => {
    const timer = setTimeout(task, Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  },
};
const entropy: Entropy = { bytes: (length) => new Uint8Array(randomBytes(length)) };

async function federationAt(directory: string, broker: string): Promise<Federation> {
  const federation = await startFederation({
    directory,
    fleet,
    broker,
    account: { username: "federation" },
    witnessKey: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock,
    entropy,
    logger: silentLogger,
  });
  onTestFinished(() => federation.stop());
  return federation;
}

/** A pack's uplink: log, pending checkpoints, cursors and sender over one MQTT connection. */
class PackUplink {
  readonly pack = new TestPack(toHex(randomBytes(8)));
  readonly cursors: UplinkCursors;
  readonly #pending: PendingCheckpoints;
  readonly #sender: UplinkSender;
  readonly #client: ReturnType<typeof openPackClient>;
  #signed = 0;
  #timer: NodeJS.Timeout | undefined;
  #progress: (() => void)[] = [];

  constructor(url: string, witnessVkey: string) {
    const { pack } = this;
    const log = {
      get size() {
        return pack.size;
      },
      root: (size: number) => pack.root(size),
      keyAt: (size: number) => pack.keyAt(size),
    };
    const { origin } = pack;
    const destination = parseVkey(witnessVkey);
    const save = async () => {};
    this.cursors = UplinkCursors.load({
      origin,
      log,
      destinations: [destination],
      stored: () => undefined,
      save,
    });
    const stored = { origin, log, witnessed: 0, stored: undefined, save };
    this.#pending = PendingCheckpoints.load(stored).pending;
    this.#sender = new UplinkSender({ witnessed: 0, pending: this.#pending, retryMs: 300 });
    this.#client = openPackClient(url, pack.name, { reconnectPeriod: 20 });
    this.#client.on("connect", () => void this.#subscribe());
    this.#client.on("close", () => this.#tell({ kind: "disconnected" }));
    this.#client.on(
      "message",
      (topic, payload) => void this.#take(topic, payload, destination.name),
    );
    onTestFinished(async () => {
      clearTimeout(this.#timer);
      await this.#client.endAsync(true);
    });
  }

  /** Appends and signs; returns the signed size. */
  async grow(count: number): Promise<number> {
    this.pack.work(count);
    const { size } = this.pack;
    const bytes = leafBytes(this.pack.leaves.slice(this.#signed));
    await this.#pending.add({ size, note: this.pack.note(), bytes });
    this.#signed = size;
    this.#tell({ kind: "signed" });
    return size;
  }

  /** Resolves when everything below `size` is witnessed. */
  async witnessed(size: number): Promise<void> {
    while (this.cursors.witnessedByAll < size) {
      await new Promise<void>((resolve) => {
        this.#progress.push(resolve);
      });
    }
  }

  async #subscribe(): Promise<void> {
    const topics = (["receipt", "request"] as const).map((c) => topicOf(fleet, this.pack.name, c));
    await this.#client.subscribeAsync(topics, { qos: 1 }).catch(() => {});
    this.#tell({ kind: "connected" });
  }

  async #take(topic: string, payload: Buffer, destination: string): Promise<void> {
    if (topic.endsWith("/request")) {
      this.#tell({ kind: "request", request: decodeRequest(payload) });
      return;
    }
    const { size } = await this.cursors.accept(destination, payload);
    this.#pending.prune(this.cursors.witnessedByAll);
    this.#tell({ kind: "witnessed", size });
    for (const resolve of this.#progress.splice(0)) resolve();
  }

  #tell(event: SenderEvent): void {
    for (const effect of this.#sender.handle(event, clock.now())) this.#do(effect);
    clearTimeout(this.#timer);
    const { deadline } = this.#sender;
    if (deadline === undefined) return;
    this.#timer = setTimeout(
      () => this.#tell({ kind: "tick" }),
      Math.max(0, deadline - Date.now()),
    );
  }

  #do(effect: SenderEffect): void {
    const { pack } = this;
    if (effect.kind === "head") this.#publish("head", Buffer.from(effect.note), true);
    if (effect.kind === "batch") {
      this.#publish("batch", pack.batch(effect.from, effect.to, { checkpoint: effect.note }));
    }
    if (effect.kind === "response") {
      this.#publish("response", encodeResponse(takeResponse(pack.source, effect)));
    }
  }

  #publish(channel: "head" | "batch" | "response", payload: Uint8Array, retain = false): void {
    if (!this.#client.connected) return;
    const topic = topicOf(fleet, this.pack.name, channel);
    this.#client.publish(topic, Buffer.from(payload), { qos: 1, retain }, () => {});
  }
}

async function storedLeaves(federation: Federation, pack: TestPack): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  for await (const leaf of federation.readStoredLog(pack.name)) leaves.push(leaf);
  return leaves;
}

describe.skipIf(!present)(`over mosquitto${skipped}`, () => {
  it("nothing is lost when the broker, which keeps nothing, is killed and started again", async () => {
    const folder = await temporaryFolder();
    const broker = await Mosquitto.start(folder, fleet);
    onTestFinished(() => broker.kill());
    let federation = await federationAt(`${folder}/store`, broker.url);
    const uplinks = [1, 2, 3].map(() => new PackUplink(broker.url, federation.witnessVkey));
    const grow = () => Promise.all(uplinks.map((uplink) => uplink.grow(40)));
    for (let outage = 0; outage < 4; outage += 1) {
      const before = await uplinks[outage % 3]?.grow(1);
      await grow();
      if (outage % 2 === 0) await uplinks[outage % 3]?.witnessed(before ?? 0);
      await broker.kill();
      await grow();
      await grow();
      await broker.up();
      await grow();
      if (outage === 1) {
        await federation.stop();
        federation = await federationAt(`${folder}/store`, broker.url);
      }
    }
    await Promise.all(uplinks.map((uplink) => uplink.witnessed(uplink.pack.size)));
    for (const { pack } of uplinks) {
      expect(Buffer.concat(await storedLeaves(federation, pack))).toEqual(
        Buffer.concat(pack.leaves),
      );
      expect(federation.stats.latest.get(pack.name)).toEqual({
        size: pack.size,
        witnessed: pack.size,
      });
    }
    expect(federation.stats.refused).toEqual({});
  });

  it("a federation that starts anew is given the whole log again", async () => {
    const folder = await temporaryFolder();
    const broker = await Mosquitto.start(folder, fleet);
    onTestFinished(() => broker.kill());
    const first = await federationAt(`${folder}/first`, broker.url);
    const uplink = new PackUplink(broker.url, first.witnessVkey);
    for (let i = 0; i < 5; i += 1) await uplink.grow(200);
    await uplink.witnessed(uplink.pack.size);
    await first.stop();
    const second = await federationAt(`${folder}/second`, broker.url);
    while ((await second.receipt(uplink.pack.name)) === undefined) {
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
    await uplink.grow(10);
    await uplink.witnessed(uplink.pack.size);
    expect(Buffer.concat(await storedLeaves(second, uplink.pack))).toEqual(
      Buffer.concat(uplink.pack.leaves),
    );
  });

  it("a pack cannot publish in another's place, though the broker acknowledges it", async () => {
    const folder = await temporaryFolder();
    const broker = await Mosquitto.start(folder, fleet);
    onTestFinished(() => broker.kill());
    const federation = await federationAt(`${folder}/store`, broker.url);
    const victim = new TestPack("victim");
    const thief = await connectPackClient(broker.url, "thief");
    onTestFinished(() => thief.endAsync(true));
    const batch = Buffer.from(victim.batch(0));
    await thief.publishAsync(topicOf(fleet, victim.name, "batch"), batch, { qos: 1 });
    const uplink = new PackUplink(broker.url, federation.witnessVkey);
    await uplink.grow(1);
    await uplink.witnessed(uplink.pack.size);
    expect(federation.stats).toMatchObject({ packs: 1, refused: {} });
  });
});
