/** Does a batch or response extend the log whose right edge is known? Signatures are the caller's: they need the pack's keys. */
import { bytesEqual, messageOf, toBase64 } from "@wattseal/base";
import {
  type Checkpoint,
  type Frontier,
  leafHash,
  parseCheckpoint,
  parseNote,
  verifyConsistency,
} from "@wattseal/tlog";
import type { Batch } from "./batch.js";
import { UplinkError } from "./errors.js";
import type { LeafResponse } from "./request.js";

export interface Extension {
  /** As the note states it; not verified. */
  readonly checkpoint: Checkpoint;
  /** After the leaves; the frontier that was given is untouched. */
  readonly frontier: Frontier;
  readonly leafHashes: readonly Uint8Array[];
}

/** The checkpoint in a note that bears one signature; whose, is not verified. Throws UplinkError `batch-note`. */
export function soleCheckpoint(note: string): Checkpoint {
  const refuse = (problem: string, options?: ErrorOptions) =>
    new UplinkError("batch-note", `checkpoint note: ${problem}`, options);
  let parsed: ReturnType<typeof parseNote>;
  let checkpoint: Checkpoint;
  try {
    parsed = parseNote(note);
    checkpoint = parseCheckpoint(parsed.text);
  } catch (cause) {
    throw refuse(messageOf(cause), { cause });
  }
  const count = parsed.signatures.length;
  if (count !== 1) throw refuse(`has ${count} signatures, not one`);
  return checkpoint;
}

/**
 * The batch's leaves, put behind `frontier`, give its checkpoint's root. Throws UplinkError `batch-origin`,
 * `batch-gap`, `batch-size`, `batch-root`, `batch-note`, naming leaves, sizes and roots.
 */
export function checkBatch(batch: Batch, frontier: Frontier): Extension {
  const checkpoint = soleCheckpoint(batch.checkpoint);
  requireOrigin(checkpoint, batch.origin);
  requireNoGap("batch", batch.prevSize, frontier);
  const end = batch.prevSize + batch.leaves.length;
  if (checkpoint.size !== end) {
    const range = `leaves ${batch.prevSize} to ${end - 1}`;
    throw new UplinkError(
      "batch-size",
      `batch: holds ${range}, but its checkpoint is of size ${checkpoint.size}`,
    );
  }
  const extended = extend(frontier, batch.leaves);
  const root = extended.frontier.root();
  if (!bytesEqual(root, checkpoint.root)) {
    throw new UplinkError(
      "batch-root",
      `batch: leaves ${batch.prevSize} to ${end - 1} give root ${toBase64(root)} at size ${end}, its checkpoint says ${toBase64(checkpoint.root)}`,
    );
  }
  return { checkpoint, ...extended };
}

/** The response's leaves, put behind `frontier`, are a prefix of its checkpoint. Errors as for `checkBatch`. */
export function checkResponse(
  response: LeafResponse,
  origin: string,
  frontier: Frontier,
): Extension {
  const checkpoint = soleCheckpoint(response.checkpoint);
  requireOrigin(checkpoint, origin);
  requireNoGap("response", response.prevSize, frontier);
  const extended = extend(frontier, response.leaves);
  const size = extended.frontier.size;
  try {
    verifyConsistency({
      size1: size,
      root1: extended.frontier.root(),
      size2: checkpoint.size,
      root2: checkpoint.root,
      proof: response.proof,
    });
  } catch (cause) {
    throw new UplinkError(
      "batch-root",
      `response: leaves ${response.prevSize} to ${size - 1} are no prefix of its checkpoint of size ${checkpoint.size}`,
      { cause },
    );
  }
  return { checkpoint, ...extended };
}

function requireOrigin(checkpoint: Checkpoint, origin: string): void {
  if (checkpoint.origin === origin) return;
  const names = `${JSON.stringify(checkpoint.origin)}, not ${JSON.stringify(origin)}`;
  throw new UplinkError("batch-origin", `checkpoint: is of the log ${names}`);
}

function requireNoGap(what: string, prevSize: number, frontier: Frontier): void {
  if (prevSize === frontier.size) return;
  throw new UplinkError(
    "batch-gap",
    `${what}: begins at leaf ${prevSize}, but ${frontier.size} leaves are known`,
  );
}

function extend(frontier: Frontier, leaves: readonly Uint8Array[]) {
  const extended = frontier.clone();
  const leafHashes = leaves.map(leafHash);
  for (const hash of leafHashes) extended.append(hash);
  return { frontier: extended, leafHashes };
}
