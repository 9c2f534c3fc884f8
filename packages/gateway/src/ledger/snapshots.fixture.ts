/** A pack whose log has snapshots: written, closed, and opened again. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type LogFields, milliwattHours, moduleUid, silentLogger, slot } from "@wattseal/base";
import { snapshotName } from "@wattseal/verifier";
import { onTestFinished } from "vitest";
import { makePack } from "../pack.fixture.js";
import type { EnergyLog } from "./energy-log.js";
import type { Draft } from "./energy-log-options.js";

const uid = moduleUid("5701000000000001");
export const SPACING = 1_024;
export const alarm: Draft = {
  type: "link.alarm",
  body: { module: uid, slot: slot(1), alarm: "test", count: 1, detail: "" },
};
export const pairing = {
  packHalf: { publicKey: new Uint8Array(32).fill(2) },
  modules: [
    {
      uid,
      slot: slot(1),
      busId: 0,
      half: new Uint8Array(32).fill(1),
      ratedCapacity: milliwattHours(5_000_000),
    },
  ],
};

/** A pack whose log's warnings and starts are kept. */
export async function packWithLog() {
  const pack = await makePack((cleanUp) => onTestFinished(cleanUp));
  const said: { readonly event: string; readonly fields: LogFields | undefined }[] = [];
  const keep = (event: string, fields?: LogFields) => void said.push({ event, fields });
  const logger = { ...silentLogger, info: keep, warn: keep };
  const open = () => pack.openLog({ logger });
  const passedOver = () =>
    said
      .filter(({ event }) => event === "ledger.snapshot-passed-over")
      .map(({ fields }) => `${fields?.["problem"]}`);
  /** Where the last start went on from. */
  const from = () => said.findLast(({ event }) => event === "ledger.replayed")?.fields?.["from"];
  return { ...pack, open, said, passedOver, from };
}
export type Pack = Awaited<ReturnType<typeof packWithLog>>;

export async function fill(log: EnergyLog): Promise<void> {
  await log.append(...Array<Draft>(SPACING).fill(alarm));
}

/** With pairing and statements, and a snapshot after each of so many times the least distance; ended and closed. */
export async function written(pack: Pack, snapshots: number): Promise<readonly number[]> {
  const log = await pack.open();
  await pack.begin(log);
  await log.append(...log.entered.missingPairings(pairing as never));
  await log.append(...log.entered.missingStatements(pack.statements));
  const indices: number[] = [];
  for (let i = 0; i < snapshots; i += 1) {
    await fill(log);
    await log.snapshot(SPACING);
    indices.push(log.fold.lastSnapshot);
    pack.clock.advance(60_000);
  }
  await log.append(alarm);
  await log.endEpoch("shutdown");
  await log.close();
  return indices;
}

export const snapshotsIn = ({ directory }: Pack) =>
  readdirSync(directory)
    .filter((name) => name.startsWith("snapshot."))
    .toSorted();
export const fileOf = ({ directory }: Pack, index: number) => join(directory, snapshotName(index));

export async function reopened(pack: Pack): Promise<EnergyLog> {
  const log = await pack.open();
  onTestFinished(() => log.close().catch(() => {}));
  return log;
}
