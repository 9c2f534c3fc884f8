/** Histories of packs whose anchor is in a TPM: boots that are approved, superseded, unmeasured, an emulator's. */
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { OTHER_BOOT } from "../../packages/lct-keys/src/tpm-pack.fixture.js";
import { History, historyOf, snapshot } from "./histories.js";
import { documentOf, KeyedLog } from "./keyed-log.js";
import { Random } from "./random.js";
import { approved, bootsOf, boundTo } from "./tpm.js";

/**
 * A pack that starts again and again and charges each time, under an approval of version 2 first, then by turns under an
 * older one, the same again, and none. With a snapshot, that comes in the first epoch that has gone back.
 */
export function rolledBackHistory({ snapshotted }: { snapshotted: boolean }): KeyedLog {
  const bytes = documentOf("pack", "rolled back", boundTo("tpm"));
  const document = verifyLctDocument(bytes, "self-consistent");
  const first = approved(document, { version: 1 });
  const second = approved(document, { version: 2, pcrDigest: OTHER_BOOT });
  const boots = [second, first, second, {}];
  let starts = 0;
  const log = new KeyedLog(bytes, () => boots[starts++ % boots.length]);
  const history = new History(1, log);
  if (snapshotted) {
    history.restart();
    snapshot(log);
  }
  for (let restarts = 0; restarts < 24; restarts += 1) {
    for (let minutes = 0; minutes < 3; minutes += 1) history.minute();
    history.prove();
    history.restart();
  }
  return log;
}

const BINDINGS = ["tpm", "tpm", "tpm-unmeasured", "software"] as const;

/** As `historyOf`, by the seed of a measured TPM, an unmeasured one or an emulated one. */
export function tpmHistoryOf(seed: number, minutes: number): KeyedLog {
  const binding = BINDINGS[seed % BINDINGS.length]!;
  const bytes = documentOf(
    "pack",
    `test ${seed}`,
    boundTo(binding, binding === "tpm" || seed % 8 === 3),
  );
  const document = verifyLctDocument(bytes, "self-consistent");
  return historyOf(seed, minutes, new KeyedLog(bytes, bootsOf(document, new Random(seed + 2))));
}
