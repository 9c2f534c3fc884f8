// Recovery that is killed with -9 again and again ends with what an undisturbed one ends with.
import { cp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { toHex } from "@wattseal/base";
import { openStore, readStoredLog, type StoreOptions } from "@wattseal/federation";
import { LogStore } from "@wattseal/tlog/store";
import { packName } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { accessOf } from "../scripts/lib/deploy/state.mjs";
import { PostgresServer, postgresMissing } from "../scripts/lib/postgres.mjs";
import { Board, statusOnce } from "./support/board.js";
import { Cutter, type Step, wayToRegistry } from "./support/cut.js";
import { cluster, missingFor } from "./support/deployment.js";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

// Many processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

async function entriesIn(directory: string): Promise<string> {
  const log = await LogStore.openReadOnly({ directory });
  return toHex(Buffer.concat([...log.entries()]));
}

async function expectStored(options: StoreOptions, pack: string, log: string): Promise<void> {
  const store = await openStore(options);
  try {
    const stored: Uint8Array[] = [];
    for await (const leaf of readStoredLog(store, packName(pack))) stored.push(leaf);
    expect(toHex(Buffer.concat(stored))).toBe(await entriesIn(log));
    expect((await store.pack(packName(pack)))?.receipt?.size).toBe(stored.length);
  } finally {
    await store.close();
  }
}

/** What a restore does for good, in its order. Its answers from the federation come first. */
const RESTORING: readonly Step[] = [
  { http: "GET" },
  { file: /^rename checkpoint$/ }, // the copy's head
  { file: /^rename restored$/ },
  { file: /^rename orders$/ },
  { file: /^rename log\.before-restore-1$/ },
  { file: /^rename log$/ },
];
const OBEYED = `${"5a".repeat(16)} 1760000000000`;

it("a restore killed after each thing that it does for good leaves no log to be begun anew, and ends with the whole one", async () => {
  const board = await Board.software();
  const { state } = board;
  const [log, signer] = [`${state}/gateway/log`, `${state}/gateway/signer`];
  await board.simulate();
  const { from } = await board.queried();
  const first = await board.running();
  await statusOnce(state, ({ log: { checkpoints, entries } }) => checkpoints > 0 && entries > 12);
  expect(await first.stop()).toBe(0);
  const whole = await entriesIn(log);
  // Damaged, under a signer that knows nothing, with an order that no entry tells of.
  await truncate(`${log}/journal`, 20);
  await writeFile(`${log}/orders`, `size 900\nfloor 0\nisolated 0\n${OBEYED}\n`);
  for (const name of await readdir(signer)) {
    if (name.startsWith("epoch-")) await rm(`${signer}/${name}`);
  }

  const cutter = new Cutter();
  const [, url = "", ...token] = from;
  const way = ["--from", await wayToRegistry(url, cutter.isCut), ...token];
  const restore = ["ledger", "restore", "--state", state, "--json", "--nothing-newer", ...way];
  for (const step of RESTORING) {
    await cutter.killed(restore, step);
    if ((await readdir(`${state}/gateway`)).includes("log")) continue;
    const begun = board.gateway();
    expect(await begun.ended).toBe(2);
    expect(begun.lines.at(-1)?.msg).toContain("wattseal ledger restore");
  }
  const { status, stdout, stderr } = await wattseal(restore);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "verified", signer: "word" });
  expect(await entriesIn(log)).toBe(whole);
  const left = (await readdir(`${state}/gateway`)).filter((name) => name.startsWith("log"));
  expect(left.sort()).toEqual(["log", "log.before-restore-1"]);

  const gateway = await board.running();
  await statusOnce(state, (now) => now.log.checkpoints > 0 && now.log.witnessed >= now.log.entries);
  expect(await gateway.stop()).toBe(0);
  const trust = ["--trust", `${state}/gateway/trust.json`];
  const audit = await wattseal(["ledger", "audit", log, ...trust, "--json"]);
  expect(JSON.parse(audit.stdout)).toMatchObject({ verdict: "verified" });
  expect((await entriesIn(log)).startsWith(whole)).toBe(true);
  expect(await readFile(`${log}/orders`, "latin1")).toContain(OBEYED);
});

/** Packs without a bus, in their folders under `state`. */
async function lightPacks(packs: number) {
  const state = `${await temporaryFolder()}/state`;
  await demoState(state);
  const fleet = ["sim", "fleet", "--state", state, "--packs", `${packs}`, "--json"];
  const { stdout } = await wattseal([...fleet, "--names"]);
  const names: readonly string[] = JSON.parse(stdout);
  const folders = names.map((_, i) => `${state}/fleet/${`${i + 1}`.padStart(4, "0")}`);
  return { state, fleet, names, folders, log: (i: number) => `${folders[i]}/gateway/log` };
}

it("a rebuild killed in the middle of what it stores goes on from there, in the embedded store", async () => {
  const { state, fleet, names, log } = await lightPacks(1);
  const alone = ["--broker", "mqtt://127.0.0.1:1", "--drain", "1ms", "--for", "1s"];
  expect((await wattseal([...fleet, ...alone, "--rate", "2000"])).status).toBe(1);
  const copy = ["--from", log(0), "--no-wait", "--port", "0"];
  const rebuild = ["federation", "rebuild", "--state", state, "--json", ...copy];
  const cutter = new Cutter();
  for (const sync of [1, 3, 5]) await cutter.killed(rebuild, { sync });
  const { status, stdout, stderr } = await wattseal(rebuild);
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ complete: true, packs: [{ pack: names[0] }] });
  const directory = `${state}/federation/store`;
  await expectStored({ kind: "embedded", directory }, names[0] ?? "", log(0));
});

const missing = postgresMissing();
const skipped = missing === undefined ? missingFor("cluster") : ` (skipped: ${missing})`;

describe.skipIf(skipped !== "")(`over a NATS cluster, with PostgreSQL${skipped}`, () => {
  it("a rebuild killed before it knows what was stored, and then a restore killed, lose and double nothing", async () => {
    const { state, fleet, names, folders, log } = await lightPacks(2);
    const { broker, certificates, folder } = await cluster({ packs: names });
    for (const name of names) certificates.of(name);
    const at = ["--broker", broker.nodes[0]!.mqttUrl, "--certificates", `${folder}/certificates`];
    const send = [...fleet, ...at, "--drain", "5m"];
    const server = await PostgresServer.start();
    onTestFinished(() => server.close());
    const url = await server.createDatabase();
    await writeFile(`${state}/query.token`, "a".repeat(64), { mode: 0o600 });
    const env = {
      WATTSEAL_BROKER_URL: broker.url,
      ...accessOf("BROKER", certificates.authority, "federation"),
      WATTSEAL_STORE_URL: url,
      WATTSEAL_QUERY_LISTEN: "127.0.0.1:0",
      WATTSEAL_QUERY_TOKENFILE: `${state}/query.token`,
    };
    const nowhere = ["--broker", "mqtt://127.0.0.1:1", "--drain", "1ms", "--for", "1s"];
    expect((await wattseal([...fleet, ...nowhere, "--rate", "2000"])).status).toBe(1);

    // One log is in a copy, and both are with their packs.
    const copy = `${state}/copy`;
    await cp(log(0), copy, { recursive: true });
    const cutter = new Cutter();
    const rebuild = ["federation", "rebuild", "--state", state, "--json"];
    const copied = [...rebuild, "--from", copy, "--no-wait"];
    await cutter.killed(copied, { commit: 1 }, { env });
    expect((await wattseal(copied, { env })).status).toBe(0);
    const sending = new Role([...send, "--rate", "20"]);
    const asked = [...rebuild, "--wait", "30m"];
    for (const commit of [1, 2]) await cutter.killed(asked, { commit }, { env });
    const rebuilding = new Role(asked, env);
    onTestFinished(() => rebuilding.kill());
    await rebuilding.line(({ msg }) => msg === "federation.started");
    expect(await sending.stop()).toBe(0); // it ends when all of it has its receipts
    expect(await rebuilding.stop()).toBe(0);
    const store = { kind: "postgres", url } as const;
    for (const [i, name] of names.entries()) await expectStored(store, name, log(i));

    const federation = new Role(["federation", "--state", state], env);
    const { queries } = await federation.line(({ msg }) => msg === "federation.running");
    const whole = await entriesIn(log(1));
    await rm(log(1), { recursive: true });
    await cp(`${state}/gateway/gateway.toml`, `${folders[1]}/gateway/gateway.toml`);
    const way = await wayToRegistry(String(queries), cutter.isCut);
    const from = ["--from", way, "--token", `${state}/query.token`];
    const restore = ["ledger", "restore", "--state", folders[1] ?? "", "--json", ...from];
    for (const step of [{ http: "GET" }, { file: /^rename checkpoint$/ }] as const) {
      await cutter.killed(restore, step);
    }
    const restored = await wattseal(restore);
    expect(restored.status, restored.stderr).toBe(0);
    expect(JSON.parse(restored.stdout)).toMatchObject({ restored: true, signer: "state" });
    expect(await entriesIn(log(1))).toBe(whole);
    const again = await wattseal([...send, "--for", "1s", "--rate", "20"]);
    expect(again.status, again.stderr).toBe(0);
    expect(await federation.stop()).toBe(0);
    for (const [i, name] of names.entries()) await expectStored(store, name, log(i));
  });
});
