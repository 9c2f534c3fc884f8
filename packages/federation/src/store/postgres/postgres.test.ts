import { packName } from "@wattseal/uplink";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  GUARDED,
  PASSWORD,
  PostgresServer,
  postgresMissing,
} from "../../../../../scripts/lib/postgres.mjs";
import { A, B, growth } from "../growth.fixture.js";
import { Database } from "./database.js";
import { migrate } from "./migrate.js";
import { MIGRATIONS } from "./migrations.js";
import { PostgresStore } from "./postgres.js";
import { postgresTarget } from "./target.js";

const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(`PostgresStore and its server${without}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 120_000);
  afterAll(() => server.close(), 60_000);

  async function opened(url: string, password?: string) {
    const store = await PostgresStore.open({
      url,
      ...(password === undefined ? {} : { password }),
    });
    onTestFinished(() => store.close());
    return store;
  }
  async function database(url: string) {
    const it = new Database(postgresTarget(url), undefined);
    onTestFinished(() => it.close());
    return it;
  }
  const versions = (url: string) =>
    server.query(url, "SELECT version FROM wattseal.version ORDER BY version");

  it("is there again after closing, for whoever opens it", async () => {
    const url = await server.createDatabase();
    const store = await opened(url);
    await store.commit([growth(0, 5)]);
    await store.close();
    await store.close();
    await expect(store.packs()).rejects.toMatchObject({ code: "store-closed" });
    expect((await (await opened(url)).pack(A))?.size).toBe(5);
  });

  it("spreads the packs' leaves over its partitions", async () => {
    const url = await server.createDatabase();
    const store = await opened(url);
    const names = [..."abcdefghij234567"].map((letter) => packName(letter.repeat(32)));
    await store.commit(names.map((pack) => growth(0, 2, { pack })));
    const [row] = await server.query(
      url,
      "SELECT count(*)::integer AS n FROM pg_inherits WHERE inhparent = 'wattseal.bundle'::regclass",
    );
    expect(row).toEqual({ n: 16 });
    const [used] = await server.query(
      url,
      "SELECT count(DISTINCT tableoid)::integer AS n FROM wattseal.bundle",
    );
    expect(used?.["n"]).toBeGreaterThan(4);
  });

  describe("its tables", () => {
    const all = (count: number) => Array.from({ length: count }, (_, i) => ({ version: i + 1 }));

    it("are made once, however many workers start at once", async () => {
      const url = await server.createDatabase();
      await Promise.all(Array.from({ length: 6 }, () => opened(url)));
      expect(await versions(url)).toEqual(all(MIGRATIONS.length));
    });

    it("of a newer program are refused, and left as they are", async () => {
      const url = await server.createDatabase();
      await opened(url);
      await server.query(url, "INSERT INTO wattseal.version (version) VALUES (99)");
      const refused = expect(PostgresStore.open({ url })).rejects;
      await refused.toMatchObject({ code: "store-version", kind: "usage" });
      await refused.toThrow("version 99");
    });

    it("are brought up step by step, and a step that fails leaves what was before it", async () => {
      const url = await server.createDatabase();
      const it = await database(url);
      const next = "CREATE TABLE wattseal.later (x integer)";
      const broken = "CREATE TABLE wattseal.half (x integer); SELECT 1 / 0";
      await migrate(it, MIGRATIONS);
      await expect(migrate(it, [...MIGRATIONS, next, broken])).rejects.toThrow("division by zero");
      expect(await versions(url)).toEqual(all(MIGRATIONS.length + 1));
      const [row] = await it.all(
        "SELECT to_regclass('wattseal.later') IS NOT NULL AS later, to_regclass('wattseal.half') IS NULL AS half",
      );
      expect(row).toEqual(
        new Map([
          ["later", true],
          ["half", true],
        ]),
      );
      await migrate(it, [...MIGRATIONS, next, "CREATE TABLE wattseal.half (x integer)"]);
      expect(await versions(url)).toEqual(all(MIGRATIONS.length + 2));
    });
  });

  describe("says what is wrong, and the cure, when", () => {
    it("no server answers", async () => {
      const url = `postgres://fleet@/store?host=${server.folder}/nowhere`;
      const refused = expect(PostgresStore.open({ url })).rejects;
      await refused.toMatchObject({ code: "store-unreachable", kind: "hardware" });
      await refused.toThrow("Is it running");
    });

    it("there is no such database", async () => {
      const refused = expect(PostgresStore.open({ url: server.url("nowhere") })).rejects;
      await refused.toMatchObject({ code: "store-access", kind: "usage" });
      await refused.toThrow("createdb --owner=wattseal nowhere");
    });

    it.each([
      ["no password", undefined],
      ["another password", "not this one"],
    ])("%s is given where the server wants one", async (_title, password) => {
      const url = (await server.createDatabase(GUARDED)).replace("wattseal@", `${GUARDED}@`);
      const refused = expect(
        PostgresStore.open({ url, ...(password === undefined ? {} : { password }) }),
      ).rejects;
      await refused.toMatchObject({ code: "store-access" });
      await refused.toThrow("store.passwordFile");
      const store = await opened(url, PASSWORD);
      expect(await store.packs()).toEqual([]);
    });

    it("its role may make no tables, or write none", async () => {
      const url = await server.createDatabase();
      const guarded = url.replace("wattseal@", `${GUARDED}@`);
      const refused = expect(PostgresStore.open({ url: guarded, password: PASSWORD })).rejects;
      await refused.toMatchObject({ code: "store-access" });
      await refused.toThrow("ALTER DATABASE");
      await opened(url);
      await server.query(
        url,
        `GRANT USAGE ON SCHEMA wattseal TO ${GUARDED}; GRANT SELECT ON ALL TABLES IN SCHEMA wattseal TO ${GUARDED}`,
      );
      const reader = await opened(guarded, PASSWORD);
      expect(await reader.packs()).toEqual([]);
      await expect(reader.commit([growth(0, 5)])).rejects.toMatchObject({ code: "store-access" });
    });

    it("the database cannot hold every character", async () => {
      await server.query(
        "postgres",
        "CREATE DATABASE latin OWNER wattseal ENCODING 'LATIN1' TEMPLATE template0",
      );
      const refused = expect(PostgresStore.open({ url: server.url("latin") })).rejects;
      await refused.toMatchObject({ code: "configuration" });
      await refused.toThrow("--encoding=UTF8");
    });

    it("the server does not sync what it acknowledges", { timeout: 400_000 }, async () => {
      const careless = await PostgresServer.start({ settings: ["fsync=off"] });
      onTestFinished(() => careless.close());
      const url = await careless.createDatabase();
      const refused = expect(PostgresStore.open({ url })).rejects;
      await refused.toMatchObject({ code: "configuration" });
      await refused.toThrow("fsync off");
    });
  });

  it("has the server end the transaction of a worker that vanished, whose packs wait for it", async () => {
    const it = await database(await server.createDatabase());
    const name = "idle_in_transaction_session_timeout";
    const [row] = await it.all("SELECT setting::integer FROM pg_settings WHERE name = $1", [name]);
    const ms = row?.get("setting");
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(120_000); // as long as a worker waits for an answer
  });

  it("waits for the disk, though the role's own setting does not", async () => {
    const url = await server.createDatabase();
    await server.query(
      url,
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
    );
    const it = await database(url);
    const [row] = await it.all("SELECT current_setting('synchronous_commit') AS value");
    expect(row?.get("value")).toBe("on");
  });

  describe("when a connection is lost", () => {
    it("while nobody uses it, the next question gets another", async () => {
      const url = await server.createDatabase();
      const store = await opened(url);
      await store.commit([growth(0, 5)]);
      await server.query(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'wattseal'",
      );
      expect((await store.pack(A))?.size).toBe(5);
      expect(await store.commit([growth(5, 6)])).toEqual(["stored"]);
    });

    it("before the commit was asked for, the transaction is done again, whole", async () => {
      const it = await database(await server.createDatabase());
      await it.transaction((session) => session.run("CREATE TABLE t (x integer)"));
      let attempts = 0;
      await it.transaction(async (session) => {
        attempts += 1;
        await session.run("INSERT INTO t VALUES ($1)", [attempts]);
        if (attempts < 3) await session.run("SELECT pg_terminate_backend(pg_backend_pid())");
      });
      expect(await it.all("SELECT x FROM t")).toEqual([new Map([["x", 3]])]);
    });

    it("while it commits, nothing is repeated: it may be stored", async () => {
      const it = await database(await server.createDatabase());
      await it.transaction((session) =>
        session.run(`
          CREATE TABLE t (x integer);
          CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
          CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die()`),
      );
      let attempts = 0;
      const lost = it.transaction(async (session) => {
        attempts += 1;
        await session.run("INSERT INTO t VALUES (1)");
      });
      await expect(lost).rejects.toMatchObject({ code: "store-unreachable" });
      expect(attempts).toBe(1);
      expect(await it.all("SELECT x FROM t")).toEqual([]);
    });
  });

  it.each([
    ["serialization_failure", "40001"],
    ["deadlock_detected", "40P01"],
  ])("does a transaction again after %s, and gives up in the end", async (_name, state) => {
    const it = await database(await server.createDatabase());
    const failing = (times: number) => {
      let attempts = 0;
      return it.transaction(async (session) => {
        attempts += 1;
        if (attempts > times) return attempts;
        await session.run(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '${state}'; END $$`);
        return 0;
      });
    };
    expect(await failing(2)).toBe(3);
    await expect(failing(99)).rejects.toMatchObject({ code: "store-failed" });
  });

  it("stores nothing of a group that does not fit on the disk, and all of it later", async () => {
    const url = await server.createDatabase();
    const store = await opened(url);
    await server.query(
      url,
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
       CREATE TRIGGER full_disk BEFORE INSERT ON wattseal.head FOR EACH ROW WHEN (new.size = 5)
         EXECUTE FUNCTION full_disk()`,
    );
    const group = [growth(0, 3, { pack: B }), growth(0, 5)];
    const failed = expect(store.commit(group)).rejects;
    await failed.toMatchObject({ code: "store-failed", kind: "hardware" });
    await failed.toThrow("no disk space");
    expect(await store.packs()).toEqual([]);
    await server.query(url, "DROP TRIGGER full_disk ON wattseal.head");
    expect(await store.commit(group)).toEqual(["stored", "stored"]);
  });

  it("is used again when a killed server is back, with all that was acknowledged", {
    timeout: 400_000,
  }, async () => {
    const own = await PostgresServer.start();
    onTestFinished(() => own.close());
    const store = await opened(await own.createDatabase());
    await store.commit([growth(0, 5)]);
    await own.kill();
    await expect(store.commit([growth(5, 6)])).rejects.toMatchObject({ code: "store-unreachable" });
    await own.up();
    expect(await store.leaves(A, 0, 9)).toHaveLength(5);
    expect(await store.commit([growth(5, 6)])).toEqual(["stored"]);
  });
});
