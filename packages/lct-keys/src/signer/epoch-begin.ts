/** What happens when an epoch begins: claim, judgement of the state, counter, epoch key, evidence. */
import type { Entropy } from "@wattseal/base";
import { TlogError } from "@wattseal/tlog";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import type { LctDocument } from "../verify/document.js";
import { type VerifiedEpoch, verifyEpoch } from "../verify/epoch.js";
import { LctKeysError } from "../verify/errors.js";
import { encodeEpochBody, encodeEpochEvidence } from "../verify/evidence.js";
import type { Anchor } from "./anchor.js";
import type { EpochStart } from "./port.js";
import { newestState, REMEDY, requireAgreement } from "./recovery.js";
import type { StartBucket } from "./start-bucket.js";
import { encodeState } from "./state.js";
import type { StateFiles } from "./state-files.js";

/** Of one signer, and the same for all its epochs. */
export interface EpochSetting {
  readonly anchor: Anchor;
  readonly files: StateFiles;
  /** Where the anchor's starts are rationed. */
  readonly starts: StartBucket | undefined;
  /** Verified; its anchor is `anchor`. */
  readonly document: LctDocument;
  readonly entropy: Entropy;
  readonly softwareVersion: string;
}

export interface BegunEpoch {
  readonly epoch: VerifiedEpoch;
  readonly key: Ed25519SecretKey;
}

const superseded = (problem: string, options?: ErrorOptions) =>
  new LctKeysError("signer-superseded", problem, options);

/**
 * The epoch that is next, and claimed. A claim precedes the counter: a counter above every claim is that of a disk
 * which was put back, and an empty claim just above the counter is one that a crash left, taken up again.
 */
async function claimNext(setting: EpochSetting, earlier: readonly number[]): Promise<number> {
  const { anchor, files } = setting;
  const counter = await anchor.counter();
  const newest = Math.max(earlier.at(-1) ?? 0, anchor.counterBase);
  if (counter > newest) {
    throw new LctKeysError(
      "state-rolled-back",
      `the anchor's counter stands at ${counter}, but the signer's files know no epoch beyond ${newest}: they are an older copy; ${REMEDY}`,
    );
  }
  if (newest === counter) {
    if (await files.claim(newest + 1)) return newest + 1;
    throw superseded(`another signer claimed epoch ${newest + 1} just now`);
  }
  if (newest === counter + 1 && (await files.read(newest)).length === 0) return newest;
  throw new LctKeysError(
    "counter-rolled-back",
    `epoch ${newest} was begun, but the anchor's counter stands at ${counter}: it was turned back, or is another one's. This anchor signs no more: have the registry void this LCT, and make a new identity that succeeds it (wattseal init --succeeds)`,
  );
}

async function requireCounted(anchor: Anchor, epoch: number): Promise<void> {
  const counted = await anchor.increment();
  if (counted === epoch) return;
  throw superseded(
    `the anchor's counter went to ${counted}, not to ${epoch}: another signer uses it`,
  );
}

/** Claims, judges and counts; the continued tree counts as signed from here on. A refusal before the counter moves costs no start. */
async function claimEpoch(setting: EpochSetting, log: EpochStart["log"]): Promise<number> {
  const { anchor, files, starts, document } = setting;
  await starts?.require();
  const earlier = await files.claimed();
  const epoch = await claimNext(setting, earlier);
  const state = await newestState(files, earlier, document);
  await requireAgreement(state, epoch - 1, log, document);
  await starts?.take();
  await requireCounted(anchor, epoch);
  const { lct } = document;
  await files.write(epoch, encodeState({ lct, epoch, size: log.size, root: log.root }));
  for (const done of earlier) if (done !== epoch) await files.remove(done);
  return epoch;
}

async function drawEvidence(
  { anchor, document, softwareVersion }: EpochSetting,
  { log, clock, synchronised }: EpochStart,
  epoch: number,
  { publicKey }: Ed25519SecretKey,
): Promise<VerifiedEpoch> {
  const { size: treeSize, root: treeRoot } = log;
  const time = clock.now();
  const bodyBytes = encodeEpochBody({
    lct: document.lct,
    epoch,
    publicKey,
    softwareVersion,
    treeSize,
    treeRoot,
    time,
    synchronised,
  });
  const evidence = encodeEpochEvidence({ bodyBytes, ...(await anchor.attestEpoch(bodyBytes)) });
  return verifyEpoch(evidence, {
    document,
    previousCounter: log.lastCounter,
    previousBootVersion: log.bootVersion,
    treeSize,
    treeRoot,
    time,
  });
}

async function lock(files: StateFiles): Promise<() => Promise<void>> {
  try {
    return await files.lock();
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code !== "locked") throw cause;
    throw superseded("another signer begins an epoch in this directory just now", { cause });
  }
}

export async function beginEpoch(setting: EpochSetting, start: EpochStart): Promise<BegunEpoch> {
  const release = await lock(setting.files);
  try {
    const counter = await claimEpoch(setting, start.log);
    const key = Ed25519SecretKey.generate(setting.entropy);
    return { key, epoch: await drawEvidence(setting, start, counter, key) };
  } finally {
    await release();
  }
}
