import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import {
  type Clock,
  type Entropy,
  fromUtf8,
  millis,
  originOf,
  silentLogger,
  toHex,
} from "@wattseal/base";
import { readStoredLog, SqliteStore, startFederation } from "@wattseal/federation";
import { signCheckpoint, verifyCosignature } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { encodeBatch, type PackName, topicOf } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished } from "vitest";
import { AUTHORITY, TestPack, WITNESS } from "../packages/federation/src/fleet.fixture.js";
import { connectPackClient } from "../packages/federation/src/mqtt/pack-client.fixture.js";
import { type Certificates, fleet, missingFor, site } from "./support/deployment.js";
import { type LogLine, Role, wattseal } from "./support/program.js";

const skipped = missingFor("site");
const present = skipped === "";
type Site = Awaited<ReturnType<typeof site>>;

const named = (name: string) => (line: LogLine) => line.msg === name;

/** One pack's three roles, each a process of its own, around a broker that is killed and started again. */
class Fleet {
  readonly state: string;
  readonly site: Site;
  readonly broker: Site["broker"];
  readonly simulator: Role;
  readonly gateway: Role;
  federation: Role;

  private constructor(state: string, at: Site, pack: string, simulator: Role) {
    this.state = state;
    this.site = at;
    this.broker = at.broker;
    this.simulator = simulator;
    this.federation = this.#role();
    this.gateway = new Role(
      ["gateway", "--state", state, "--log-level", "debug", "--broker", at.broker.url],
      filesOf(at.certificates, "UPLINK", pack),
    );
  }

  /** `speed`: simulated seconds a second. */
  static async start(speed = 240): Promise<Fleet> {
    const at = await site();
    const state = `${at.folder}/state`;
    const init = ["init", "--demo", "--tpm", "none", "--state", state, "--modules", "4"];
    const made = await wattseal(init);
    const [, pack = ""] = /lct:pack:([a-z2-7]{32})/.exec(made.stdout) ?? [];
    const simulator = new Role(["sim", "--state", state, "--speed", `${speed}`]);
    await simulator.line(named("sim.running"));
    return new Fleet(state, at, pack, simulator);
  }

  /** Resolves when the gateway has recorded `count` entries more. */
  async recorded(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await this.gateway.line(named("ledger.durable"), this.gateway.lines.length);
    }
  }

  /** Resolves when what is recorded now has been receipted: every connection stands again. */
  async witnessed(): Promise<void> {
    const { lines } = this.gateway;
    const last = Number(lines.findLast(named("ledger.durable"))?.["index"]);
    await this.gateway.line(
      (line) => named("uplink.witnessed")(line) && Number(line["size"]) > last,
    );
  }

  /** Stops the federation and starts it again. */
  async restart(options: { readonly losingItsStore: boolean }): Promise<void> {
    await this.federation.stop();
    if (options.losingItsStore) await rm(`${this.state}/federation/store`, { recursive: true });
    this.federation = this.#role();
    await this.federation.line(named("federation.running"));
  }

  /** Stops everything; the gateway waits for its last receipts. What the two sides have then. */
  async finish() {
    expect(await this.gateway.stop()).toBe(0);
    await this.simulator.stop();
    await this.federation.stop();
    const log = await LogStore.openReadOnly({ directory: `${this.state}/gateway/log` });
    const store = await SqliteStore.open(`${this.state}/federation/store`);
    onTestFinished(() => store.close());
    const [pack, ...others] = await store.packs();
    expect(others).toEqual([]);
    const stored: Uint8Array[] = [];
    if (pack !== undefined) {
      for await (const leaf of readStoredLog(store, pack.pack)) stored.push(leaf);
    }
    return { log, stored, receipt: pack?.receipt, parked: await store.parked() };
  }

  #role(): Role {
    return new Role(
      ["federation", "--state", this.state, "--broker", this.broker.url],
      filesOf(this.site.certificates, "BROKER", "federation"),
    );
  }
}

/** Where a role finds what it proves itself with. */
function filesOf({ authority }: Certificates, table: "BROKER" | "UPLINK", name: string) {
  const { certificate, key } = authority.issue(name);
  return {
    [`WATTSEAL_${table}_CA`]: authority.certificate,
    [`WATTSEAL_${table}_CERTIFICATE`]: certificate,
    [`WATTSEAL_${table}_KEY`]: key,
  };
}

/** Byte for byte the gateway's log, receipted to its end. */
function expectWhole({ log, stored, receipt, parked }: Awaited<ReturnType<Fleet["finish"]>>): void {
  expect(stored).toHaveLength(log.durableSize);
  expect(toHex(Buffer.concat(stored))).toBe(toHex(Buffer.concat([...log.entries()])));
  expect(receipt?.size).toBe(log.durableSize);
  expect(parked).toEqual([]);
}

describe.skipIf(!present)(`over mosquitto${skipped}`, () => {
  it("nothing is lost when the broker is killed and started again under load, with all that it had not saved", async () => {
    const roles = await Fleet.start();
    await roles.gateway.line(named("uplink.up"));
    for (let outage = 0; outage < 4; outage += 1) {
      await roles.recorded(3 + 2 * outage);
      await roles.broker.kill();
      await roles.recorded(5);
      if (outage === 1) {
        const { lines } = roles.gateway;
        const from = lines.length;
        const restarted = roles.restart({ losingItsStore: false });
        await roles.broker.up();
        await restarted;
        await roles.gateway.line(named("uplink.up"), Math.min(from, lines.length));
      } else {
        const from = roles.gateway.lines.length;
        await roles.broker.up();
        await roles.gateway.line(named("uplink.up"), from);
      }
    }
    await roles.recorded(3);
    await roles.witnessed();
    const { federation } = roles;
    expectWhole(await roles.finish());
    const alarms = federation.lines.filter((line) => Number(line["level"]) >= 50);
    expect(alarms).toEqual([]);
  });

  it("a federation that lost its store is given the whole log again, and says that it is catching up", async () => {
    const roles = await Fleet.start(1500);
    await roles.federation.line(named("federation.pack-contact"));
    const isLong = (line: LogLine) => named("ledger.durable")(line) && Number(line["index"]) > 600;
    await roles.gateway.line(isLong); // more than one response carries
    await roles.restart({ losingItsStore: true });
    const contact = await roles.federation.line(named("federation.pack-contact"));
    expect(contact).toMatchObject({ new: true });
    await roles.federation.line(named("federation.pack-caught-up"));
    expectWhole(await roles.finish());
  });
});

/** Nothing that waits for longer than a second ever happens: what is witnessed then has waited for nothing. */
const impatient: Clock = {
  now: () => millis(Date.now()),
  at: (time, task) => {
    if (time > Date.now() + 1000) return () => {};
    const timer = setTimeout(task, Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  },
};
const entropy: Entropy = { bytes: (length) => new Uint8Array(randomBytes(length)) };

async function federationOver({ broker, certificates, folder }: Site) {
  const federation = await startFederation({
    store: { kind: "embedded", directory: `${folder}/store` },
    fleet,
    broker: broker.url,
    account: { tls: certificates.of("federation") },
    witnessKey: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock: impatient,
    entropy,
    logger: silentLogger,
  });
  onTestFinished(() => federation.stop());
  return federation;
}

async function clientOf({ broker, certificates }: Site, name: string) {
  const client = await connectPackClient(broker.url, name, certificates.of(name));
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** Sends all of a pack's log; resolves with the size that the receipt covers. */
async function witnessedSize(at: Site, pack: TestPack): Promise<number> {
  const client = await clientOf(at, pack.name);
  await client.subscribeAsync(topicOf(fleet, pack.name, "receipt"), { qos: 1 });
  const receipt = new Promise<string>((resolve) => {
    client.on("message", (_topic, payload) => {
      resolve(fromUtf8(payload));
    });
  });
  const batch = Buffer.from(pack.batch(0));
  await client.publishAsync(topicOf(fleet, pack.name, "batch"), batch, { qos: 1 });
  return verifyCosignature(await receipt, WITNESS).checkpoint.size;
}

/** Of no pack's signing: a batch that begins beyond what is stored. */
function junk(name: PackName, prevSize: number): Buffer {
  const origin = originOf(name);
  const head = { size: prevSize + 1, root: new Uint8Array(32) };
  const checkpoint = signCheckpoint(head, { ...WITNESS, name: origin });
  return Buffer.from(encodeBatch({ origin, prevSize, leaves: [Uint8Array.of(1)], checkpoint }));
}

describe.skipIf(!present)(`among strangers, over mosquitto${skipped}`, () => {
  it("a pack cannot publish in another's place, though the broker acknowledges it", async () => {
    const at = await site();
    const federation = await federationOver(at);
    const victim = new TestPack("victim");
    const thief = await clientOf(at, "thief");
    const batch = Buffer.from(victim.batch(0));
    await thief.publishAsync(topicOf(fleet, victim.name, "batch"), batch, { qos: 1 });
    expect(await witnessedSize(at, new TestPack("honest"))).toBe(2);
    expect(federation.stats).toMatchObject({ packs: 1, refused: {} });
  });

  it("packs whose batches wait for what never comes do not fill the broker's in-flight window", async () => {
    const at = await site();
    const federation = await federationOver(at);
    const signed = new TestPack("ahead");
    expect(await witnessedSize(at, signed)).toBe(2);
    signed.work(40);
    const ahead = await clientOf(at, signed.name);
    const stranger = new TestPack("junk").name;
    const unsigned = await clientOf(at, stranger);
    for (let i = 3; i < 40; i += 1) {
      const batches = [
        ahead.publishAsync(
          topicOf(fleet, signed.name, "batch"),
          Buffer.from(signed.batch(i, i + 1)),
          { qos: 1 },
        ),
        unsigned.publishAsync(topicOf(fleet, stranger, "batch"), junk(stranger, i), { qos: 1 }),
      ];
      await Promise.all(batches);
    }
    expect(await witnessedSize(at, new TestPack("honest"))).toBe(2);
    expect(federation.stats.packs).toBe(2);
  });
});
