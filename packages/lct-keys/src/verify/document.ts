/** LCT documents: the genesis body, signed by the authority named in it. */
import {
  bytesEqual,
  DecodeError,
  type LctId,
  labelOf,
  lctId,
  originOf,
  sha256,
  toBase32,
  toHex,
  verifySign1,
} from "@wattseal/base";
import { authorityKeyId, decodeStatement, type TrustedKeys } from "./authority.js";
import { LctKeysError } from "./errors.js";
import { decodeGenesis, type LctGenesis } from "./genesis.js";

const ID_BYTES = 20;
/** Well inside an entry's 16 KiB. */
const MAX_DOCUMENT_BYTES = 12_288;

export interface LctDocument extends LctGenesis {
  readonly lct: LctId;
  /** The base32 part of the id; topic level in MQTT. */
  readonly label: string;
  /** `wattseal/<label>`: origin of this LCT's log and name of its checkpoint key. */
  readonly origin: string;
  /** SHA-256 of the genesis body: 32 bytes. */
  readonly packHash: Uint8Array;
  readonly genesisBody: Uint8Array;
  /** The whole COSE_Sign1, as `lct.document` carries it. */
  readonly bytes: Uint8Array;
}

/** SHA-256 of a genesis body: 32 bytes. */
export function packHashOf(genesisBody: Uint8Array): Uint8Array {
  return sha256(genesisBody);
}

/** `lct:<kind>:<base32 of the first 20 bytes of SHA-256(genesis body)>`. Throws DecodeError when it is no genesis body. */
export function lctIdOf(genesisBody: Uint8Array): LctId {
  const label = toBase32(packHashOf(genesisBody).subarray(0, ID_BYTES));
  return lctId(`lct:${decodeGenesis(genesisBody).kind}:${label}`);
}

/**
 * Decodes a document and checks its signature under the issuer key it names; with a list of trusted keys the
 * issuer must be among them, with "self-consistent" the issuer is not judged. Whether the LCT is still active
 * is for the log's lct.status entries to say. Throws DecodeError, or LctKeysError `document-signature`,
 * `document-untrusted`.
 */
export function verifyLctDocument(
  bytes: Uint8Array,
  trust: TrustedKeys | "self-consistent",
): LctDocument {
  const what = "LCT document";
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    throw new DecodeError(what, MAX_DOCUMENT_BYTES, `is longer than ${MAX_DOCUMENT_BYTES} bytes`);
  }
  const message = decodeStatement(bytes, what);
  const genesis = decodeGenesis(message.payload);
  const issuer = genesis.issuer.publicKey;
  if (!bytesEqual(message.keyId, authorityKeyId(issuer))) {
    throw new LctKeysError("document-signature", "the document's key id is not its issuer's");
  }
  if (trust !== "self-consistent" && !trust.some((key) => bytesEqual(key, issuer))) {
    throw new LctKeysError(
      "document-untrusted",
      `the document's issuer ${toHex(message.keyId)} is not a trusted authority`,
    );
  }
  if (!verifySign1(message, issuer)) {
    throw new LctKeysError(
      "document-signature",
      "the document's signature does not verify under its issuer's key",
    );
  }
  const lct = lctIdOf(message.payload);
  const label = labelOf(lct);
  return {
    ...genesis,
    lct,
    label,
    origin: originOf(label),
    packHash: packHashOf(message.payload),
    genesisBody: message.payload,
    bytes: new Uint8Array(bytes),
  };
}

/**
 * A log is one society's, a pack's or one that spans packs, and its LCT's anchor begins its epochs (design: ledger).
 * Throws LctKeysError `document-kind` for the document of anything else.
 */
export function requireLogDocument({ kind, lct }: LctDocument): void {
  if (kind === "pack" || kind === "society") return;
  throw new LctKeysError(
    "document-kind",
    `${lct} is a ${kind}: only a pack or a society has a log`,
  );
}
