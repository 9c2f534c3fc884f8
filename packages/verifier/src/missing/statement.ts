/** A federation's word that it has lost entries of a log, and that nobody it asked has them: a signed note (C2SP). */
import { bytesEqual, fromUtf8, type Millis, messageOf, millis, utf8 } from "@wattseal/base";
import { type NoteSigner, parseNote, signNote, verifyNote } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { Trust } from "../trust/trust.js";

export interface MissingEntries {
  /** Of the log: `wattseal/<pack>`. */
  readonly origin: string;
  /** Entries `from` up to, not including, `to`. */
  readonly from: number;
  readonly to: number;
  /** UTC ms, in whole seconds: when it was said. */
  readonly time: Millis;
}

/** As verified: `witness` is who said so, undefined where nobody to believe was named. */
export interface MissingReport extends MissingEntries {
  readonly witness: string | undefined;
}

const HEADER = "wattseal-missing-1";
const WHOLE = "(0|[1-9]\\d{0,14})";
const TEXT = new RegExp(`^${HEADER}\\n(wattseal/[a-z2-7]{32})\\n${WHOLE} ${WHOLE}\\n${WHOLE}\\n$`);

export function isMissingStatement(bytes: Uint8Array): boolean {
  return bytesEqual(bytes.subarray(0, HEADER.length), utf8(HEADER));
}

export function signMissing(missing: MissingEntries, signer: NoteSigner): string {
  const { origin, from, to, time } = missing;
  const seconds = Math.floor(time / 1000);
  return signNote(`${HEADER}\n${origin}\n${from} ${to}\n${seconds}\n`, signer);
}

/** Throws VerifierError `file` for what is no such statement, `trust` where no accepted witness signed it. */
export function verifyMissing(bytes: Uint8Array, trust: Trust | undefined): MissingReport {
  let note: string;
  let text: string;
  try {
    note = fromUtf8(bytes, "statement");
    ({ text } = parseNote(note));
  } catch (cause) {
    throw new VerifierError("file", messageOf(cause), { cause });
  }
  const [, origin, from, to, seconds] = TEXT.exec(text) ?? [];
  if (origin === undefined || Number(from) >= Number(to)) {
    throw new VerifierError("file", "it is no statement of missing entries");
  }
  const said = { origin, from: Number(from), to: Number(to), time: millis(1000 * Number(seconds)) };
  return { ...said, witness: trust && signerIn(note, trust) };
}

function signerIn(note: string, { witnesses }: Trust): string {
  for (const { name, publicKeys } of witnesses) {
    for (const publicKey of publicKeys) {
      try {
        verifyNote(note, { name, publicKey });
        return name;
      } catch {
        // another one's, perhaps
      }
    }
  }
  throw new VerifierError("trust", "no accepted witness signed it");
}
