/** What happens at the signer's start: anchor, counter, judgement of the state, epoch key, evidence. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual, type Clock, type Entropy } from "@wattseal/base";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { createP256KeyFile, openP256KeyFile } from "../keys/key-file.js";
import type { P256SecretKey } from "../keys/p256.js";
import type { LctDocument } from "../verify/document.js";
import { type VerifiedEpoch, verifyEpoch } from "../verify/epoch.js";
import { LctKeysError } from "../verify/errors.js";
import { encodeEpochBody, encodeEpochEvidence, epochSignedBytes } from "../verify/evidence.js";
import { type ContinuedLog, newestState, requireAgreement } from "./recovery.js";
import { encodeState } from "./state.js";
import type { StateFiles } from "./state-files.js";

const ANCHOR_FILE = "anchor.pem";

export interface SoftwareSignerOptions {
  /** Holds `anchor.pem` and the durable state; of this signer alone. */
  readonly directory: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Verified; its anchor is the one in the directory. */
  readonly document: LctDocument;
  readonly softwareVersion: string;
  /** Whether the wall clock is synchronised now. */
  readonly synchronised: boolean;
  /** What is durable of the log that the epoch continues: at least the LCT document. */
  readonly log: ContinuedLog;
}

/** Makes the directory (0700) and the anchor in it; returns its public key, 65 bytes. Throws `key-exists`. */
export async function createSoftwareAnchor(
  directory: string,
  entropy: Entropy,
): Promise<Uint8Array> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const anchor = await createP256KeyFile(join(directory, ANCHOR_FILE), entropy);
  anchor.dispose();
  return anchor.publicKey;
}

export async function openAnchor(directory: string, document: LctDocument): Promise<P256SecretKey> {
  const anchor = await openP256KeyFile(join(directory, ANCHOR_FILE));
  const enrolled = document.anchor;
  const same = enrolled.type === "p256" && bytesEqual(enrolled.publicKey, anchor.publicKey);
  if (same && document.binding === "software") return anchor;
  anchor.dispose();
  throw new LctKeysError(
    "anchor-mismatch",
    same
      ? `${document.lct} is bound to ${document.binding}, and a key file is not that`
      : `the anchor in ${directory} is not that of ${document.lct}`,
  );
}

/** Increments the durable counter, then judges the state behind it; the continued tree counts as signed from here on. */
async function claimEpoch(files: StateFiles, options: SoftwareSignerOptions): Promise<number> {
  const { document, log } = options;
  const earlier = await files.claimed();
  const lastClaimed = earlier.at(-1) ?? 0;
  const epoch = lastClaimed + 1;
  if (!(await files.claim(epoch))) {
    throw new LctKeysError("signer-superseded", `another signer claimed epoch ${epoch} just now`);
  }
  const state = await newestState(files, earlier, document);
  await requireAgreement(state, lastClaimed, log, document);
  const { lct } = document;
  await files.write(epoch, encodeState({ lct, epoch, size: log.size, root: log.root }));
  for (const done of earlier) await files.remove(done);
  return epoch;
}

function drawEvidence(
  options: SoftwareSignerOptions,
  epoch: number,
  anchor: P256SecretKey,
  key: Ed25519SecretKey,
): VerifiedEpoch {
  const { document, log, softwareVersion, synchronised } = options;
  const time = options.clock.now();
  const bodyBytes = encodeEpochBody({
    lct: document.lct,
    epoch,
    publicKey: key.publicKey,
    softwareVersion,
    treeSize: log.size,
    treeRoot: log.root,
    time,
    synchronised,
  });
  const signature = anchor.sign(epochSignedBytes(bodyBytes));
  const parts = { bodyBytes, signature, quote: undefined, nvCertify: undefined };
  const { size: treeSize, root: treeRoot } = log;
  const context = {
    document,
    previousCounter: log.lastCounter,
    previousBootVersion: 0,
    treeSize,
    treeRoot,
    time,
  };
  return verifyEpoch(encodeEpochEvidence(parts), context);
}

export interface BegunEpoch {
  readonly epoch: VerifiedEpoch;
  readonly key: Ed25519SecretKey;
}

/** The anchor is in memory only while this runs. */
export async function beginSoftwareEpoch(
  options: SoftwareSignerOptions,
  files: StateFiles,
): Promise<BegunEpoch> {
  const anchor = await openAnchor(options.directory, options.document);
  try {
    const counter = await claimEpoch(files, options);
    const key = Ed25519SecretKey.generate(options.entropy);
    return { key, epoch: drawEvidence(options, counter, anchor, key) };
  } finally {
    anchor.dispose();
  }
}
