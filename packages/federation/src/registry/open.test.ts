import { join } from "node:path";
import { silentLogger, utf8 } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { expect, it } from "vitest";
import {
  AUTHORITY,
  seededEntropy,
  TestClock,
  TestPack,
  temporaryDirectory,
} from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { bench, pack } from "../worker/bench.fixture.js";
import { RegistryOperator } from "./client.js";
import { openRegistry } from "./open.js";
import { said } from "./registry.fixture.js";

function opened(directory: string, logs: MemoryStore, authorityKeys = [AUTHORITY.publicKey]) {
  const socket = join(directory, "registry.sock");
  const setting = { directory, authority: AUTHORITY, roots: [], updateKeys: [], socket } as const;
  const entropy = seededEntropy("registry");
  const clock = new TestClock();
  const context = { authorityKeys, clock, steady: clock, entropy, logger: silentLogger };
  return openRegistry(setting, context, logs);
}

it("slashes at its start what a worker has proven without it, or died over", async () => {
  const directory = temporaryDirectory();
  const logs = new MemoryStore();
  const { give } = await bench(logs);
  const p = pack(10);
  const other = pack(10, "other");
  for (const one of [p, other]) await give(one, "batch", one.batch(0));
  await give(p, "epoch", new TestPack("pack", AUTHORITY, "second").evidence);
  for (let start = 0; start < 2; start += 1) {
    const registry = await opened(directory.path, logs);
    expect(registry.standing.finalState(p.name)).toBe("slashed");
    expect(registry.standing.finalState(other.name)).toBeUndefined();
    await registry.close();
  }
  directory.remove();
});

it("voids a pack that speaks here, whoever enrolled it, and none that does not", async () => {
  const directory = temporaryDirectory();
  const logs = new MemoryStore();
  const { give } = await bench(logs);
  const p = pack(10);
  await give(p, "batch", p.batch(0));
  const registry = await opened(directory.path, logs);
  const operator = new RegistryOperator(join(directory.path, "registry.sock"));
  await operator.void(p.document.lct, "stolen");
  expect(registry.standing.finalState(p.name)).toBe("void");
  const standing = await operator.standing(p.document.lct);
  expect(standing?.statements.map((it) => said(it).state)).toEqual(["active", "void"]);
  const unheard = new TestPack("unheard").document.lct;
  await expect(operator.void(unheard, "stolen")).rejects.toMatchObject({ problem: "lct" });
  await registry.close();
  directory.remove();
});

it("takes no LCT from the store that no accepted authority issued, to slash or to void it", async () => {
  const directory = temporaryDirectory();
  const logs = new MemoryStore();
  const writer = Ed25519SecretKey.generate(seededEntropy("writer"));
  const { give } = await bench(logs, new TestClock(), { authorityKeys: [writer.publicKey] });
  const p = new TestPack("invented", writer);
  await give(p, "batch", p.batch(0));
  await give(p, "epoch", new TestPack("invented", writer, "second").evidence);
  expect(await logs.forkedPacks()).toEqual([p.name]);
  const registry = await opened(directory.path, logs);
  const operator = new RegistryOperator(join(directory.path, "registry.sock"));
  const { lct } = p.document;
  expect(registry.standing.finalState(p.name)).toBeUndefined();
  await expect(operator.void(lct, "stolen")).rejects.toMatchObject({ problem: "lct" });
  expect(await operator.lcts()).toEqual([]);
  await registry.close();
  directory.remove();
});

it("slashes nobody for a root that was changed in the store, though the worker takes it for a fork", async () => {
  const directory = temporaryDirectory();
  const logs = new MemoryStore();
  const registry = await opened(directory.path, logs);
  const { give, errors } = await bench(logs, new TestClock(), { standing: registry.standing });
  const [p, other] = [pack(10), pack(10, "other")];
  for (const one of [p, other]) await give(one, "batch", one.batch(0));
  logs.head = async () => new Uint8Array(32);
  await give(p, "head", utf8(p.note()));
  expect(errors.map(({ event }) => event)).toEqual(["federation.fork"]);
  expect(registry.standing.finalState(p.name)).toBeUndefined();
  await give(other, "epoch", new TestPack("other", AUTHORITY, "second").evidence);
  expect(registry.standing.finalState(other.name)).toBe("slashed");
  await registry.close();
  directory.remove();
});

it("has a key that the federation accepts, or does not start", async () => {
  const directory = temporaryDirectory();
  const stranger = new TestPack("stranger").keyAt(2)!;
  await expect(opened(directory.path, new MemoryStore(), [stranger])).rejects.toMatchObject({
    code: "configuration",
  });
  directory.remove();
});
