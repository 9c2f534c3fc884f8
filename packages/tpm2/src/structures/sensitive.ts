import { buffer, type Codec, sized } from "../wire/codec.js";
import { ALG } from "../wire/constants.js";
import { MOST_DIGEST } from "./algorithms.js";

/** What a TPM2B_PRIVATE holds: nobody but its parent can say. */
export const MOST_PRIVATE = 1536;
/** MAX_SYM_DATA: sealed bytes. */
export const MOST_SEALED = 128;

/** TPMS_SENSITIVE_CREATE (Part 2 §11.1.15): secrets of an object to be made. */
export interface SensitiveCreate {
  readonly auth: Uint8Array;
  /** What is to be sealed; empty where the TPM draws the key. */
  readonly data: Uint8Array;
}

const auth = buffer(MOST_DIGEST);
const data = buffer(MOST_SEALED);

const sensitiveCreate: Codec<SensitiveCreate> = {
  write: (w, v) => {
    auth.write(w, v.auth);
    data.write(w, v.data);
  },
  read: (r) => ({ auth: auth.read(r), data: data.read(r) }),
};

/** TPM2B_SENSITIVE_CREATE. */
export const sizedSensitiveCreate = sized(sensitiveCreate);

/** TPM2B_SENSITIVE of an object that is loaded by its public half alone: empty. */
export const noSensitive: Codec<undefined> = {
  write: (w) => w.u16(0),
  read: (r) => (r.u16() === 0 ? undefined : r.fail("a private half where none belongs")),
};

/** TPMT_HA-less signing scheme of a Sign command: the key's own (TPM_ALG_NULL). */
export const ownScheme: Codec<undefined> = {
  write: (w) => w.u16(ALG.null),
  read: (r) => (r.u16() === ALG.null ? undefined : r.fail("a scheme where none belongs")),
};
