/** C2SP tlog-cosignature v1 (Ed25519): a witness's word that, at a time, this was the largest consistent head it saw. */
import { concatBytes, utf8, verifyEd25519, viewOf } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { type Checkpoint, parseCheckpoint, requireOriginIs } from "./checkpoint.js";
import { keyId } from "./key.js";
import { addSignature, type NoteSigner, parseNote, signatureOf, signBytes } from "./note.js";

const TIME_LENGTH = 8;
const COSIGNATURE_LENGTH = TIME_LENGTH + 64;

export interface Cosigned {
  readonly checkpoint: Checkpoint;
  /** Seconds since 1970, UTC. */
  readonly time: number;
}

function signedMessage(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

/**
 * Adds a cosignature to a signed checkpoint and returns the whole note. Verifies nothing: the witness has
 * checked the log's signature and its growth before. `time` is in seconds since 1970.
 */
export function cosign(note: string, witness: NoteSigner & { readonly time: number }): string {
  const { time } = witness;
  if (!Number.isSafeInteger(time) || time < 0) {
    throw new TlogError("range", `${time} is not a time in whole seconds`);
  }
  const parsed = parseNote(note);
  parseCheckpoint(parsed.text);
  const stamp = new Uint8Array(TIME_LENGTH);
  viewOf(stamp).setBigUint64(0, BigInt(time));
  const signature = concatBytes(stamp, signBytes(witness, signedMessage(parsed.text, time)));
  const id = keyId({ ...witness, type: "cosignature" });
  return addSignature(parsed, { name: witness.name, keyId: id, signature });
}

/**
 * Verifies the witness's cosignature, and only that; `origin`, where given, has to be the log's.
 * Throws TlogError "note" or "signature".
 */
export function verifyCosignature(
  note: string,
  witness: { readonly name: string; readonly publicKey: Uint8Array; readonly origin?: string },
): Cosigned {
  const parsed = parseNote(note);
  const signature = signatureOf(parsed, { ...witness, type: "cosignature" });
  if (signature.length !== COSIGNATURE_LENGTH) {
    throw new TlogError("signature", `note: the cosignature by ${witness.name} has not 72 bytes`);
  }
  const seconds = viewOf(signature).getBigUint64(0);
  const time = Number(seconds);
  const message = signedMessage(parsed.text, time);
  const signed = verifyEd25519(witness.publicKey, message, signature.subarray(TIME_LENGTH));
  if (!Number.isSafeInteger(time) || !signed) {
    throw new TlogError("signature", `note: the cosignature by ${witness.name} is wrong`);
  }
  const checkpoint = parseCheckpoint(parsed.text);
  if (witness.origin !== undefined) requireOriginIs(checkpoint, witness.origin);
  return { checkpoint, time };
}
