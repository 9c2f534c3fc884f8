/** NV indices (Part 3 §31). */
import { bytesEqual } from "@wattseal/base";
import { type AuthValue, authBytes } from "../session/auth-value.js";
import type { Ref } from "../session/exchange.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { attest, MOST_DATA, MOST_NAME, type NvAttest } from "../structures/attest.js";
import { nvNameOf } from "../structures/name.js";
import { type NvPublic, sizedNvPublic } from "../structures/nv.js";
import { ownScheme } from "../structures/sensitive.js";
import { type Signature, signature } from "../structures/signature.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC, NV, PT } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import { Reader } from "../wire/reader.js";
import type { Attestation } from "./attestation.js";
import { property } from "./basic.js";

const auth = buffer(MOST_DIGEST);
const name = buffer(MOST_NAME);
const data = buffer(MOST_DATA);
const attestation = buffer(4096);
/** MAX_NV_BUFFER_SIZE of the reference implementation. */
const MOST_CHUNK = 1024;
/** Every TPM of the PC Client profile takes this much (PTP §4.7). */
const LEAST_CHUNK = 512;
const chunk = buffer(MOST_CHUNK);
const COUNTER = 8;
const NOTHING = new Uint8Array(0);

/** An index with its public area, whose Name every authorisation covers. */
export interface NvIndex extends Ref {
  readonly publicArea: NvPublic;
}

export function nvIndexOf(publicArea: NvPublic): NvIndex {
  return { handle: publicArea.index, name: nvNameOf(publicArea), publicArea };
}

/** TPM2_NV_DefineSpace. */
export async function nvDefineSpace(
  tpm: Tpm,
  owner: Use,
  publicArea: NvPublic,
  indexAuth: AuthValue,
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.nvDefineSpace,
    uses: [owner],
    parameters: (w) => {
      auth.write(w, authBytes(indexAuth));
      sizedNvPublic.write(w, publicArea);
    },
    secret: { command: true },
  });
  parameters.end();
}

/** TPM2_NV_UndefineSpace. */
export async function nvUndefineSpace(tpm: Tpm, owner: Use, index: Ref): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.nvUndefineSpace,
    uses: [owner],
    refs: [index],
  });
  parameters.end();
}

/**
 * TPM2_NV_ReadPublic. Nothing authenticates the answer: the caller compares the Name with the one it pinned, or uses the
 * index in a protected transaction, where the TPM refuses any other Name.
 */
export async function nvReadPublic(tpm: Tpm, handle: number): Promise<NvIndex> {
  const { parameters } = await tpm.run({
    code: CC.nvReadPublic,
    refs: [{ handle, name: NOTHING }],
    open: true,
  });
  const publicArea = sizedNvPublic.read(parameters);
  const given = name.read(parameters);
  parameters.end();
  const index = nvIndexOf(publicArea);
  if (!bytesEqual(given, index.name) || publicArea.index !== handle) {
    throw new TpmError("tpm-response", "the TPM named an NV index other than the one it showed");
  }
  return index;
}

/** An index's first write sets an attribute of it, and so changes its Name (Part 2 §13.4): as it is after one. */
function written({ publicArea }: NvIndex): NvIndex {
  return nvIndexOf({ ...publicArea, attributes: publicArea.attributes | NV.written });
}

/** An index that authorises its own use changes its Name there too. */
function sameIndex(authority: Use, index: NvIndex): Use {
  return authority.handle === index.handle ? { ...authority, name: index.name } : authority;
}

/**
 * TPM2_NV_Increment; the first one starts above every counter that this TPM ever had. Resolves with the index under its
 * Name of now.
 */
export async function nvIncrement(tpm: Tpm, authority: Use, index: NvIndex): Promise<NvIndex> {
  const { parameters } = await tpm.run({
    code: CC.nvIncrement,
    uses: [sameIndex(authority, index)],
    refs: [index],
  });
  parameters.end();
  return written(index);
}

/** The TPM's own bound (TPM_PT_NV_BUFFER_MAX) where what is to go in one command may exceed it. */
async function chunkSize(tpm: Tpm, wanted: number): Promise<number> {
  if (wanted <= LEAST_CHUNK) return LEAST_CHUNK;
  const most = (await property(tpm, PT.nvBufferMax)) ?? LEAST_CHUNK;
  return Math.min(Math.max(most, 1), MOST_CHUNK);
}

/**
 * TPM2_NV_Write from offset 0 on, in pieces that the TPM takes; a power cut leaves the pieces written so far. Resolves
 * with the index under its Name of now.
 */
export async function nvWrite(
  tpm: Tpm,
  authority: Use,
  index: NvIndex,
  content: Uint8Array,
): Promise<NvIndex> {
  const most = await chunkSize(tpm, content.length);
  let now = index;
  for (let at = 0; at < content.length; at += most) {
    const { parameters } = await tpm.run({
      code: CC.nvWrite,
      uses: [sameIndex(authority, now)],
      refs: [now],
      parameters: (w) => {
        chunk.write(w, content.subarray(at, at + most));
        w.u16(at);
      },
      secret: { command: true },
    });
    parameters.end();
    now = written(now);
  }
  return now;
}

/** TPM2_NV_Read of `size` bytes from offset 0 on. */
export async function nvRead(
  tpm: Tpm,
  authority: Use,
  index: Ref,
  size: number,
): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  const most = await chunkSize(tpm, size);
  for (let at = 0; at < size; at += most) {
    const wanted = Math.min(most, size - at);
    const { parameters } = await tpm.run({
      code: CC.nvRead,
      uses: [authority],
      refs: [index],
      parameters: (w) => {
        w.u16(wanted);
        w.u16(at);
      },
      secret: { response: true },
    });
    const piece = chunk.read(parameters);
    if (piece.length !== wanted) parameters.fail(`${piece.length} bytes of ${wanted}`);
    parameters.end();
    content.set(piece, at);
  }
  return content;
}

/** A counter's value. */
export async function nvReadCounter(tpm: Tpm, authority: Use, index: Ref): Promise<bigint> {
  return new Reader(await nvRead(tpm, authority, index, COUNTER), "NV counter").u64();
}

/** TPM2_NV_Certify: `key` signs what the index holds, with the caller's `qualifyingData`. */
export async function nvCertify(
  tpm: Tpm,
  key: Use,
  authority: Use,
  index: Ref,
  { qualifyingData, size }: { readonly qualifyingData: Uint8Array; readonly size: number },
): Promise<Attestation<NvAttest>> {
  const { parameters } = await tpm.run({
    code: CC.nvCertify,
    uses: [key, authority],
    refs: [index],
    parameters: (w) => {
      data.write(w, qualifyingData);
      ownScheme.write(w, undefined);
      w.u16(size);
      w.u16(0);
    },
  });
  const bytes = attestation.read(parameters);
  const made: Signature = signature.read(parameters);
  parameters.end();
  const reader = new Reader(bytes, "NV certification");
  const said = attest.read(reader);
  reader.end();
  if (said.type !== "nv") throw new TpmError("tpm-response", "not an NV certification");
  return { bytes, signature: made, said };
}
