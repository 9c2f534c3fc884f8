import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { cosign } from "@wattseal/tlog";
import { fleetName } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { receiptDocument } from "../ledger/receipts.js";
import { fill, packWithLog, reopened } from "../ledger/snapshots.fixture.js";
import { Delivery } from "./delivery.js";

const key = Ed25519SecretKey.generate({ bytes: (length) => new Uint8Array(length).fill(7) });
const DESTINATION = { name: "federation.example", publicKey: key.publicKey };

/** A signed log of four bundles, opened again, and its first head. */
async function signed() {
  const pack = await packWithLog();
  const first = await reopened(pack);
  await pack.begin(first);
  await first.flush();
  const { note } = first.store.head!;
  await fill(first);
  await first.flush();
  await first.close();
  const log = await reopened(pack);
  const told: string[] = [];
  const open = () =>
    Delivery.open({
      log,
      document: pack.document,
      fleet: fleetName("test"),
      uplinks: [{ broker: "mqtt://127.0.0.1:1", destination: DESTINATION }],
      clock: pack.clock,
      logger: {
        ...silentLogger,
        warn: (event) => void told.push(event),
        error: (event) => void told.push(event),
      },
    });
  return { pack, log, note, told, open };
}

/** The same, whose pending checkpoints cannot be read. */
async function unreadable() {
  const { pack, ...of } = await signed();
  writeFileSync(join(pack.directory, "pending"), new Uint8Array([0xff, 0xfe]));
  return of;
}

describe("delivery, where the pending checkpoints cannot be read", () => {
  it("goes on from the log's head, and says so", async () => {
    const { log, told, open } = await unreadable();
    const { pending } = await open();
    expect(told).toEqual(["uplink.pending-dropped"]);
    expect(pending.list.map(({ note }) => note)).toEqual([log.store.head!.note]);
  });

  it("does so of a pruned log that a new destination has seen nothing of", async () => {
    const { log, open } = await unreadable();
    expect(await log.store.prune(512)).toBe(512);
    const { pending } = await open();
    expect(pending.newest?.size).toBe(log.store.head!.checkpoint.size);
  });
});

describe("delivery to a witness that was left for another one", () => {
  it("begins, and says so, where the log has been pruned beyond its last receipt", async () => {
    const { log, note, told, open } = await signed();
    const sign = (bytes: Uint8Array) => key.sign(bytes);
    const receipt = cosign(note, { ...DESTINATION, sign, time: 1_760_000_100 });
    await log.writeReceipt(DESTINATION, receipt);
    expect((await open()).receipt).toBe(receipt);
    expect(told).toEqual([]);
    expect(await log.store.prune(512)).toBe(512);
    expect(log.store.readDocument(receiptDocument(DESTINATION))).toBe(receipt);
    expect((await open()).witnessed).toBe(0);
    expect(told).toContain("uplink.receipt-pruned");
  });
});

it("delivery is refused over a receipt that does not hold, with the file and the way out", async () => {
  const { log, note, open } = await signed();
  await log.writeReceipt(DESTINATION, note);
  await expect(open()).rejects.toThrow(
    `${receiptDocument(DESTINATION)} beside the log: receipt: has 1 signatures, not two. Where the file is damaged, restore it`,
  );
});
