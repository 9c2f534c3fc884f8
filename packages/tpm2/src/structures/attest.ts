/** TPMS_ATTEST (Part 2 §10.12.12): what a TPM says when it signs. */
import { buffer, type Codec, yesNo } from "../wire/codec.js";
import { GENERATED, ST } from "../wire/constants.js";
import type { Reader } from "../wire/reader.js";
import { MOST_DIGEST } from "./algorithms.js";
import { type PcrSelection, pcrSelections } from "./pcr.js";

/** TPM2B_NAME: two bytes of algorithm and a digest, or a handle. */
export const MOST_NAME = 2 + MOST_DIGEST;
/** TPM2B_DATA: a digest with its algorithm. */
export const MOST_DATA = 2 + MOST_DIGEST;
const MOST_NV_DATA = 2048;

/** TPMS_CLOCK_INFO. */
export interface ClockInfo {
  /** ms the TPM has been powered, ever. */
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  /** The clock has not been turned back by a power cut. */
  readonly safe: boolean;
}

export const clockInfo: Codec<ClockInfo> = {
  write: (w, v) => {
    w.u64(v.clock);
    w.u32(v.resetCount);
    w.u32(v.restartCount);
    yesNo.write(w, v.safe);
  },
  read: (r) => ({
    clock: r.u64(),
    resetCount: r.u32(),
    restartCount: r.u32(),
    safe: yesNo.read(r),
  }),
};

interface Common {
  /** Name of the signing key's parent chain: qualified name of the signer. */
  readonly qualifiedSigner: Uint8Array;
  /** What the caller gave to be signed along. */
  readonly extraData: Uint8Array;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
}

export interface QuoteAttest extends Common {
  readonly type: "quote";
  readonly selection: readonly PcrSelection[];
  /** Over the selected PCRs' values, concatenated. */
  readonly pcrDigest: Uint8Array;
}

export interface CertifyAttest extends Common {
  readonly type: "certify";
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

export interface NvAttest extends Common {
  readonly type: "nv";
  readonly indexName: Uint8Array;
  readonly offset: number;
  readonly contents: Uint8Array;
}

export type Attest = QuoteAttest | CertifyAttest | NvAttest;

const name = buffer(MOST_NAME);
const data = buffer(MOST_DATA);
const digest = buffer(MOST_DIGEST);
const nvData = buffer(MOST_NV_DATA);

const TAG = { quote: ST.attestQuote, certify: ST.attestCertify, nv: ST.attestNv } as const;

export const attest: Codec<Attest> = {
  write: (w, v) => {
    w.u32(GENERATED);
    w.u16(TAG[v.type]);
    name.write(w, v.qualifiedSigner);
    data.write(w, v.extraData);
    clockInfo.write(w, v.clockInfo);
    w.u64(v.firmwareVersion);
    switch (v.type) {
      case "quote":
        pcrSelections.write(w, v.selection);
        digest.write(w, v.pcrDigest);
        break;
      case "certify":
        name.write(w, v.name);
        name.write(w, v.qualifiedName);
        break;
      case "nv":
        name.write(w, v.indexName);
        w.u16(v.offset);
        nvData.write(w, v.contents);
        break;
    }
  },
  read: (r) => {
    if (r.u32() !== GENERATED) r.fail("not made by a TPM (TPM_GENERATED_VALUE is missing)");
    const tag = r.u16();
    const common = {
      qualifiedSigner: name.read(r),
      extraData: data.read(r),
      clockInfo: clockInfo.read(r),
      firmwareVersion: r.u64(),
    };
    return readAttested(r, tag, common);
  },
};

function readAttested(r: Reader, tag: number, common: Common): Attest {
  switch (tag) {
    case ST.attestQuote: {
      const selection = pcrSelections.read(r);
      return { type: "quote", ...common, selection, pcrDigest: digest.read(r) };
    }
    case ST.attestCertify: {
      const certified = name.read(r);
      return { type: "certify", ...common, name: certified, qualifiedName: name.read(r) };
    }
    case ST.attestNv: {
      const indexName = name.read(r);
      const offset = r.u16();
      return { type: "nv", ...common, indexName, offset, contents: nvData.read(r) };
    }
    default:
      return r.fail(`attestation 0x${tag.toString(16)} is unknown`);
  }
}
