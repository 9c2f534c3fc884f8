/** Public areas of an identity's own keys and counters. */
import {
  ALG,
  ATTESTATION_KEY,
  type EccPublic,
  NV,
  type NvIndex,
  nvIndexOf,
  STORAGE_ROOT,
} from "@wattseal/tpm2";

/** A primary key comes from its hierarchy's seed and its template: `unique` makes it this identity's alone. */
function ownPrimary(template: EccPublic, unique: Uint8Array): EccPublic {
  return { ...template, point: { x: unique, y: new Uint8Array(unique.length) } };
}

export const storageRoot = (unique: Uint8Array): EccPublic => ownPrimary(STORAGE_ROOT, unique);
export const attestationKey = (unique: Uint8Array): EccPublic =>
  ownPrimary(ATTESTATION_KEY, unique);

/** A counter before its first increment, and after it: that changes its Name. */
export function counterAt(index: number): { readonly fresh: NvIndex; readonly written: NvIndex } {
  const area = {
    index,
    nameAlgorithm: ALG.sha256,
    attributes: NV.counter | NV.authRead | NV.authWrite | NV.noDa,
    authPolicy: new Uint8Array(0),
    size: 8,
  } as const;
  const attributes = area.attributes | NV.written;
  return { fresh: nvIndexOf(area), written: nvIndexOf({ ...area, attributes }) };
}
