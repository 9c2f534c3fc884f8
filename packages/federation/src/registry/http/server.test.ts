import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { utf8 } from "@wattseal/base";
import { enrol, softwareApplicant } from "@wattseal/lct-keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededEntropy, temporaryDirectory } from "../../fleet.fixture.js";
import type { HttpServer } from "../../http/server.js";
import { RegistryClient, RegistryOperator } from "../client.js";
import { anchorOf, ISSUER, requestOf, said, TestRegistry } from "../registry.fixture.js";
import { ROUTES } from "./routes.js";
import { listenForAnyone, listenForOperator } from "./server.js";

let test: TestRegistry;
let server: HttpServer;
let operators: HttpServer;
let directory: ReturnType<typeof temporaryDirectory>;

beforeEach(async () => {
  test = await TestRegistry.open();
  directory = temporaryDirectory();
  const { registry, clock, logger } = test;
  const options = { registry, clock, logger };
  server = await listenForAnyone({ ...options, host: "127.0.0.1", port: 0 });
  const socket = join(directory.path, "registry.sock");
  operators = await listenForOperator({ ...options, socket });
});
afterEach(async () => {
  await server.close();
  await operators.close();
  await test.remove();
  directory.remove();
});

const wish = { kind: "pack", context: [], authorities: [ISSUER.publicKey] } as const;
const operator = () => new RegistryOperator(operators.url);
const client = (token?: string) =>
  new RegistryClient({ url: server.url, ...(token === undefined ? {} : { token }) });

async function ask(path: string, init: RequestInit = {}) {
  const response = await fetch(`${server.url}${path}`, init);
  const body: unknown = await response.json().catch(() => undefined);
  return { status: response.status, body, headers: response.headers };
}

const cbor = (body: Uint8Array, token = "x".repeat(43)): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/cbor", authorization: `Bearer ${token}` },
  body: Buffer.from(body),
});

describe("a registry over HTTP", () => {
  it("enrols whoever has a token, and tells anyone what it signed", async () => {
    const { token } = await operator().grant({ context: ["fleet test"], hours: 2 });
    const { document } = await enrol(softwareApplicant(anchorOf("pack")), client(token), wish);
    const standing = await client().standing(document.lct);
    expect(standing?.document).toEqual(document.bytes);
    expect(standing?.statements.map(said)).toMatchObject([{ state: "active" }]);
    await operator().void(document.lct, "the board is gone");
    expect((await client().standing(document.lct))?.statements.map(said)).toMatchObject([
      { state: "active" },
      { state: "void", reason: "the board is gone" },
    ]);
    expect(await operator().lcts()).toMatchObject([{ lct: document.lct, state: "void" }]);
    expect(await operator().tokens()).toMatchObject([{ spentOn: document.lct }]);
  });

  it("gives the document again where the answer to the activation was lost", async () => {
    const { token } = await operator().grant({});
    const reached = client(token);
    let lost = 0;
    const flaky = {
      request: (bytes: Uint8Array) => reached.request(bytes),
      activate: async (id: Uint8Array, bytes: Uint8Array) => {
        lost += (await reached.activate(id, bytes)).length > 0 ? 1 : 0;
        return reached.activate(id, bytes);
      },
    };
    const { document, status } = await enrol(softwareApplicant(anchorOf("pack")), flaky, wish);
    expect(lost).toBe(1);
    expect(said(status)).toMatchObject({ lct: document.lct, state: "active" });
    expect(await operator().lcts()).toHaveLength(1);
  });

  it("says no in problem details that name the reason", async () => {
    const { token } = await operator().grant({});
    const anchor = anchorOf("pack");
    const refusals = [
      [await ask("/v1/nothing"), 404, "not-found"],
      [await ask("/v1/enrolments"), 405, "method-not-allowed"],
      [await ask("/v1/lct/lct:pack:short"), 404, "lct"],
      [await ask(`/v1/lct/lct:pack:${"a".repeat(32)}`), 404, "lct"],
      [await ask("/v1/enrolments", { method: "POST", body: "{}" }), 401, "token"],
      [await ask("/v1/enrolments", cbor(requestOf(anchor))), 401, "token"],
      [await ask("/v1/enrolments", cbor(utf8("junk"), token)), 400, "malformed"],
      [await ask("/v1/enrolments", cbor(new Uint8Array(32_769), token)), 413, "too-long"],
      [
        await ask("/v1/enrolments", {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: "text",
        }),
        415,
        "media-type",
      ],
      [
        await ask(`/v1/enrolments/${"0".repeat(32)}`, { ...cbor(utf8("x"), token), method: "PUT" }),
        404,
        "enrolment",
      ],
    ] as const;
    for (const [{ status, body, headers }, wanted, code] of refusals) {
      expect(body).toMatchObject({ status: wanted, code });
      expect(status).toBe(wanted);
      expect(headers.get("content-type")).toBe("application/problem+json");
    }
  });

  it("has its operator's socket open to its owner alone", () => {
    expect(statSync(operators.url).mode & 0o777).toBe(0o600);
  });

  it("keeps what the operator orders off the public listener", async () => {
    for (const { method, path } of ROUTES.filter(({ audience }) => audience === "operator")) {
      const { status } = await ask(path.replace("{lct}", `lct:pack:${"a".repeat(32)}`), {
        method,
        ...(method === "GET" ? {} : { body: "{}" }),
      });
      // GET /v1/lct/{lct} is there for anyone, and nothing under it.
      expect([404, 405], `${method} ${path}`).toContain(status);
    }
    const { status } = await ask("/v1/tokens", { method: "POST", body: "{}" });
    expect(status).toBe(404);
  });

  it("answers a flood from one address with 429 and when to come again", async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask("/v1/healthz")));
    const late = answers.filter(({ status }) => status === 429);
    expect(answers.length - late.length).toBe(40);
    expect(late[0]?.headers.get("retry-after")).toBe("1");
    test.pass(60_000);
    expect((await ask("/v1/healthz")).body).toEqual({ status: "ok" });
  });

  it("never fails for what anyone can send", { timeout: 400_000 }, async () => {
    const entropy = seededEntropy("fuzz");
    const { token } = await operator().grant({});
    const good = requestOf(anchorOf("pack"));
    for (let i = 0; i < 200; i += 1) {
      test.pass(1_000);
      const [at = 0, by = 0, cut = 0] = entropy.bytes(3);
      const bytes = good.slice(0, good.length - (cut % 4));
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ (by | 1);
      const { status } = await ask("/v1/enrolments", cbor(bytes, token));
      expect([201, 400, 409, 422]).toContain(status);
    }
    expect(test.logged.filter(({ event }) => event === "registry.failed")).toEqual([]);
  });

  it("leaves another's socket in its own place when it closes", async () => {
    const { registry, clock, logger } = test;
    const next = await listenForOperator({ registry, clock, logger, socket: operators.url });
    await operators.close();
    expect(await operator().grant({})).toHaveProperty("token");
    expect(statSync(next.url).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory.path)).toEqual(["registry.sock"]);
    await next.close();
    expect(readdirSync(directory.path)).toEqual([]);
    operators = await listenForOperator({ registry, clock, logger, socket: next.url });
  });

  it("listens in clear to this machine alone, and at addresses only", async () => {
    const { registry, clock, logger } = test;
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "localhost", "example.org"]) {
      await expect(
        listenForAnyone({ registry, clock, logger, host, port: 0 }),
      ).rejects.toMatchObject({ code: "listen" });
    }
    const file = join(directory.path, "precious");
    writeFileSync(file, "key");
    const inTheWay = listenForOperator({ registry, clock, logger, socket: file });
    await expect(inTheWay).rejects.toMatchObject({ code: "listen" });
    expect(readFileSync(file, "utf8")).toBe("key");
    const tls = { cert: "no certificate", key: "no key" };
    await expect(
      listenForAnyone({ registry, clock, logger, host: "0.0.0.0", port: 0, tls }),
    ).rejects.toMatchObject({ code: "listen" });
  });
});

describe("docs/registry.openapi.json", () => {
  const file = fileURLToPath(new URL("../../../../../docs/registry.openapi.json", import.meta.url));
  const written: unknown = JSON.parse(readFileSync(file, "utf8"));

  it("is what GET /openapi.json gives", async () => {
    expect((await ask("/openapi.json")).body).toEqual(written);
  });

  it("names operations that answer, each as described", async () => {
    const { token } = await operator().grant({});
    const { document } = await enrol(softwareApplicant(anchorOf("pack")), client(token), wish);
    for (const { path, method, response } of ROUTES) {
      if (method !== "GET" || response === "cbor" || "media" in response) continue;
      const at = path.replace("{lct}", document.lct);
      const { body, status } = await askOperator(at);
      expect(status, path).toBe(200);
      expect(response.safeParse(body).error, path).toBeUndefined();
    }
  });
});

/** The operator's socket serves whatever anyone may ask, too. */
async function askOperator(path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: operators.url, path, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => void parts.push(part));
      response.on("end", () => {
        const body: unknown = JSON.parse(Buffer.concat(parts).toString());
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    sent.once("error", reject);
    sent.end();
  });
}
