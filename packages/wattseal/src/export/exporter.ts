import { InvariantViolation } from "@wattseal/base";
import type { Entry } from "@wattseal/energy-ledger";
import type { ExportHead, Period } from "@wattseal/energy-ledger/exports";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { LogReplay } from "@wattseal/verifier";

/** Text out of entries that the verifier let pass. */
export interface Exporter {
  readonly start: string;
  /** Rows of an entry that was just replayed. */
  take(index: number, entry: Entry): string;
  /** What follows once the head over all entries has verified. */
  finish(): Iterable<string> | AsyncIterable<string>;
  /** For people, where nothing came of it. */
  readonly nothing: string;
  /** For people, after `finish`. */
  readonly notes?: () => readonly string[];
}

export interface ExportSetting {
  /** The log as far as it is replayed. */
  readonly replay: LogReplay;
  readonly head: ExportHead;
  readonly period: Period;
  /** Texts beside the log, by name. */
  readonly stored: (name: string) => string | undefined;
  /** State folder with the software anchor, to sign OCMF records that are not there. */
  readonly state: string | undefined;
}

export function documentOf({ chain }: LogReplay): LctDocument {
  if (chain === undefined) throw new InvariantViolation("a signed log without its document");
  return chain.document;
}
