import { silentLogger } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { auditReceiptLog, type HeldReceipt } from "@wattseal/verifier";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RECEIPT_LOG, receiptLogOf, TestClock, WITNESS } from "../fleet.fixture.js";
import type { HttpServer } from "../http/server.js";
import { bench, pack } from "../worker/bench.fixture.js";
import { QueryClient } from "./client.js";
import { Metrics } from "./metrics.js";
import { serveQueries } from "./server.js";

const TOKEN = "t".repeat(43);

let at: Awaited<ReturnType<typeof bench>>;
let server: HttpServer;
/** Of the server: requests are let in as it runs. */
let clock: TestClock;
beforeEach(async () => {
  at = await bench();
  clock = new TestClock();
  const stats = () => at.worker.stats;
  const queried = {
    store: at.store,
    fleet: "test",
    witness: "vkey",
    stats,
    metrics: new Metrics({ stats, storeBytes: () => at.store.bytes() }),
    missing: async () => undefined,
  };
  const listen = { host: "127.0.0.1", port: 0 };
  server = await serveQueries({ listen, token: TOKEN }, queried, { clock, logger: silentLogger });
});
afterEach(async () => {
  await server.close();
  await at.worker.stop();
});

/** Waits for the server's time, which goes on with it. */
const patient = {
  now: () => clock.now(),
  at: (time: number, task: () => void) => {
    void clock.advance(time - clock.now()).then(task);
    return () => {};
  },
};

async function audit() {
  const client = new QueryClient({ url: server.url, token: TOKEN, clock: patient });
  const receipts: HeldReceipt[] = [];
  for await (const holder of client.packs()) {
    const note = await client.receipt(holder);
    if (note !== undefined) receipts.push({ holder, note });
  }
  const note = await client.receiptLogHead();
  const { size } = unverifiedCheckpoint(note ?? "");
  const trust = {
    authorities: [],
    witnesses: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
    quorum: 1,
  };
  const source = { note, records: client.receiptRecords(size) };
  const log = receiptLogOf(RECEIPT_LOG);
  return { receipts, report: await auditReceiptLog(source, { log, trust, receipts }) };
}

describe("a receipt log over HTTP", () => {
  it("is read whole, with every pack's latest receipt, as fast as the server lets it", {
    timeout: 120_000,
  }, async () => {
    for (let i = 0; i < 260; i += 1) {
      const p = pack(2, `pack ${i}`);
      await at.give(p, "batch", p.batch(0));
    }
    const { receipts, report } = await audit();
    expect(receipts).toHaveLength(260);
    expect(report).toMatchObject({ verdict: "verified", leaves: 260, packs: 260 });
  });

  it("that is shorter than its head ends where it ends", async () => {
    const client = new QueryClient({ url: server.url, token: TOKEN, clock: patient });
    const p = pack(10);
    await at.give(p, "batch", p.batch(0));
    const read = async (size: number) => {
      let count = 0;
      for await (const _ of client.receiptRecords(size)) count += 1;
      return count;
    };
    expect(await read(1)).toBe(1);
    expect(await read(2)).toBe(0);
    expect(await read(300)).toBe(0);
  });

  it("that has no receipts yet holds as well", async () => {
    expect((await audit()).report).toMatchObject({ verdict: "verified", leaves: 0 });
  });
});
