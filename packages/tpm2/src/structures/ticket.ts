import { buffer, type Codec, u32 } from "../wire/codec.js";
import { ST } from "../wire/constants.js";
import { MOST_DIGEST } from "./algorithms.js";

/** TPMT_TK_*: a TPM's own note that it has checked something (Part 2 §10.7). */
export interface Ticket {
  readonly tag: number;
  readonly hierarchy: number;
  readonly digest: Uint8Array;
}

const TAGS: readonly number[] = [
  ST.creation,
  ST.verified,
  ST.authSecret,
  ST.hashCheck,
  ST.authSigned,
];
const digest = buffer(MOST_DIGEST);

export const ticket: Codec<Ticket> = {
  write: (w, v) => {
    w.u16(v.tag);
    u32.write(w, v.hierarchy);
    digest.write(w, v.digest);
  },
  read: (r) => {
    const tag = r.u16();
    if (!TAGS.includes(tag)) r.fail(`0x${tag.toString(16)} is no ticket`);
    return { tag, hierarchy: r.u32(), digest: digest.read(r) };
  },
};
