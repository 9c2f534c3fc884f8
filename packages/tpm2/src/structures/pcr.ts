import { buffer, type Codec, list } from "../wire/codec.js";
import { ALG } from "../wire/constants.js";
import { type HashAlgorithm, hashAlgorithm, MOST_DIGEST } from "./algorithms.js";

/** PCRs of one bank, by number, ascending. */
export interface PcrSelection {
  readonly hash: HashAlgorithm;
  readonly pcrs: readonly number[];
}

/** A PC Client TPM has 24 PCRs (PTP §4.6); the format allows more. */
const SELECT_BYTES = 3;
const MOST_SELECT_BYTES = 4;
/** HASH_COUNT: banks in a list. */
const MOST_BANKS = 16;

/** TPMS_PCR_SELECTION (Part 2 §10.6.2). */
const pcrSelection: Codec<PcrSelection> = {
  write: (w, { hash, pcrs }) => {
    w.u16(hash);
    const bits = new Uint8Array(SELECT_BYTES);
    for (const pcr of pcrs) bits[pcr >> 3] = (bits[pcr >> 3] ?? 0) | (1 << (pcr & 7));
    w.u8(bits.length);
    w.bytes(bits);
  },
  read: (r) => {
    const hash = hashAlgorithm.read(r);
    const size = r.u8();
    if (size > MOST_SELECT_BYTES) r.fail(`a selection of ${size} bytes`);
    const bits = r.bytes(size);
    const pcrs: number[] = [];
    for (let pcr = 0; pcr < 8 * size; pcr += 1) {
      if (((bits[pcr >> 3] ?? 0) >> (pcr & 7)) & 1) pcrs.push(pcr);
    }
    return { hash, pcrs };
  },
};

/** TPML_PCR_SELECTION. */
export const pcrSelections = list(pcrSelection, MOST_BANKS);

/** TPML_DIGEST; a PCR_Read gives at most 8. */
export const digests = list(buffer(MOST_DIGEST), 8);

export interface DigestValue {
  readonly hash: HashAlgorithm;
  readonly digest: Uint8Array;
}

const DIGEST_LENGTHS = new Map<number, number>([
  [ALG.sha1, 20],
  [ALG.sha256, 32],
  [ALG.sha384, 48],
  [ALG.sha512, 64],
]);

/** TPMT_HA (Part 2 §10.3.2): a digest whose length its algorithm tells. */
const digestValue: Codec<DigestValue> = {
  write: (w, { hash, digest }) => {
    w.u16(hash);
    w.bytes(digest);
  },
  read: (r) => {
    const hash = hashAlgorithm.read(r);
    return { hash, digest: r.bytes(DIGEST_LENGTHS.get(hash) ?? 0) };
  },
};

/** TPML_DIGEST_VALUES. */
export const digestValues = list(digestValue, MOST_BANKS);
