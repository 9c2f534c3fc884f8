import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromBase64, type Logger, silentLogger } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { verifyCosignature } from "@wattseal/tlog";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestClock, type TestPack, WITNESS } from "../fleet.fixture.js";
import type { HttpServer } from "../http/server.js";
import { bench, pack } from "../worker/bench.fixture.js";
import { Metrics } from "./metrics.js";
import { ROUTES } from "./routes.js";
import * as form from "./schemas.js";
import { serveQueries } from "./server.js";

const TOKEN = "t".repeat(43);
const KEY = { authorization: `Bearer ${TOKEN}` };

let at: Awaited<ReturnType<typeof bench>>;
let server: HttpServer;
let known: TestPack;
const errors: string[] = [];
const logger: Logger = { ...silentLogger, error: (event) => void errors.push(event) };
const where = { host: "127.0.0.1", port: 0 };

beforeEach(async () => {
  errors.length = 0;
  const metrics: Metrics = new Metrics({
    stats: () => at.worker.stats,
    storeBytes: () => at.store.bytes(),
  });
  at = await bench(undefined, undefined, { committed: (ms) => metrics.committed(ms) });
  known = pack(600);
  await at.give(known, "batch", known.batch(0, 300));
  await at.give(known, "batch", known.batch(300));
  const queried = {
    store: at.store,
    fleet: "test",
    witness: "vkey",
    stats: () => at.worker.stats,
    metrics,
  };
  const setting = { listen: where, token: TOKEN };
  server = await serveQueries(setting, queried, { clock: new TestClock(), logger });
});
afterEach(async () => {
  await server.close();
  await at.worker.stop();
  expect(errors).toEqual([]);
});

const raw = (path: string, headers: Record<string, string> = KEY) =>
  fetch(`${server.url}${path}`, { headers });
async function ask(path: string, headers?: Record<string, string>) {
  const response = await raw(path, headers);
  const body: unknown = await response.json().catch(() => undefined);
  return { status: response.status, body, headers: response.headers };
}
const path = (rest: string) => `/v1/packs/${known.name}${rest}`;

describe("the query API", () => {
  it("tells of packs, their entries byte for byte, and their receipts", async () => {
    const line = { pack: known.name, entries: 600, witnessed: 600 };
    expect((await ask("/v1/packs")).body).toEqual({ packs: [line] });
    expect((await ask(path(""))).body).toEqual(line);
    expect((await ask(`/v1/packs?limit=1&after=${known.name}`)).body).toEqual({ packs: [] });
    const leaves: Uint8Array[] = [];
    for (let from: unknown = 0; typeof from === "number"; ) {
      const { body } = await ask(path(`/entries?from=${from}&limit=256`));
      const { entries, next } = form.entries.parse(body);
      for (const { leaf, index, type, time } of entries) {
        const bytes = fromBase64(leaf);
        expect({ index, type, time }).toEqual({
          index: leaves.length,
          type: decodeEntry(bytes).type,
          time: decodeEntry(bytes).timeMs,
        });
        leaves.push(bytes);
      }
      from = next;
    }
    expect(leaves).toEqual(known.leaves);
    const one = await raw(path("/entries/17"));
    expect(one.headers.get("content-type")).toBe("application/cbor");
    expect(new Uint8Array(await one.arrayBuffer())).toEqual(known.leaves[17]);
    const { receipts } = form.receipts.parse((await ask(path("/receipts"))).body);
    const { checkpoint } = verifyCosignature(receipts[0]?.text ?? "", {
      ...WITNESS,
      origin: known.origin,
    });
    expect(checkpoint).toMatchObject({ size: 600, root: known.root() });
    expect((await ask("/v1/fleet")).body).toMatchObject({ packs: 1, entries: 600, witnessed: 600 });
  });

  it("answers nobody without the token, but that it is there", async () => {
    for (const headers of [
      {},
      { authorization: `Bearer ${"u".repeat(43)}` },
      { authorization: TOKEN },
    ]) {
      for (const { path: template, needsToken } of ROUTES) {
        const { status, body } = await ask(template.replace("{pack}", known.name), { ...headers });
        expect(status, template).toBe(needsToken === false ? 200 : 401);
        if (needsToken !== false) expect(body).toMatchObject({ code: "token" });
      }
    }
  });

  it("says no in problem details that name the reason", async () => {
    const refusals = [
      ["/v1/nothing", 404, "not-found"],
      [`/v1/packs/${"b".repeat(32)}`, 404, "pack"],
      ["/v1/packs/short/entries", 404, "pack"],
      [path("/entries/600"), 404, "entry"],
      [path("/entries/-1"), 404, "entry"],
      [path("/entries?limit=257"), 400, "malformed"],
      [path("/entries?from=1.5"), 400, "malformed"],
      [path("/entries?form=1"), 400, "malformed"],
    ] as const;
    for (const [wrong, wanted, code] of refusals) {
      const { status, body, headers } = await ask(wrong);
      expect(body, wrong).toMatchObject({ status: wanted, code });
      expect(status).toBe(wanted);
      expect(headers.get("content-type")).toBe("application/problem+json");
    }
    const posted = await fetch(`${server.url}/v1/packs`, { method: "POST", headers: KEY });
    expect(posted.status).toBe(405);
  });

  it("listens in clear to this machine alone, and with a token that nobody guesses", async () => {
    const queried = { store: at.store, fleet: "test", witness: "", stats: () => at.worker.stats };
    const metrics = new Metrics({ stats: queried.stats, storeBytes: async () => 0 });
    const serve = (host: string, token: string) =>
      serveQueries(
        { listen: { host, port: 0 }, token },
        { ...queried, metrics },
        { clock: new TestClock(), logger },
      );
    await expect(serve("0.0.0.0", TOKEN)).rejects.toMatchObject({ code: "listen" });
    await expect(serve("127.0.0.1", "short")).rejects.toMatchObject({ code: "configuration" });
  });
});

describe("docs/federation-api.md", () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`../../../../docs/${name}`, import.meta.url));

  it("describes what GET /openapi.json gives", async () => {
    const written: unknown = JSON.parse(readFileSync(file("federation-api.openapi.json"), "utf8"));
    expect((await ask("/openapi.json", {})).body).toEqual(written);
  });

  it("names operations that answer, each as described", async () => {
    for (const { path: template, response } of ROUTES) {
      if (response === "cbor" || "media" in response) continue;
      const { body, status } = await ask(template.replace("{pack}", known.name));
      expect(status, template).toBe(200);
      expect(response.safeParse(body).error, template).toBeUndefined();
    }
  });

  it("names every operation and every metric that is served, and no other", async () => {
    const page = readFileSync(file("federation-api.md"), "utf8");
    for (const { path: template } of ROUTES) expect(page).toContain(`\`${template}\``);
    const text = await (await raw("/metrics")).text();
    const served = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const documented = [...page.matchAll(/`(wattseal_federation_\w+)/g)].map(([, name]) => name);
    expect(served.length).toBeGreaterThan(10);
    expect([...new Set(documented)].sort()).toEqual(served.sort());
  });
});

it("counts what the worker did, for Prometheus", async () => {
  await at.give(known, "batch", new Uint8Array([1]));
  const lines = (await (await raw("/metrics")).text()).split("\n");
  const bytes = await at.store.bytes();
  for (const line of [
    'wattseal_federation_messages_total{channel="batch"} 3',
    'wattseal_federation_refused_total{reason="malformed"} 1',
    "wattseal_federation_receipts_total 2",
    "wattseal_federation_packs 1",
    "wattseal_federation_entries 600",
    "wattseal_federation_held_messages 0",
    "wattseal_federation_commit_seconds_count 2",
    `wattseal_federation_store_bytes ${bytes}`,
  ]) {
    expect(lines).toContain(line);
  }
});
