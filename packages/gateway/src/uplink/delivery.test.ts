import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { fleetName } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { fill, packWithLog, reopened } from "../ledger/snapshots.fixture.js";
import { Delivery } from "./delivery.js";

const DESTINATION = { name: "federation.example", publicKey: new Uint8Array(32).fill(1) };

/** A signed log of four bundles, open, whose pending checkpoints cannot be read. */
async function unreadable() {
  const pack = await packWithLog();
  const log = await reopened(pack);
  await pack.begin(log);
  await fill(log);
  await log.flush();
  writeFileSync(join(pack.directory, "pending"), new Uint8Array([0xff, 0xfe]));
  const told: string[] = [];
  const open = () =>
    Delivery.open({
      log,
      document: pack.document,
      fleet: fleetName("test"),
      uplinks: [{ broker: "mqtt://127.0.0.1:1", destination: DESTINATION }],
      clock: pack.clock,
      logger: { ...silentLogger, warn: (event) => void told.push(event) },
    });
  return { log, told, open };
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
    await log.store.prune(512);
    const { pending } = await open();
    expect(pending.newest?.size).toBe(log.store.head!.checkpoint.size);
  });
});
