/** Witnesses, and how many of them have to have cosigned (the words of C2SP tlog-policy: witness, quorum). */
import { verifyCosignature } from "./cosignature.js";
import { formatVkey, keyId } from "./key.js";
import { type NoteSignature, parseNote } from "./note.js";

/** One witness: its key name, and every key that it may cosign under, several while it changes them. */
export interface Witness {
  readonly name: string;
  /** Ed25519, 32 bytes each. */
  readonly publicKeys: readonly Uint8Array[];
}

/** A cosignature that was verified. */
export interface WitnessLine {
  readonly publicKey: Uint8Array;
  /** When it was made: seconds since 1970, UTC. */
  readonly time: number;
  readonly line: NoteSignature;
}

/**
 * The witness's cosignatures on a checkpoint of `origin`, of each of its keys that made one, in the order of its keys;
 * lines of other keys are ignored. Throws TlogError "note", or "signature" where a line of one of its keys does not hold.
 */
export function witnessLines(
  note: string,
  { name, publicKeys }: Witness,
  origin: string,
): readonly WitnessLine[] {
  const { signatures } = parseNote(note);
  return publicKeys.flatMap((publicKey) => {
    const id = keyId({ name, publicKey, type: "cosignature" });
    const line = signatures.find((found) => found.name === name && found.keyId === id);
    if (line === undefined) return [];
    const { time } = verifyCosignature(note, { name, publicKey, origin });
    return [{ publicKey, time, line }];
  });
}

/** C2SP vkey text of each of its keys. */
export function witnessVkeys({ name, publicKeys }: Witness): readonly string[] {
  return publicKeys.map((publicKey) => formatVkey({ name, publicKey, type: "cosignature" }));
}

/** The largest size that at least `quorum` (1 or more) of these sizes reach; 0 where they are fewer. */
export function quorumSize(sizes: Iterable<number>, quorum: number): number {
  return [...sizes].sort((a, b) => b - a)[quorum - 1] ?? 0;
}
