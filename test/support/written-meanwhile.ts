/** History for a gateway's log, of which a part can be pruned. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, millis, moduleUid, silentLogger, slot } from "@wattseal/base";
import { type Draft, EnergyLog } from "@wattseal/gateway";
import { beginSoftwareEpoch } from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { PendingCheckpoints } from "@wattseal/uplink";
import { decodeTrust } from "@wattseal/verifier";

const DAY = 86_400_000;
const SPACING = 1_024;
const ALARM: Draft = {
  type: "link.alarm",
  body: {
    module: moduleUid("5701000000000001"),
    slot: slot(1),
    alarm: "test",
    count: 1,
    detail: "",
  },
};

/** What a gateway would have written meanwhile: entries, a snapshot, a day's record, and some entries more. */
export async function writtenMeanwhile(gateway: string): Promise<void> {
  const trust = decodeTrust(await readFile(join(gateway, "trust.json")));
  const authorities = trust.authorities.map(({ publicKey }) => publicKey);
  const document = verifyLctDocument(await readFile(join(gateway, "lct.cose")), authorities);
  const clock: Clock = { now: () => millis(Date.now()), at: () => () => {} };
  const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const signer = { directory: join(gateway, "signer"), clock, entropy, document };
  const log = await EnergyLog.open({
    directory: join(gateway, "log"),
    document,
    trust,
    clock,
    logger: silentLogger,
    openSigner: (continued) =>
      beginSoftwareEpoch({ ...signer, softwareVersion: "x", synchronised: true, log: continued }),
  });
  const { pending } = PendingCheckpoints.load({
    origin: document.origin,
    stored: undefined,
    witnessed: log.store.durableSize,
    log: log.own,
    save: (text) => log.store.writeDocument("pending", text),
  });
  await log.begin({ pending, receipt: undefined, onSigned: () => {} });
  await log.append(...Array<Draft>(SPACING).fill(ALARM));
  await log.snapshot(SPACING);
  await log.append(...Array<Draft>(SPACING).fill(ALARM));
  const time = clock.now();
  const reading = { time, synchronised: true, inMwh: 0, outMwh: 0 };
  const last = log.fold.size - 1;
  const day = {
    page: 1,
    start: time - (time % DAY),
    begin: reading,
    end: reading,
    first: last,
    last,
  };
  const leftOut = { inMwh: 0, outMwh: 0, resets: 0 };
  const root = log.store.root(last + 1);
  const record = await log.ocmf({ ...day, leftOut, softwareVersion: "x", root });
  await log.store.writeDocument("ocmf", record);
  await log.endEpoch("shutdown");
  await log.close();
}
