import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { concatBytes, fromBase64, type Logger, silentLogger } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import {
  decodeBundle,
  Frontier,
  leafHash,
  rootOf,
  verifyCheckpoint,
  verifyCosignature,
} from "@wattseal/tlog";
import { decodeReceiptRecord, verifyProofFile } from "@wattseal/verifier";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AUTHORITY,
  RECEIPT_LOG,
  START,
  TestClock,
  type TestPack,
  WITNESS,
} from "../fleet.fixture.js";
import { History, MODULES } from "../folds/history.fixture.js";
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
    receiptLog: "log vkey",
    nextReceiptLog: "next log vkey",
    stats: () => at.worker.stats,
    metrics,
    missing: async () => undefined,
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
/** What an operation needs to be asked. */
const EXAMPLES: Readonly<Record<string, string>> = {
  getEnergy: "?from=0",
  getFleetEnergy: "?from=0&by=day",
  search: "?type=ops.clock",
};
const named = (template: string) =>
  template.replace("{pack}", known.name).replace("{index}", "3").replace("{tile+}", "0/000");
const path = (rest: string) => `/v1/packs/${known.name}${rest}`;

describe("the query API", () => {
  it("tells of packs, their entries byte for byte, and their receipts", async () => {
    const line = { pack: known.name, entries: 600, witnessed: 600 };
    expect((await ask("/v1/packs")).body).toEqual({ packs: [line] });
    expect((await ask(path(""))).body).toMatchObject({
      ...line,
      summed: 600,
      summary: { epochs: { software: 1 }, epoch: { epoch: 1, state: "software", entry: 1 } },
    });
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

  it("serves the log of its receipts: head, records, and tiles that are the head's tree", async () => {
    for (let i = 0; i < 299; i += 1) {
      const p = pack(2, `pack ${i}`);
      await at.give(p, "batch", p.batch(0));
    }
    expect((await ask("/v1/fleet")).body).toMatchObject({
      receiptLog: "log vkey",
      nextReceiptLog: "next log vkey",
    });
    const head = verifyCheckpoint(await (await raw("/v1/receipts/checkpoint")).text(), RECEIPT_LOG);
    expect(head.size).toBe(301);
    const bytesAt = async (tile: string) => {
      const response = await raw(`/v1/receipts/tile/${tile}`);
      expect(response.status, tile).toBe(200);
      return new Uint8Array(await response.arrayBuffer());
    };
    const records = [
      ...decodeBundle(await bytesAt("entries/000")),
      ...decodeBundle(await bytesAt("entries/001.p/45"), 45),
    ];
    const hashes = records.map((record) => leafHash(record));
    expect(rootOf(hashes)).toEqual(head.root);
    expect(String(await bytesAt("0/000"))).toBe(String(concatBytes(...hashes.slice(0, 256))));
    expect(String(await bytesAt("0/001.p/45"))).toBe(String(concatBytes(...hashes.slice(256))));
    expect(String(await bytesAt("1/000.p/1"))).toBe(String(rootOf(hashes.slice(0, 256))));
    for (const none of ["entries/001", "entries/002.p/1", "0/001", "1/000", "1/000.p/2", "9/000"]) {
      expect(await ask(`/v1/receipts/tile/${none}`)).toMatchObject({ status: 404 });
    }
    expect(decodeReceiptRecord(records[0]!).receipt).toContain(known.origin);
  });

  it("answers nobody without the token, but that it is there", async () => {
    for (const headers of [
      {},
      { authorization: `Bearer ${"u".repeat(43)}` },
      { authorization: TOKEN },
    ]) {
      for (const { path: template, needsToken } of ROUTES) {
        const { status, body } = await ask(named(template), { ...headers });
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
      [path("/entries/600/proof"), 404, "entry"],
      [path("/tile/0/002"), 404, "tile"],
      [path("/tile/0/002.p/89"), 404, "tile"],
      [path("/tile/0/2"), 404, "tile"],
      [path("/tile/1/000.p/3"), 404, "tile"],
      [path("/tile/9/000"), 404, "tile"],
      [path("/tile/0/000.p/256"), 404, "tile"],
      [path("/energy"), 400, "malformed"],
      [path("/energy?from=0&by=week"), 400, "malformed"],
      ["/v1/search", 400, "malformed"],
      ["/v1/search?type=ops.clock&after=x", 400, "malformed"],
      [path("/alarms?limit=101"), 400, "malformed"],
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
        { ...queried, metrics, missing: async () => undefined },
        { clock: new TestClock(), logger },
      );
    await expect(serve("0.0.0.0", TOKEN)).rejects.toMatchObject({ code: "listen" });
    await expect(serve("127.0.0.1", "short")).rejects.toMatchObject({ code: "configuration" });
  });
});

describe("proofs and tiles", () => {
  it("prove any entry offline, as wattseal verify takes it", async () => {
    known.beginEpoch();
    known.work(500);
    await at.give(known, "batch", known.batch(600));
    known.beginEpoch();
    known.work(3);
    await at.give(known, "batch", known.batch(1101));
    const { name, publicKey } = WITNESS;
    const authorities = [{ name: "authority", publicKey: AUTHORITY.publicKey }];
    const trust = { authorities, witnesses: [{ name, publicKeys: [publicKey] }], quorum: 1 };
    for (const index of [0, 1, 2, 255, 256, 511, 599, 600, 601, 1000, 1101, 1104]) {
      const response = await raw(path(`/entries/${index}/proof`));
      expect(response.status, `entry ${index}`).toBe(200);
      const proof = new Uint8Array(await response.arrayBuffer());
      const report = verifyProofFile(proof, trust);
      expect(report).toMatchObject({ index, verdict: "verified" });
    }
  });

  it("are refused, and said to come, while hashes are made again", async () => {
    at.store.forgetFolds();
    const { status, body } = await ask(path("/entries/3/proof"));
    expect({ status, body }).toMatchObject({ status: 503, body: { code: "folds" } });
    expect((await ask(path(""))).body).toMatchObject({ entries: 600, summed: 0 });
  });

  it("lie where C2SP tlog-tiles says, and give the checkpoint's root", async () => {
    const bytes = async (rest: string) => {
      const response = await raw(path(rest));
      expect(response.status, rest).toBe(200);
      return new Uint8Array(await response.arrayBuffer());
    };
    const frontier = new Frontier();
    const entries: Uint8Array[] = [];
    for (const [index, width] of [
      ["000", 256],
      ["001", 256],
      ["002.p/88", 88],
    ] as const) {
      const tile = await bytes(`/tile/0/${index}`);
      expect(tile.length).toBe(32 * width);
      for (let i = 0; i < width; i += 1) frontier.append(tile.slice(32 * i, 32 * (i + 1)));
      entries.push(...decodeBundle(await bytes(`/tile/entries/${index}`), width));
    }
    expect(entries).toEqual(known.leaves);
    const note = new TextDecoder().decode(await bytes("/checkpoint"));
    const { checkpoint } = verifyCosignature(note, { ...WITNESS, origin: known.origin });
    expect(checkpoint).toMatchObject({ size: 600, root: frontier.root() });
    const upper = await bytes("/tile/1/000.p/2");
    const hashes = known.leaves.map((leaf) => leafHash(leaf));
    expect(upper.slice(0, 32)).toEqual(rootOf(hashes.slice(0, 256)));
    expect(upper.slice(32)).toEqual(rootOf(hashes.slice(256, 512)));
  });
});

describe("sums and searches", () => {
  const MINUTE = 60_000;
  let first: History;
  let second: History;
  beforeEach(async () => {
    [first, second] = [new History("one"), new History("two")];
    for (const [i, history] of [first, second].entries()) {
      history.minute(MODULES[0]!, 1_000);
      history.window();
      history.pass(120);
      history.alarm("lost", 2 + i, MODULES[1]);
      history.clocks(400);
      history.alarm("tag-failure", 7);
      history.minute(MODULES[0]!, 30);
      history.window();
      await at.give(history.pack, "batch", history.pack.batch(0));
    }
  });
  const find = async (query: string) =>
    form.searched.parse((await ask(`/v1/search?${query}`)).body);

  it("tell energy by hour and by day, of a pack and of all", async () => {
    const of = async (where: string, by: string, more = "") => {
      const { body } = await ask(`${where}/energy?from=0&to=${START * 2}&by=${by}${more}`);
      return body;
    };
    const here = `/v1/packs/${first.pack.name}`;
    const none = { in: 0, out: 0 };
    const rest = { suspect: none, unauthenticated: none };
    const at0 = Math.floor((START + MINUTE - 1) / 3_600_000) * 3_600_000;
    const early = { start: at0, consistent: { in: 1_000, out: 0 }, gap: none, ...rest };
    const from = at0;
    const reached = await ask(`${here}/energy?from=${from}`);
    expect(reached.body).toMatchObject({
      by: "hour",
      sums: [early, { consistent: { in: 30, out: 0 } }],
    });
    expect((await ask(`/v1/energy?from=${from}`)).body).toMatchObject({
      sums: [{ start: at0, consistent: { in: 2_000 } }, { consistent: { in: 60 } }],
    });
    expect((await ask(`${here}/energy?from=${from + 1}&by=hour`)).body).toMatchObject({
      sums: [{ consistent: { in: 30 } }],
    });
    expect(await of(here, "hour")).toEqual({ by: "hour", sums: [] }); // a thousand hours from 1970 on
    const day = Math.floor(START / 86_400_000) * 86_400_000;
    const days = form.energy.parse((await ask(`${here}/energy?from=${day}&by=day`)).body);
    const sum = days.sums.reduce((total, it) => total + form.inOut.parse(it.consistent).in, 0);
    expect(sum).toBe(1_030);
  });

  it("find entries by type, module, pack and time, page by page", async () => {
    const clocks = [first, second].flatMap(({ pack }) =>
      pack.leaves.flatMap((leaf, index) =>
        decodeEntry(leaf).type === "ops.clock" ? [`${pack.name}:${index}`] : [],
      ),
    );
    const all: string[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const after: string = next === "" ? "" : `&after=${next}`;
      const page = await find(`type=ops.clock&limit=100${after}`);
      all.push(...page.entries.map(({ pack, index }) => `${pack}:${index}`));
      next = page.next;
    }
    expect(all.filter((it) => !it.startsWith(known.name))).toEqual(clocks);
    expect(all.length - clocks.length).toBe(598);
    const alarms = await find(`type=link.alarm&module=${MODULES[1]}`);
    expect(alarms.entries.map(({ pack, body }) => [pack, body])).toMatchObject([
      [first.pack.name, { alarm: "lost", count: 2 }],
      [second.pack.name, { alarm: "lost", count: 3 }],
    ]);
    const later = START + 60 * MINUTE;
    const one = `type=energy.interval&pack=${second.pack.name}`;
    const early = await find(`${one}&to=${later}`);
    expect(early.entries.map(({ body }) => body)).toMatchObject([{ in: 1_000 }]);
    const late = await find(`${one}&from=${later}`);
    expect(late.entries.map(({ body }) => body)).toMatchObject([{ in: 30 }]);
    expect((await find(`type=energy.interval&from=${later}`)).entries).toHaveLength(2);
    expect((await find(`${one}&from=${later}&to=${later}`)).entries).toEqual([]);
    expect(await find("module=ffffffffffffffff")).toEqual({ entries: [] });
  });

  it("tell alarms, the newest first, and the fleet's sums", async () => {
    const { body } = await ask(`/v1/packs/${first.pack.name}/alarms`);
    expect(body).toMatchObject({
      counts: { lost: 2, "tag-failure": 7 },
      newest: [{ body: { alarm: "tag-failure" } }, { body: { alarm: "lost" } }],
    });
    expect((await ask("/v1/fleet")).body).toMatchObject({
      packs: 3,
      epochs: { software: 3 },
      alarms: { lost: 5, "tag-failure": 14 },
      society: { net: first.society.net + second.society.net },
      entries: 600 + first.pack.size + second.pack.size,
      summed: 600 + first.pack.size + second.pack.size,
    });
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
    for (const { id, path: template, response } of ROUTES) {
      if (response === "cbor" || "media" in response) continue;
      const { body, status } = await ask(`${named(template)}${EXAMPLES[id] ?? ""}`);
      expect(status, template).toBe(200);
      expect(response.safeParse(body).error, template).toBeUndefined();
    }
  });

  it("names every operation and every metric that is served, and no other", async () => {
    const page = readFileSync(file("federation-api.md"), "utf8");
    for (const { path: template } of ROUTES) {
      expect(page).toContain(`\`${template.replace("+}", "}")}\``);
    }
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
