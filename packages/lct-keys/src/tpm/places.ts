/** Persistent handles and NV indices: which are free, and what stands at one. */
import { handlesFrom, nvReadPublic, readPublic, type Tpm, TpmError } from "@wattseal/tpm2";
import type { TpmPlaces } from "./identity.js";

/** In the owner's ranges (TCG Registry of Reserved TPM 2.0 Handles §2.2 and §2.3.2), "Ws" in the middle. */
const FIRST = { key: 0x81577300, index: 0x01857300 } as const;
const MOST_PLACES = 256;

export type Place = keyof TpmPlaces;

function firstOf(place: Place): number {
  return place === "counter" || place === "version" ? FIRST.index : FIRST.key;
}

/** The lowest free handle that is not among `planned`. Throws TpmError `tpm-usage` where hundreds are taken. */
export async function freePlace(
  tpm: Tpm,
  place: Place,
  planned: readonly number[],
): Promise<number> {
  const first = firstOf(place);
  const taken = new Set([...(await handlesFrom(tpm, first)), ...planned]);
  for (let handle = first; handle < first + MOST_PLACES; handle += 1) {
    if (!taken.has(handle)) return handle;
  }
  throw new TpmError("tpm-usage", `no handle is free from 0x${first.toString(16)} on`);
}

export async function freePlaces(tpm: Tpm): Promise<TpmPlaces> {
  const root = await freePlace(tpm, "root", []);
  const attestationKey = await freePlace(tpm, "attestationKey", [root]);
  const anchor = await freePlace(tpm, "anchor", [root, attestationKey]);
  const counter = await freePlace(tpm, "counter", []);
  const version = await freePlace(tpm, "version", [counter]);
  return { root, attestationKey, anchor, counter, version };
}

/** What this client cannot even read is somebody else's. */
async function nameOf(read: Promise<{ readonly name: Uint8Array }>): Promise<Uint8Array> {
  try {
    return (await read).name;
  } catch (thrown) {
    if (thrown instanceof TpmError && thrown.code === "tpm-response") return new Uint8Array(0);
    throw thrown;
  }
}

/** The Name of what stands at this handle; undefined where nothing does. */
export async function nameAt(tpm: Tpm, handle: number): Promise<Uint8Array | undefined> {
  const [present] = await handlesFrom(tpm, handle);
  if (present !== handle) return undefined;
  const isIndex = handle >>> 24 === 1;
  return nameOf(isIndex ? nvReadPublic(tpm, handle) : readPublic(tpm, handle));
}
