import { silentLogger } from "@wattseal/base";
import { auditReceiptLog, type HeldReceipt } from "@wattseal/verifier";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RECEIPT_LOG, TestClock, WITNESS } from "../fleet.fixture.js";
import type { HttpServer } from "../http/server.js";
import { Metrics } from "../query/metrics.js";
import { serveQueries } from "../query/server.js";
import { bench, pack } from "../worker/bench.fixture.js";
import { RemoteReceiptLog } from "./remote.js";

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

async function audit(token = TOKEN) {
  const log = new RemoteReceiptLog({ url: server.url, token }, patient);
  const receipts: HeldReceipt[] = [];
  for await (const { pack: holder, text } of log.receipts()) receipts.push({ holder, note: text });
  const note = await log.note();
  const source = { note, records: log.records(note) };
  const trust = {
    authorities: [],
    witnesses: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
    quorum: 1,
  };
  return { receipts, report: await auditReceiptLog(source, { key: RECEIPT_LOG, trust, receipts }) };
}

describe("a receipt log over HTTP", () => {
  it("is read whole, with every pack's latest receipt, as fast as the server lets it", {
    timeout: 60_000,
  }, async () => {
    for (let i = 0; i < 260; i += 1) {
      const p = pack(2, `pack ${i}`);
      await at.give(p, "batch", p.batch(0));
    }
    const { receipts, report } = await audit();
    expect(receipts).toHaveLength(260);
    expect(report).toMatchObject({ verdict: "verified", leaves: 260, packs: 260 });
  });

  it("that has no receipts yet holds as well", async () => {
    expect((await audit()).report).toMatchObject({ verdict: "verified", leaves: 0 });
  });

  it("says what to look at where nobody answers, or not to this token", async () => {
    await expect(audit("u".repeat(43))).rejects.toMatchObject({ code: "query" });
    const nowhere = new RemoteReceiptLog({ url: "http://127.0.0.1:1", token: TOKEN }, patient);
    await expect(nowhere.note()).rejects.toThrow("query.listen");
  });

  it.each(["http://fleet.example/", "ftp://fleet.example/", "fleet"])(
    "sends its token to no %s",
    (url) => {
      const made = () => new RemoteReceiptLog({ url, token: TOKEN }, patient);
      expect(made).toThrow(expect.objectContaining({ code: "configuration" }));
    },
  );
});
