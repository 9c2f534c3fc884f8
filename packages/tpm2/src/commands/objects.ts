/** Making, loading and forgetting objects (Part 3 §12, §24, §28). */
import { bytesEqual } from "@wattseal/base";
import { type AuthValue, authBytes } from "../session/auth-value.js";
import type { Ref } from "../session/exchange.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { MOST_NAME } from "../structures/attest.js";
import { nameOf } from "../structures/name.js";
import { type PcrSelection, pcrSelections } from "../structures/pcr.js";
import { type Public, sizedPublic } from "../structures/public.js";
import { MOST_PRIVATE, noSensitive, sizedSensitiveCreate } from "../structures/sensitive.js";
import { type Ticket, ticket } from "../structures/ticket.js";
import type { SaltKey, Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC, RH } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import type { Reader } from "../wire/reader.js";

const name = buffer(MOST_NAME);
const digest = buffer(MOST_DIGEST);
const privateArea = buffer(MOST_PRIVATE);
const creationData = buffer(1024);
const outsideInfo = buffer(MOST_NAME);

/** An object in the TPM, with what it says of itself. */
export interface LoadedObject extends SaltKey {}

/** What of an object can be kept outside: its private half is readable to its parent alone. */
export interface ObjectBlob {
  readonly publicArea: Public;
  readonly privateArea: Uint8Array;
}

export interface Template {
  readonly publicArea: Public;
  /** Its authorisation value; none by default. */
  readonly auth?: AuthValue;
  /** What is to be sealed. The caller disposes of it. */
  readonly sealed?: Uint8Array;
}

export interface Creation {
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  readonly ticket: Ticket;
}

const NO_PCRS: readonly PcrSelection[] = [];
const NOTHING = new Uint8Array(0);

function creationOf(reader: Reader): Creation {
  return {
    data: creationData.read(reader),
    hash: digest.read(reader),
    ticket: ticket.read(reader),
  };
}

const writeTemplate =
  ({ publicArea, auth, sealed }: Template) =>
  (w: Parameters<typeof name.write>[0]) => {
    const secret = {
      auth: auth === undefined ? NOTHING : authBytes(auth),
      data: sealed ?? NOTHING,
    };
    sizedSensitiveCreate.write(w, secret);
    sizedPublic.write(w, publicArea);
    outsideInfo.write(w, NOTHING);
    pcrSelections.write(w, NO_PCRS);
  };

/** The name that the TPM gives has to be that of what it shows: a wrong one would authenticate something else. */
function requireName(publicArea: Public, given: Uint8Array): void {
  if (!bytesEqual(nameOf(publicArea), given)) {
    throw new TpmError("tpm-response", "the TPM named an object other than the one it showed");
  }
}

function loaded(handle: number, publicArea: Public): LoadedObject {
  return { handle, name: nameOf(publicArea), publicArea };
}

/** TPM2_CreatePrimary: the same template under the same hierarchy gives the same key, as long as its seed lives. */
export async function createPrimary(
  tpm: Tpm,
  hierarchy: Use,
  template: Template,
): Promise<LoadedObject & { readonly creation: Creation }> {
  const { handle, parameters } = await tpm.runForHandle({
    code: CC.createPrimary,
    uses: [hierarchy],
    parameters: writeTemplate(template),
    secret: { command: true },
  });
  const publicArea = sizedPublic.read(parameters);
  const creation = creationOf(parameters);
  requireName(publicArea, name.read(parameters));
  parameters.end();
  return { ...loaded(handle, publicArea), creation };
}

/** TPM2_Create: an object under a storage key. */
export async function create(
  tpm: Tpm,
  parent: Use,
  template: Template,
): Promise<ObjectBlob & { readonly creation: Creation }> {
  const { parameters } = await tpm.run({
    code: CC.create,
    uses: [parent],
    parameters: writeTemplate(template),
    secret: { command: true },
  });
  const blob = {
    privateArea: privateArea.read(parameters),
    publicArea: sizedPublic.read(parameters),
  };
  const creation = creationOf(parameters);
  parameters.end();
  return { ...blob, creation };
}

/** TPM2_Load. */
export async function load(tpm: Tpm, parent: Use, blob: ObjectBlob): Promise<LoadedObject> {
  const { handle, parameters } = await tpm.runForHandle({
    code: CC.load,
    uses: [parent],
    parameters: (w) => {
      privateArea.write(w, blob.privateArea);
      sizedPublic.write(w, blob.publicArea);
    },
  });
  requireName(blob.publicArea, name.read(parameters));
  parameters.end();
  return loaded(handle, blob.publicArea);
}

/** TPM2_LoadExternal of a public key, so that the TPM can verify with it. */
export async function loadExternal(
  tpm: Tpm,
  publicArea: Public,
  hierarchy: number = RH.owner,
): Promise<LoadedObject> {
  const { handle, parameters } = await tpm.runForHandle({
    code: CC.loadExternal,
    parameters: (w) => {
      noSensitive.write(w, undefined);
      sizedPublic.write(w, publicArea);
      w.u32(hierarchy);
    },
  });
  requireName(publicArea, name.read(parameters));
  parameters.end();
  return loaded(handle, publicArea);
}

/**
 * TPM2_ReadPublic: what stands behind a handle. Nothing authenticates the answer, so it counts only where its Name is
 * compared with a known one, as `pinned` does, or where a later authorisation covers it.
 */
export async function readPublic(tpm: Tpm, handle: number): Promise<SaltKey> {
  const { parameters } = await tpm.run({
    code: CC.readPublic,
    refs: [{ handle, name: NOTHING }],
    open: true,
  });
  const publicArea = sizedPublic.read(parameters);
  const given = name.read(parameters);
  requireName(publicArea, given);
  // The qualified name: nothing here could tell a false one.
  name.read(parameters);
  parameters.end();
  return { handle, name: given, publicArea };
}

/**
 * The object at a persistent handle, which has to be the one of this Name. As a salt key, it protects a transaction also
 * against whoever sits between: another key than the pinned one is refused before anything is encrypted for it. Throws
 * TpmError `tpm-evidence`.
 */
export async function pinned(tpm: Tpm, handle: number, expected: Uint8Array): Promise<SaltKey> {
  const found = await readPublic(tpm, handle);
  if (!bytesEqual(found.name, expected)) {
    const at = `0x${handle.toString(16)}`;
    const problem = `the key at ${at} is not the one that was pinned: the TPM was replaced or cleared, or somebody answers in its place`;
    throw new TpmError("tpm-evidence", problem);
  }
  return found;
}

/** TPM2_FlushContext, before the transaction's end. */
export async function flush(tpm: Tpm, handle: number): Promise<void> {
  await tpm.run({ code: CC.flushContext, parameters: (w) => w.u32(handle), open: true });
  tpm.forget(handle);
}

/**
 * TPM2_EvictControl: keeps a loaded object at `persistent` over resets or, given an object that is there, removes it.
 */
export async function evictControl(
  tpm: Tpm,
  owner: Use,
  object: Ref,
  persistent: number,
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.evictControl,
    uses: [owner],
    refs: [object],
    parameters: (w) => w.u32(persistent),
  });
  parameters.end();
}
