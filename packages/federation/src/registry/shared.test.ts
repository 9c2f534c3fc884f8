import { existsSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { packName } from "@wattseal/uplink";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { PostgresServer, postgresMissing } from "../../../../scripts/lib/postgres.mjs";
import {
  AUTHORITY,
  seededEntropy,
  TestClock,
  TestPack,
  temporaryDirectory,
  WITNESS,
} from "../fleet.fixture.js";
import { PostgresStore } from "../store/postgres/postgres.js";
import { pack } from "../worker/bench.fixture.js";
import type { IngestChannel } from "../worker/ports.js";
import { FederationWorker } from "../worker/worker.js";
import { RegistryOperator } from "./client.js";
import { followRegistry, openRegistry } from "./open.js";
import { said, TestRegistry } from "./registry.fixture.js";
import type { Standing } from "./standing.js";

const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(`a registry in the workers' database${without}`, () => {
  let server: PostgresServer;
  let url: string;
  let clock: TestClock;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 120_000);
  afterAll(() => server.close(), 120_000);
  beforeEach(async () => {
    url = await server.createDatabase();
    clock = new TestClock();
  });

  const shared = () => ({ kind: "postgres", url }) as const;

  async function logs() {
    const store = await PostgresStore.open({ url });
    onTestFinished(() => store.close());
    return store;
  }

  function folder() {
    const { path, remove } = temporaryDirectory();
    onTestFinished(remove);
    return path;
  }

  /** A process with the authority's key. */
  async function registry(directory = folder()) {
    const socket = join(directory, "registry.sock");
    const authority = AUTHORITY;
    const setting = { directory, authority, roots: [], updateKeys: [], socket } as const;
    const entropy = seededEntropy(directory);
    const authorityKeys = [AUTHORITY.publicKey];
    const context = { authorityKeys, clock, steady: clock, entropy, logger: silentLogger };
    const opened = await openRegistry(setting, context, await logs(), shared());
    onTestFinished(() => opened.close());
    return { standing: opened.standing, operator: new RegistryOperator(socket) };
  }

  /** A process without it. */
  async function follower() {
    const opened = await followRegistry(shared(), { clock, logger: silentLogger });
    onTestFinished(() => opened.close());
    return opened.standing;
  }

  async function worker(standing: Standing) {
    const made = await FederationWorker.start({
      store: await logs(),
      witness: WITNESS,
      authorityKeys: [AUTHORITY.publicKey],
      clock,
      logger: silentLogger,
      publish: () => {},
      standing,
      groupSize: 1,
    });
    onTestFinished(() => made.stop());
    const give = (from: TestPack, channel: IngestChannel, payload: Uint8Array) =>
      new Promise<void>((settle) => {
        made.deliver({ pack: from.name, channel, payload, settle: () => settle() });
      });
    return { give, stats: () => made.stats };
  }

  /** Lets looks be due until it holds. */
  const comesTrue = (holds: () => void) =>
    vi.waitFor(
      async () => {
        await clock.advance(2_000);
        holds();
      },
      { timeout: 120_000, interval: 20 },
    );

  it("ends an LCT for every worker, with the key or without, running or started later", async () => {
    const first = await registry();
    const second = await registry();
    const keyless = await follower();
    const p = pack(10);
    const at = await worker(keyless);
    await at.give(p, "batch", p.batch(0));
    await second.operator.void(p.document.lct, "stolen");
    for (const standing of [first.standing, keyless]) {
      await comesTrue(() => expect(standing.finalState(p.name)).toBe("void"));
    }
    p.work(3);
    await at.give(p, "batch", p.batch(10));
    expect(at.stats()).toMatchObject({ entries: 10, refused: { revoked: 1 } });
    expect((await follower()).finalState(p.name)).toBe("void");
    expect((await registry()).standing.finalState(p.name)).toBe("void");
    await expect(first.operator.void(p.document.lct, "again")).rejects.toMatchObject({
      problem: "final",
    });
  });

  it("slashes for a fork whichever worker finds it, once, and every worker then refuses the pack", async () => {
    const holders = [await registry(), await registry()];
    const keyless = await follower();
    const at = await worker(keyless);
    const [p, other] = [pack(10), pack(10, "other")];
    for (const one of [p, other]) await at.give(one, "batch", one.batch(0));
    await at.give(p, "epoch", new TestPack("pack", AUTHORITY, "second").evidence);
    expect(at.stats().refused).toEqual({ fork: 1 });
    for (const standing of [...holders.map((holder) => holder.standing), keyless]) {
      await comesTrue(() => expect(standing.finalState(p.name)).toBe("slashed"));
      expect(standing.finalState(other.name)).toBeUndefined();
    }
    await at.give(p, "state", Uint8Array.of(1));
    expect(at.stats().refused).toEqual({ fork: 1, revoked: 1 });
    const standing = await holders[0]?.operator.standing(p.document.lct);
    expect(standing?.statements).toHaveLength(2); // active, slashed
  });

  it("takes along what a file of one process's own had: endings, and tokens that are still to be used", async () => {
    const before = await TestRegistry.open();
    onTestFinished(() => before.remove());
    const gone = await before.enrolled("gone");
    const kept = await before.enrolled("kept");
    await before.registry.void(gone.lct, "burnt");
    await before.registry.grant({ context: ["bay 3"] });
    await before.store.close();
    const directory = before.path;
    const { standing, operator } = await registry(directory);
    expect(standing.finalState(packName(gone.label))).toBe("void");
    expect(await operator.standing(kept.lct)).toMatchObject({ state: "active" });
    expect((await operator.standing(gone.lct))?.statements).toHaveLength(2);
    const tokens = await operator.tokens();
    expect(tokens.map(({ spentOn }) => typeof spentOn).sort()).toEqual(
      [gone.lct, kept.lct, undefined].map((lct) => typeof lct),
    );
    expect(existsSync(join(directory, "registry.db"))).toBe(false);
    expect((await registry()).standing.finalState(packName(gone.label))).toBe("void");
  });

  it("takes an ending along for an LCT that another worker's file had active, and lets one stand that had ended", async () => {
    const files = [await TestRegistry.open(), await TestRegistry.open()];
    for (const file of files) onTestFinished(() => file.remove());
    const [first, second] = files;
    const [a, b] = [await first!.enrolled("a"), await first!.enrolled("b")];
    for (const { bytes } of [a, b]) await second!.registry.adopt(bytes);
    await second!.registry.void(a.lct, "burnt");
    await first!.registry.void(b.lct, "stolen");
    for (const file of files) await file.store.close();
    await registry(first!.path);
    const { standing, operator } = await registry(second!.path);
    for (const { lct, label } of [a, b]) {
      expect(standing.finalState(packName(label))).toBe("void");
      const known = await operator.standing(lct);
      expect(known?.state).toBe("void");
      expect(known?.statements.map((it) => said(it).state)).toEqual(["active", "void"]);
      expect(known?.since).toBe(said(known!.statements[1]!).since);
    }
  });
});
