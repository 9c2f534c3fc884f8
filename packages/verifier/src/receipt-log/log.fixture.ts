/** A federation's receipt log over packs of made-up roots, with real keys. */
import { type Entropy, sha256, utf8 } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import {
  cosign,
  type LogKeys,
  leafHash,
  type NoteSigner,
  rootOf,
  signCheckpoint,
} from "@wattseal/tlog";
import type { Trust } from "../trust/trust.js";
import { encodeReceiptRecord, NO_STATEMENTS, type ReceiptRecord } from "./record.js";

const TIME = 1_760_000_000;

function signerOf(name: string): NoteSigner {
  let counter = 0;
  const entropy: Entropy = {
    bytes: (length) => {
      counter += 1;
      return sha256(utf8(`${name} ${counter}`)).subarray(0, length);
    },
  };
  const key = Ed25519SecretKey.generate(entropy);
  return { name, publicKey: key.publicKey, sign: (bytes) => key.sign(bytes) };
}

export const LOG = signerOf("federation.test/receipts");
/** The log's next key. */
export const LOG_NEXT: NoteSigner = { ...signerOf("receipts, next"), name: LOG.name };
export const WITNESS = signerOf("federation.test");
export const STRANGER = signerOf("stranger.test");
/** The witness's next key. */
export const NEXT: NoteSigner = { ...signerOf("federation.test, next"), name: WITNESS.name };
export const TRUST: Trust = {
  authorities: [],
  witnesses: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
  quorum: 1,
};

const packs = new Map<string, NoteSigner>();
function pack(name: string): NoteSigner {
  const known = packs.get(name) ?? signerOf(`wattseal/${name}`);
  packs.set(name, known);
  return known;
}

export interface Given {
  readonly pack: string;
  readonly size: number;
  readonly first: number;
  /** Tells apart what one pack signs for one size. */
  readonly mark?: string;
  readonly witness?: NoteSigner;
  /** Cosigns too: the witness's other key, while it changes it. */
  readonly also?: NoteSigner;
  readonly statements?: ReceiptRecord["statements"];
}

export function receiptOf({ pack: name, size, mark = "", witness = WITNESS, also }: Given): string {
  const root = sha256(utf8(`${name} ${size} ${mark}`));
  const time = TIME + size;
  const receipt = cosign(signCheckpoint({ size, root }, pack(name)), { ...witness, time });
  return also === undefined ? receipt : cosign(receipt, { ...also, time });
}

export function recordOf(given: Given): Uint8Array {
  const { first, statements = NO_STATEMENTS } = given;
  return encodeReceiptRecord({ receipt: receiptOf(given), first, statements });
}

/** The log's head over leaves. */
export function headOf(
  records: readonly Uint8Array[],
  signer: NoteSigner = LOG,
  ...further: readonly NoteSigner[]
): string {
  const root = rootOf(records.map((record) => leafHash(record)));
  return signCheckpoint({ size: records.length, root }, signer, ...further);
}

/** The log as an auditor has it who accepts these keys. */
export function logOf(...keys: readonly NoteSigner[]): LogKeys {
  return { name: LOG.name, publicKeys: keys.map(({ publicKey }) => publicKey) };
}
