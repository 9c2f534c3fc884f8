import { chmodSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { toHex } from "@wattseal/base";
import { PostgresStore, readStoredLog } from "@wattseal/federation";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, onTestFinished } from "vitest";
import { GUARDED, PASSWORD, PostgresServer, postgresMissing } from "../scripts/lib/postgres.mjs";
import { demoState, type LogLine, Role, temporaryFolder, wattseal } from "./support/program.js";

const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;
const named = (name: string) => (line: LogLine) => line.msg === name;

async function startServer() {
  const server = await PostgresServer.start();
  onTestFinished(() => server.close());
  return server;
}

/** A demonstration's state folder. */
async function demonstration(): Promise<string> {
  const state = `${await temporaryFolder()}/state`;
  await demoState(state, "--modules", "2");
  return state;
}

/** Gives its federation this for a store. */
async function configure(state: string, store: Readonly<Record<string, string>>): Promise<void> {
  const path = `${state}/federation/federation.toml`;
  let text = await readFile(path, "utf8");
  for (const [key, value] of Object.entries(store)) {
    const [before = "", after = ""] = text.split("[store]\n");
    const changed = after.replace(new RegExp(`^${key} = .*$`, "m"), () => `${key} = "${value}"`);
    text = `${before}[store]\n${changed}`;
  }
  await writeFile(path, text);
}

describe.skipIf(missing !== undefined)(`wattseal federation with PostgreSQL${without}`, () => {
  it("has the gateway's log in it, byte for byte, through a kill of the database", async () => {
    const server = await startServer();
    const database = await server.createDatabase(GUARDED);
    const url = database.replace("wattseal@", `${GUARDED}@`);
    const state = await demonstration();
    await configure(state, { url, passwordFile: "database.password" });
    const password = `${state}/federation/database.password`;
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const running = await federation.line(named("federation.running"));
    const simulator = new Role(["sim", "--state", state, "--speed", "240"]);
    await simulator.line(named("sim.running"));
    const broker = String(running["broker"]);
    const gateway = new Role([
      ...["gateway", "--state", state, "--broker", broker],
      ...["--log-level", "debug"],
    ]);
    const durable = async (count: number) => {
      for (let i = 0; i < count; i += 1) {
        await gateway.line(named("ledger.durable"), gateway.lines.length);
      }
    };
    await federation.line(named("federation.pack-contact"));
    await durable(3);
    await server.kill();
    await federation.line(named("federation.store-failed"));
    await server.up();
    // The worker waits ever longer between its attempts: until it stores again, a gateway would stop in vain.
    const sizeNow = async () =>
      (await server.query(database, "SELECT sum(size)::float8 AS n FROM wattseal.pack"))[0]?.["n"];
    const before = await sizeNow();
    while ((await sizeNow()) === before) await durable(1);
    expect(await gateway.stop()).toBe(0);
    await simulator.stop();
    expect(await federation.stop()).toBe(0);

    const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
    const store = await PostgresStore.open({ url, password: PASSWORD });
    onTestFinished(() => store.close());
    const [pack] = await store.packs();
    const stored: Uint8Array[] = [];
    if (pack !== undefined) {
      for await (const leaf of readStoredLog(store, pack.pack)) stored.push(leaf);
    }
    expect(toHex(Buffer.concat(stored))).toBe(toHex(Buffer.concat([...log.entries()])));
    expect(pack?.receipt?.size).toBe(log.durableSize);
    const said = JSON.stringify(federation.lines);
    expect(said).not.toContain(PASSWORD);
  });

  it("that it cannot use says why, and what to do, and ends", async () => {
    const server = await startServer();
    const url = await server.createDatabase();
    const guarded = url.replace("wattseal@", `${GUARDED}@`);
    const state = await demonstration();
    const ended = async (store: Readonly<Record<string, string>>, password?: string) => {
      await configure(state, { passwordFile: "", ...store });
      if (password !== undefined) {
        const path = `${state}/federation/${store["passwordFile"]}`;
        writeFileSync(path, password);
        chmodSync(path, password === PASSWORD ? 0o644 : 0o600);
      }
      return wattseal(["federation", "--state", state, "--port", "0"]);
    };
    const away = await ended({ url: `postgres://wattseal@/x?host=${server.folder}/away` });
    expect(away).toMatchObject({ status: 3 });
    expect(away.stderr).toContain("does not answer");
    const nowhere = await ended({ url: server.url("nowhere") });
    expect(nowhere).toMatchObject({ status: 2 });
    expect(nowhere.stderr).toContain("createdb --owner=wattseal nowhere");
    const inToml = await ended({ url: "postgres://wattseal:hunter2@/x?host=/tmp" });
    expect(inToml).toMatchObject({ status: 2 });
    expect(inToml.stderr).toContain("without a password");
    expect(inToml.stderr).not.toContain("hunter2");
    const wrong = await ended({ url: guarded, passwordFile: "pw" }, "hunter2");
    expect(wrong).toMatchObject({ status: 2 });
    expect(wrong.stderr).toContain(`does not let ${GUARDED} into`);
    expect(wrong.stderr).not.toContain("hunter2");
    const open = await ended({ url: guarded, passwordFile: "pw" }, PASSWORD);
    expect(open).toMatchObject({ status: 2 });
    expect(open.stderr).toContain("chmod 600");
    await (await PostgresStore.open({ url })).close();
    await server.query(url, "INSERT INTO wattseal.version (version) VALUES (99)");
    const newer = await ended({ url });
    expect(newer).toMatchObject({ status: 2 });
    expect(newer.stderr).toContain("Update this program");
  });
});
