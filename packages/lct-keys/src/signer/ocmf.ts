/**
 * The anchor's word for one day. A record stays beside the anchor once it was given, and the same day gets the same
 * record again: under one page the anchor signs one payload, ever.
 *
 * Trust: who can write this directory holds the anchor itself (keys/key-file.ts); taking a record away gains them
 * nothing that the anchor's file does not give.
 */
import { link, open, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { sha256, toHex, utf8 } from "@wattseal/base";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { encodeOcmf, type OcmfDay, ocmfPayload, verifyOcmf } from "../verify/ocmf.js";
import type { Anchor } from "./anchor.js";

const OWNER_ONLY = 0o600;

/** Where records are kept, and who signs them. */
export interface OcmfSetting {
  readonly directory: string;
  readonly anchor: Anchor;
  /** Verified; its anchor is `anchor`. */
  readonly document: LctDocument;
}

/** Throws as `OcmfSigner.ocmf` does. */
export async function signDay(
  { directory, anchor, document }: OcmfSetting,
  day: OcmfDay,
): Promise<string> {
  const payload = ocmfPayload(day, document);
  const path = join(directory, `ocmf-${day.page}`);
  const given = await readGiven(path);
  if (given !== undefined) return requireSame(given, payload, anchor.publicKey, day.page);
  const record = encodeOcmf(payload, await anchor.sign(utf8(payload)));
  if (await keep(directory, path, record)) return record;
  const other = await readGiven(path);
  return requireSame(other ?? "", payload, anchor.publicKey, day.page);
}

function requireSame(record: string, payload: string, anchor: Uint8Array, page: number): string {
  if (verifyOcmf(record, anchor) === payload) return record;
  throw new LctKeysError("ocmf-signed", `page ${page} was signed with another payload before`);
}

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error && "code" in thrown ? thrown.code : undefined;

async function readGiven(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw cause;
  }
}

/** Durable, whole or not at all; false when another process was first. */
async function keep(directory: string, path: string, record: string): Promise<boolean> {
  // no two signatures are the same, and neither are their drafts
  const draft = `${path}.${toHex(sha256(utf8(record)).subarray(0, 8))}.draft`;
  const file = await open(draft, "wx", OWNER_ONLY);
  try {
    await file.writeFile(record);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    throw cause;
  } finally {
    await unlink(draft);
  }
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return true;
}
