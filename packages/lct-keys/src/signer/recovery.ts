/** What the signer compares at start: its own state, the log, the log's last signed head, and the last receipt. */
import { bytesEqual, messageOf, toHex } from "@wattseal/base";
import { type Checkpoint, unverifiedCheckpoint, verifyConsistency } from "@wattseal/tlog";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import type { TreeHead } from "./port.js";
import { decodeState, type SignerState } from "./state.js";
import type { StateFiles } from "./state-files.js";

/** The log as the signer sees it at start. */
export interface ContinuedLog extends TreeHead {
  /** The last epoch.begin's counter; 0 when the log has none. */
  readonly lastCounter: number;
  /** The highest version of a boot approval that its epochs stood under; 0 without any. */
  readonly bootVersion: number;
  /** RFC 9162 §2.1.4, from one of its sizes to another. */
  consistencyProof(
    from: number,
    to: number,
  ): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** The last checkpoint signed, as the log keeps it. */
  readonly head: string | undefined;
  /** The last receipt: that checkpoint, or an earlier one, with a cosignature. */
  readonly receipt: string | undefined;
}

/** What the federation stored decides what is true: a signer that does not know it signs no more. */
export const REMEDY =
  "put the newest copy of log and signer back, both together; where there is none, have the registry void this LCT, and make a new identity that succeeds it (wattseal init --succeeds)";

function refuseState(problem: string, options?: ErrorOptions): never {
  throw new LctKeysError("state-rolled-back", `${problem}; ${REMEDY}`, options);
}

async function readState(
  files: StateFiles,
  epoch: number,
  document: LctDocument,
): Promise<SignerState | undefined> {
  const content = await files.read(epoch);
  if (content.length === 0) return undefined;
  const corrupt = (problem: string, options?: ErrorOptions) =>
    new LctKeysError("state-corrupt", `state file epoch-${epoch}: ${problem}; ${REMEDY}`, options);
  let state: SignerState;
  try {
    state = decodeState(content);
  } catch (cause) {
    throw corrupt(messageOf(cause), { cause });
  }
  if (state.epoch !== epoch) throw corrupt(`is of epoch ${state.epoch}`);
  if (state.lct !== document.lct) {
    throw new LctKeysError(
      "anchor-mismatch",
      `state file epoch-${epoch} is of ${state.lct}, not of ${document.lct}`,
    );
  }
  return state;
}

/** The newest state among earlier claims; a claim without content never signed anything. */
export async function newestState(
  files: StateFiles,
  earlier: readonly number[],
  document: LctDocument,
): Promise<SignerState | undefined> {
  for (const epoch of earlier.toReversed()) {
    const state = await readState(files, epoch, document);
    if (state !== undefined) return state;
  }
  return undefined;
}

function requireStateCovers(
  state: SignerState | undefined,
  name: string,
  note: string | undefined,
  document: LctDocument,
): void {
  if (note === undefined) return;
  let signed: Checkpoint;
  try {
    signed = unverifiedCheckpoint(note);
  } catch (cause) {
    throw new LctKeysError("log-forked", `the ${name} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (signed.origin !== document.origin) {
    throw new LctKeysError(
      "log-forked",
      `the ${name} is of ${signed.origin}, not ${document.origin}`,
    );
  }
  if (state === undefined || signed.size > state.size) {
    const own = state === undefined ? "nothing signed yet" : `${state.size} as the last signed`;
    refuseState(`the ${name} shows size ${signed.size}, but the signer's state knows ${own}`);
  }
  if (signed.size === state.size && !bytesEqual(signed.root, state.root)) {
    throw new LctKeysError(
      "log-forked",
      `size ${signed.size} has root ${toHex(signed.root)} in the ${name} and ${toHex(state.root)} in the signer's state; ${REMEDY}`,
    );
  }
}

/** Throws `log-rolled-back`, `log-forked`. */
export async function requireLogExtends(state: SignerState, log: ContinuedLog): Promise<void> {
  if (log.size < state.size) {
    throw new LctKeysError(
      "log-rolled-back",
      `the log holds ${log.size} entries, but size ${state.size} is the last signed; ${REMEDY}`,
    );
  }
  const same = log.size === state.size;
  const proof = same ? [] : await log.consistencyProof(state.size, log.size);
  try {
    verifyConsistency({
      size1: state.size,
      root1: state.root,
      size2: log.size,
      root2: log.root,
      proof,
    });
  } catch (cause) {
    throw new LctKeysError(
      "log-forked",
      `the log of ${log.size} entries does not extend the last signed size, ${state.size} (${messageOf(cause)}); ${REMEDY}`,
      { cause },
    );
  }
}

/** Throws `state-rolled-back`, `log-rolled-back`, `log-forked`; each names both sides. */
export async function requireAgreement(
  state: SignerState | undefined,
  lastClaimed: number,
  log: ContinuedLog,
  document: LctDocument,
): Promise<void> {
  if (lastClaimed < log.lastCounter) {
    refuseState(
      `the log shows epoch ${log.lastCounter}, but the signer's counter stands at ${lastClaimed}`,
    );
  }
  if (state === undefined && log.lastCounter > 0) {
    refuseState(`the log shows epoch ${log.lastCounter}, but the signer's state is empty`);
  }
  requireStateCovers(state, "log's head", log.head, document);
  requireStateCovers(state, "last receipt", log.receipt, document);
  if (state !== undefined) await requireLogExtends(state, log);
}
