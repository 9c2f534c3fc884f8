import { fromUtf8, type LogFields, type Logger, silentLogger } from "@wattseal/base";
import { verifyCosignature } from "@wattseal/tlog";
import { decodeRequest, type PackName } from "@wattseal/uplink";
import { AUTHORITY, RECEIPT_LOG, TestClock, TestPack, WITNESS } from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { readStoredLog } from "../store/port.js";
import type { IngestChannel, OutgoingChannel } from "./ports.js";
import { FederationWorker, type WorkerOptions } from "./worker.js";

interface Sent {
  readonly pack: PackName;
  readonly channel: OutgoingChannel;
  readonly payload: Uint8Array;
}

/** A worker, what it sent, and what it acknowledged. */
export async function bench(
  store = new MemoryStore(),
  clock = new TestClock(),
  change: Partial<WorkerOptions> = {},
) {
  const sent: Sent[] = [];
  const errors: { event: string; fields: LogFields | undefined }[] = [];
  const infos: typeof errors = [];
  const logger: Logger = {
    ...silentLogger,
    error: (event, fields) => void errors.push({ event, fields }),
    info: (event, fields) => void infos.push({ event, fields }),
  };
  const worker = await FederationWorker.start({
    store,
    witness: WITNESS,
    receiptLog: RECEIPT_LOG,
    authorityKeys: [AUTHORITY.publicKey],
    clock,
    logger,
    publish: (pack, channel, payload) => void sent.push({ pack, channel, payload }),
    ...change,
  });
  const settled: string[] = [];
  let count = 0;
  const deliver = (pack: TestPack, channel: IngestChannel, payload: Uint8Array) => {
    count += 1;
    const name = `${count}`;
    worker.deliver({ pack: pack.name, channel, payload, settle: () => void settled.push(name) });
  };
  /** Delivers, and lets the group's time pass. */
  const give = async (pack: TestPack, channel: IngestChannel, payload: Uint8Array) => {
    deliver(pack, channel, payload);
    await clock.advance(20);
  };
  const receipts = () =>
    sent
      .filter(({ channel }) => channel === "receipt")
      .map(({ payload }) => verifyCosignature(fromUtf8(payload), WITNESS).checkpoint);
  const requests = () =>
    sent
      .filter(({ channel }) => channel === "request")
      .map(({ payload }) => decodeRequest(payload).from);
  const stored = async (pack: TestPack) => {
    const leaves: Uint8Array[] = [];
    for await (const leaf of readStoredLog(store, pack.name)) leaves.push(leaf);
    return leaves;
  };
  return {
    worker,
    store,
    clock,
    sent,
    settled,
    errors,
    infos,
    deliver,
    give,
    receipts,
    requests,
    stored,
  };
}

export function pack(entries: number, seed = "pack"): TestPack {
  const made = new TestPack(seed);
  made.work(entries - 2);
  return made;
}
