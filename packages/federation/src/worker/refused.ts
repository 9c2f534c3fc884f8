import { DecodeError, messageOf, WattsealError } from "@wattseal/base";
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { TlogError } from "@wattseal/tlog";
import { UplinkError } from "@wattseal/uplink";

/**
 * malformed: not the format · origin: another pack's or none's · size, root: leaves and checkpoint disagree ·
 * leaf: differs from the stored one · signature: not the pack's epoch key · untrusted: entry 0 is no document of
 * this pack under an accepted authority · epoch: evidence that does not hold here · entry: content that the
 * ledger's rules refuse · fork: contradicts the stored log, validly signed · revoked: of an LCT that is void, slashed or
 * retired · overflow: more held than is kept ·
 * internal: judging it failed, which is no fault of the message's.
 */
export type RefusalReason =
  | "malformed"
  | "origin"
  | "size"
  | "root"
  | "leaf"
  | "signature"
  | "untrusted"
  | "epoch"
  | "entry"
  | "fork"
  | "revoked"
  | "overflow"
  | "internal";

/** A message that is not taken. */
export class Refused extends WattsealError<RefusalReason> {
  /** The pack's epoch key signed it: worth keeping as evidence, and worth an alarm. */
  readonly attested: boolean;

  constructor(
    code: RefusalReason,
    message: string,
    options: ErrorOptions & { readonly attested?: boolean } = {},
  ) {
    const { attested = false, ...rest } = options;
    super(code, "input", message, rest);
    this.attested = attested;
  }
}

const UPLINK_REASON: Readonly<Record<string, RefusalReason>> = {
  "batch-origin": "origin",
  "batch-size": "size",
  "batch-root": "root",
  "batch-note": "malformed",
};

function reasonOf(thrown: unknown): RefusalReason | undefined {
  if (thrown instanceof DecodeError) return "malformed";
  if (thrown instanceof UplinkError) return UPLINK_REASON[thrown.code];
  if (thrown instanceof TlogError) {
    if (thrown.code === "signature") return "signature";
    return thrown.code === "note" ? "malformed" : undefined;
  }
  if (thrown instanceof LctKeysError) {
    if (thrown.code.startsWith("checkpoint-")) return "signature";
    return thrown.code.startsWith("epoch-") ? "epoch" : "untrusted";
  }
  return undefined;
}

/** What decoders and verifiers throw, as a refusal; anything else is a fault of ours: `internal`. */
export function refusalOf(thrown: unknown): Refused {
  if (thrown instanceof Refused) return thrown;
  const reason = reasonOf(thrown) ?? "internal";
  return new Refused(reason, messageOf(thrown), { cause: thrown });
}
