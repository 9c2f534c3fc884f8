import { buffer, type Codec, sized } from "../wire/codec.js";
import { type HashAlgorithm, hashAlgorithm, MOST_DIGEST } from "./algorithms.js";

/** TPMS_NV_PUBLIC (Part 2 §13.5). */
export interface NvPublic {
  /** The handle: 0x01…… */
  readonly index: number;
  readonly nameAlgorithm: HashAlgorithm;
  /** TPMA_NV: sums of `NV`. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  /** Bytes; 8 for a counter. */
  readonly size: number;
}

const digest = buffer(MOST_DIGEST);

export const nvPublic: Codec<NvPublic> = {
  write: (w, v) => {
    w.u32(v.index);
    w.u16(v.nameAlgorithm);
    w.u32(v.attributes);
    digest.write(w, v.authPolicy);
    w.u16(v.size);
  },
  read: (r) => ({
    index: r.u32(),
    nameAlgorithm: hashAlgorithm.read(r),
    attributes: r.u32(),
    authPolicy: digest.read(r),
    size: r.u16(),
  }),
};

/** TPM2B_NV_PUBLIC. */
export const sizedNvPublic = sized(nvPublic);
