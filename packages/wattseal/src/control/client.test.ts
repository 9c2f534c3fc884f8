import { createServer } from "node:http";
import { join } from "node:path";
import { GatewayError } from "@wattseal/gateway";
import { describe, expect, it, onTestFinished } from "vitest";
import { call } from "./client.js";
import {
  ACCOUNTS,
  gatewayOf,
  MODULE,
  PACK,
  serving,
  temporaryFolder,
  WORKER,
} from "./control.fixture.js";
import { OPERATIONS } from "./operations.js";

describe("a client of the control socket", () => {
  it("asks and orders everything that there is, as the gateway takes it", async () => {
    const { gateway, orders } = gatewayOf();
    const { path } = await serving(gateway);
    const proofSha256 = "0f".repeat(32);
    const proof = new Uint8Array(32).fill(0x0f);

    expect(await call(path, OPERATIONS.status)).toMatchObject({
      lct: PACK,
      log: { entries: 42, witnessed: 40 },
    });
    expect(await call(path, OPERATIONS.society)).toMatchObject({
      accounts: ACCOUNTS,
      tickets: [{ ticket: 9, worker: WORKER, deadline: 5, heldMwh: 60, usedMwh: 40 }],
      suspects: { count: 1, oldest: [{ interval: 7, inMwh: 70, until: 8 }] },
    });
    const reserve = { amountMwh: 5, worker: WORKER, task: "compute", orderSha256: proofSha256 };
    await call(path, OPERATIONS.reserve, reserve);
    const commit = { ticket: 9, qualityBps: 8000, proofSha256 };
    expect(await call(path, OPERATIONS.commit, commit)).toEqual({
      entry: 10,
      worker: WORKER,
      reputationMwh: 8,
    });
    expect(await call(path, OPERATIONS.rollback, { ticket: 9 })).toEqual({
      entry: 10,
      returnedMwh: 6,
      wastedMwh: 0,
    });
    await call(path, OPERATIONS.certify, { amountMwh: 1, by: "peer", certifier: "pack-7" });
    const who = { buyer: WORKER, witness: PACK };
    const trade = { amountMwh: 5, ...who, rateBps: 9800, feeMwh: 1, withinMs: 1000 };
    expect(await call(path, OPERATIONS.escrow, trade)).toEqual({
      ticket: 10,
      trade: "ab".repeat(32),
      decideBy: 7,
      expires: 9,
    });
    await call(path, OPERATIONS.escrow, { amountMwh: 5, ...who });
    const report = { ticket: 9, parent: PACK, qualityBps: 8000 };
    expect(await call(path, OPERATIONS.report, report)).toEqual({
      entry: 10,
      amountMwh: 5,
      expires: 9,
      worker: WORKER,
      reputationMwh: 4,
    });
    const settled = await call(path, OPERATIONS.settle, { proof: "AQID" });
    expect(settled).toEqual({ entry: 10, type: "society.record" });
    await expect(call(path, OPERATIONS.settle, { proof: "AQI" })).rejects.toThrow(/proof/);
    const resolve = { interval: 7, decision: "reject", evidence: "operator" };
    await call(path, OPERATIONS.resolve, resolve);
    expect(await call(path, OPERATIONS.isolate)).toEqual({
      isolated: true,
      modules: [{ uid: MODULE, result: "refused", reason: "state" }],
    });
    expect(await call(path, OPERATIONS.allow)).toEqual({ isolated: false });
    expect(orders).toEqual([
      ["reserve", { amount: 5, worker: WORKER, task: "compute", order: proof }],
      ["commit", { ticket: 9, amount: undefined, quality: 8000, proof }],
      ["rollback", 9],
      ["certify", { amount: 1, by: "peer", certifier: "pack-7", proof: undefined }],
      ["escrow", { amount: 5, ...who, rateBps: 9800, fee: 1, within: 1000 }],
      ["escrow", { amount: 5, ...who, rateBps: 10_000, fee: 0, within: 600_000 }],
      ["report", { ticket: 9, parent: PACK, quality: 8000, proof: undefined }],
      ["settle", Uint8Array.of(1, 2, 3)],
      ["resolve", { ...resolve, reason: "" }],
      ["isolate"],
      ["allow"],
    ]);
  });

  it("throws the gateway's own words where it says no", async () => {
    const no = () => Promise.reject(new GatewayError("order-refused", "usage", "Not so much."));
    const { path } = await serving(gatewayOf({ rollback: no }).gateway);
    await expect(call(path, OPERATIONS.rollback, { ticket: 1 })).rejects.toMatchObject({
      code: "refused",
      message: "Not so much.",
      problem: { status: 409, code: "order-refused" },
    });
  });

  it("says what to do where no gateway runs", async () => {
    const path = join(await temporaryFolder(), "control.sock");
    await expect(call(path, OPERATIONS.status)).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("Start it: wattseal gateway"),
    });
  });

  it("believes nobody who does not speak this interface", async () => {
    const path = join(await temporaryFolder(), "other.sock");
    for (const [status, text] of [
      [200, "{}"],
      [200, "hello"],
      [500, "<html>"],
    ] as const) {
      const other = createServer((_, response) => void response.writeHead(status).end(text));
      onTestFinished(() => void other.close());
      await new Promise<void>((resolve) => {
        other.listen(path, resolve);
      });
      await expect(call(path, OPERATIONS.status)).rejects.toMatchObject({ code: "not-understood" });
      await new Promise((resolve) => {
        other.close(resolve);
      });
    }
  });
});
