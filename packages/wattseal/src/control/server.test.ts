import { chmod, link, lstat, mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { GatewayError } from "@wattseal/gateway";
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { TpmError } from "@wattseal/tpm2";
import { describe, expect, it } from "vitest";
import { MOST_BODY } from "./body.js";
import { ask, gatewayOf, serving, temporaryFolder, WORKER } from "./control.fixture.js";
import { OPERATION_LIST } from "./operations.js";
import { ControlServer } from "./server.js";

const RESERVE = { amountMwh: 1000, worker: WORKER, task: "compute" };

describe("the control socket", () => {
  it("takes an order as JSON and answers with JSON", async () => {
    const { gateway, orders } = gatewayOf();
    const { path } = await serving(gateway);
    const answer = await ask(path, "POST", "/society/reserve", JSON.stringify(RESERVE), {
      "content-type": "application/json; charset=utf-8",
    });
    expect(answer).toMatchObject({ status: 200, json: { ticket: 9, deadline: 5 } });
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "cache-control": "no-store",
    });
    expect(orders).toEqual([
      ["reserve", { amount: 1000, worker: WORKER, task: "compute", order: undefined }],
    ]);
  });

  it("isolates without a body, for whoever is in a hurry", async () => {
    const { gateway, orders } = gatewayOf();
    const { path } = await serving(gateway);
    const answer = await ask(path, "POST", "/isolate", undefined, {});
    expect(answer.json).toMatchObject({ isolated: true });
    expect(orders).toEqual([["isolate"]]);
  });

  it("knows a path with a query, and in absolute-form", async () => {
    const { path } = await serving(gatewayOf().gateway);
    for (const target of ["/status?now", "http://localhost/status"]) {
      expect((await ask(path, "GET", target)).status).toBe(200);
    }
  });

  it("answers HEAD as GET, without the body", async () => {
    const { path } = await serving(gatewayOf().gateway);
    const answer = await ask(path, "HEAD", "/status");
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });

  it("says what is wrong with a request as problem details, and orders nothing", async () => {
    const { gateway, orders } = gatewayOf();
    const { path } = await serving(gateway);
    const body = JSON.stringify(RESERVE);
    const post = (text: string | Uint8Array) => ask(path, "POST", "/society/reserve", text);
    const refused = [
      [404, "not-found", await ask(path, "GET", "/nothing")],
      [404, "not-found", await ask(path, "POST", "/status/", body)],
      [405, "method-not-allowed", await ask(path, "GET", "/society/reserve")],
      [405, "method-not-allowed", await ask(path, "DELETE", "/status")],
      [415, "not-json", await ask(path, "POST", "/society/reserve", body, {})],
      [400, "bad-request", await post("{")],
      [422, "invalid", await post("")],
      [400, "bad-request", await post(Uint8Array.of(0x22, 0xff, 0x22))],
      [413, "too-large", await post(`"${"x".repeat(MOST_BODY)}"`)],
      [413, "too-large", await post(`"${"x".repeat(40 * MOST_BODY)}"`)],
      [422, "invalid", await post("[]")],
      [422, "invalid", await post(JSON.stringify({ ...RESERVE, more: 1 }))],
    ] as const;
    for (const [status, code, { headers, json, ...answer }] of refused) {
      expect([answer.status, json]).toEqual([status, expect.objectContaining({ status, code })]);
      expect(headers["content-type"]).toBe("application/problem+json");
    }
    expect(refused[2][2].headers.allow).toBe("POST");
    expect(refused[3][2].headers.allow).toBe("GET, HEAD");
    expect(orders).toEqual([]);
  });

  it("takes a body of 64 KiB, and not a byte more", async () => {
    const { path } = await serving(gatewayOf().gateway);
    const padded = (length: number) => {
      const text = JSON.stringify(RESERVE);
      return text + " ".repeat(length - text.length);
    };
    const answers = [MOST_BODY, MOST_BODY + 1].map((length) =>
      ask(path, "POST", "/society/reserve", padded(length)),
    );
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 413]);
  });

  it("names each field that is wrong", async () => {
    const { path } = await serving(gatewayOf().gateway);
    const wrong = { amountMwh: 1.5, worker: "me", task: "Compute", orderSha256: "AB" };
    const { json } = await ask(path, "POST", "/society/reserve", JSON.stringify(wrong));
    expect(json).toMatchObject({
      errors: ["amountMwh", "worker", "task", "orderSha256"].map((field) => ({
        path: field,
        problem: expect.any(String),
      })),
    });
    for (const amountMwh of [0, -1, 2 ** 48, "1", null]) {
      const body = JSON.stringify({ ...RESERVE, amountMwh });
      expect((await ask(path, "POST", "/society/reserve", body)).status).toBe(422);
    }
  });

  it("passes on what the gateway refuses", async () => {
    const refusals = [
      ["order-refused", 409],
      ["busy", 503],
      ["stopping", 503],
      ["ledger-stopped", 503],
    ] as const;
    for (const [code, status] of refusals) {
      const refuse = () => Promise.reject(new GatewayError(code, "usage", "Do this instead."));
      const { path } = await serving(gatewayOf({ rollback: refuse }).gateway);
      const answer = await ask(path, "POST", "/society/rollback", '{"ticket":1}');
      expect(answer.status).toBe(status);
      expect(answer.json).toMatchObject({ code, detail: "Do this instead." });
    }
  });

  it("gives the reason of a signer or a TPM that is away, and when to ask again", async () => {
    const refusals = [
      [new TpmError("tpm-unreachable", "No TPM answers."), undefined],
      [new LctKeysError("signer-unreachable", "Start the signer."), undefined],
      [new LctKeysError("rate-limited", "Too often.", { retryAfterMs: 1_500 }), "2"],
    ] as const;
    for (const [refusal, retryAfter] of refusals) {
      const { gateway } = gatewayOf();
      const signer = { ...gateway.signer, attest: () => Promise.reject(refusal) };
      const { path } = await serving({ ...gateway, signer });
      const body = JSON.stringify({ nonce: "00".repeat(32) });
      const { status, headers, json } = await ask(path, "POST", "/identity/attest", body);
      expect([status, headers["retry-after"]]).toEqual([503, retryAfter]);
      expect(json).toMatchObject({ code: refusal.code, detail: refusal.message });
    }
  });

  it("keeps to its log what nobody expected", async () => {
    const told: unknown[] = [];
    const logger = { ...silentLogger, error: (...line: unknown[]) => void told.push(line) };
    const broken = () => Promise.reject(new TypeError("secret detail"));
    const { path } = await serving(gatewayOf({ certify: broken }).gateway, logger);
    const body = JSON.stringify({ amountMwh: 1, by: "load", certifier: "x" });
    const answer = await ask(path, "POST", "/society/certify", body);
    expect(answer).toMatchObject({ status: 500, json: { code: "internal" } });
    expect(answer.text).not.toContain("secret");
    expect(told).toEqual([["control.failed", { error: "secret detail" }]]);
  });

  it("describes every operation that it serves, and no other", async () => {
    const { path } = await serving(gatewayOf().gateway);
    const { json } = await ask(path, "GET", "/openapi.json");
    const paths = Object.fromEntries(
      OPERATION_LIST.map(({ id, method, path: served, request }) => [
        served,
        {
          [method.toLowerCase()]: expect.objectContaining({
            operationId: id,
            ...(request === undefined ? {} : { requestBody: expect.anything() }),
          }),
        },
      ]),
    );
    expect(json).toMatchObject({ openapi: "3.1.0", paths });
    expect(json).toHaveProperty(
      ["paths", "/society/reserve", "post", "requestBody", "content", "application/json", "schema"],
      expect.objectContaining({
        required: ["amountMwh", "worker", "task"],
        additionalProperties: false,
      }),
    );
  });
});

describe("the socket's file", () => {
  const listen = (path: string) =>
    ControlServer.listen({ gateway: gatewayOf().gateway, path, logger: silentLogger });

  it("is for owner and group alone, in a folder that others cannot write, and goes with the server", async () => {
    const { path, folder, server } = await serving(gatewayOf().gateway);
    expect((await stat(path)).mode & 0o777).toBe(0o660);
    expect((await stat(join(folder, "run"))).mode & 0o027).toBe(0);
    await server.close();
    await expect(lstat(path)).rejects.toThrow("ENOENT");
  });

  it("of a gateway that died is replaced, of one that lives is not", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "control.sock");
    // What a killed process leaves: a socket that nobody listens at.
    const left = createServer();
    await new Promise<void>((resolve) => {
      left.listen(join(folder, "left.sock"), resolve);
    });
    await link(join(folder, "left.sock"), path);
    await new Promise((resolve) => {
      left.close(resolve);
    });
    expect((await lstat(path)).isSocket()).toBe(true);
    const server = await listen(path);
    await expect(listen(path)).rejects.toThrow(/another gateway serves it/);
    expect((await ask(path, "GET", "/status")).status).toBe(200);
    await server.close();
  });

  it("is refused where something else has its name, others can write, or the name is too long", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    await expect(listen(join(folder, "file"))).rejects.toThrow(/something else/);
    await mkdir(join(folder, "open"));
    await chmod(join(folder, "open"), 0o777);
    await expect(listen(join(folder, "open", "s"))).rejects.toThrow(/chmod o-w/);
    await expect(listen(join(folder, "x".repeat(108)))).rejects.toThrow(/at most 107 bytes/);
  });
});
