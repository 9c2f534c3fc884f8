import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { cosign, parseNote, unverifiedCheckpoint } from "@wattseal/tlog";
import { type Destination, fleetName, verifyReceipt } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { receiptDocument } from "../ledger/receipts.js";
import { fill, packWithLog, reopened } from "../ledger/snapshots.fixture.js";
import { Delivery } from "./delivery.js";

const key = Ed25519SecretKey.generate({ bytes: (length) => new Uint8Array(length).fill(7) });
const WITNESS = { name: "federation.example", publicKey: key.publicKey };
const DESTINATION = { name: WITNESS.name, publicKeys: [key.publicKey] };
const DOCUMENT = receiptDocument(WITNESS.name, key.publicKey);

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
  const open = (destinations: readonly Destination[] = [DESTINATION], quorum?: number) =>
    Delivery.open({
      log,
      document: pack.document,
      fleet: fleetName("test"),
      uplinks: destinations.map((destination) => ({ broker: "mqtt://127.0.0.1:1", destination })),
      quorum,
      entropy: { bytes: (length) => new Uint8Array(length) },
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
    const receipt = cosign(note, { ...WITNESS, sign, time: 1_760_000_100 });
    await log.store.writeDocument(DOCUMENT, receipt);
    expect((await open()).receipt).toBe(receipt);
    expect(told).toEqual([]);
    expect(await log.store.prune(512)).toBe(512);
    expect(log.store.readDocument(DOCUMENT)).toBe(receipt);
    expect((await open()).witnessed).toBe(0);
    expect(told).toContain("uplink.receipt-pruned");
  });
});

describe("delivery while its witness changes its key", () => {
  const next = Ed25519SecretKey.generate({ bytes: (length) => new Uint8Array(length).fill(8) });
  const by = (secret: Ed25519SecretKey) => ({
    name: WITNESS.name,
    publicKey: secret.publicKey,
    sign: (bytes: Uint8Array) => secret.sign(bytes),
    time: 1_760_000_100,
  });
  const pins = (...secrets: readonly Ed25519SecretKey[]) => ({
    name: WITNESS.name,
    publicKeys: secrets.map(({ publicKey }) => publicKey),
  });

  it("keeps a receipt under each key that cosigned it, so that either may go from the pins", async () => {
    const { log, note, open } = await signed();
    const both = cosign(cosign(note, by(key)), by(next));
    const origin = parseNote(note).signatures[0]!.name;
    const receipt = verifyReceipt(both, { origin, log: log.own, witness: pins(key, next) });
    await log.writeReceipt(WITNESS.name, receipt);
    const { size } = receipt.checkpoint;
    for (const pinned of [pins(key), pins(next), pins(key, next)]) {
      expect((await open([pinned])).witnessed).toBe(size);
    }
    const stranger = { name: WITNESS.name, publicKeys: [new Uint8Array(32).fill(9)] };
    expect((await open([stranger])).witnessed).toBe(0);
  });

  it("goes on from the furthest receipt under any of them", async () => {
    const { log, note, open } = await signed();
    await log.store.writeDocument(
      receiptDocument(WITNESS.name, next.publicKey),
      cosign(note, by(next)),
    );
    expect((await open([pins(key, next)])).witnessed).toBe(unverifiedCheckpoint(note).size);
  });
});

it("delivery counts as witnessed what the quorum of its destinations has", async () => {
  const { log, note, open } = await signed();
  const sign = (bytes: Uint8Array) => key.sign(bytes);
  await log.store.writeDocument(DOCUMENT, cosign(note, { ...WITNESS, sign, time: 1_760_000_100 }));
  const { size } = unverifiedCheckpoint(note);
  const destinations = [
    DESTINATION,
    { name: "other.example", publicKeys: [new Uint8Array(32).fill(1)] },
  ];
  expect((await open(destinations, 1)).witnessed).toBe(size);
  expect((await open(destinations, 2)).witnessed).toBe(0);
  expect((await open(destinations)).witnessed).toBe(0);
  const { pending, quorum } = await open(destinations, 1);
  expect(quorum).toBe(1);
  expect(pending.newest?.size).toBe(log.store.head!.checkpoint.size); // the other has still to see it
});

it("delivery is refused over a receipt that does not hold, with the file and the way out", async () => {
  const { log, note, open } = await signed();
  await log.store.writeDocument(DOCUMENT, note);
  await expect(open()).rejects.toThrow(
    `${DOCUMENT} beside the log: receipt: no cosignature by federation.example under a key that is pinned. Where it has a new key, add it to trust.json. Where the file is damaged, restore it`,
  );
});
