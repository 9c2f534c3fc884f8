import { bytesEqual, type LctId, type Millis } from "@wattseal/base";
import { decodeOrder, MAX_ORDER_LIFE, type OpsCommand, orderKeyId } from "../entries/command.js";
import { LedgerError } from "../errors.js";

/** What an order is held against, where it stands. */
interface Standpoint {
  readonly lct: LctId | undefined;
  readonly synchronised: boolean;
  readonly now: Millis;
}

/**
 * Rule O-7 of docs/ledger-format.md: signed by the key that the entry names, for this log's pack, in time. Whether that
 * key had the right to order is not the log's to say: it names it.
 */
export function checkCommand({ order, key }: OpsCommand, { lct, synchronised, now }: Standpoint) {
  const refuse = (reason: string) => new LedgerError("command", reason);
  const signed = decodeOrder(order);
  if (!bytesEqual(signed.keyId, orderKeyId(key)) || !signed.isSignedBy(key)) {
    throw refuse("the order is not signed by the key beside it");
  }
  if (signed.pack !== lct) throw refuse(`the order is for ${signed.pack}, not for ${lct}`);
  if (signed.chain.length > 0) throw refuse("the order rests on a delegation");
  if (signed.what.action === "isolate") return;
  if (!synchronised)
    throw refuse("a clock that is not synchronised cannot tell whether it is in time");
  const { expires } = signed;
  if (expires <= now || expires > now + MAX_ORDER_LIFE) {
    throw refuse(`the order expires at ${expires}, the pack's time is ${now}`);
  }
}

/** Rule O-8. */
export function checkOutcome(command: number, index: number): void {
  if (command < index) return;
  throw new LedgerError("command", `entry ${command} does not come before its outcome`);
}
