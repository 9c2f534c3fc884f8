/**
 * Succession of the receipt log's key: `receipts.pem`, and while it changes `receipts-next.pem` beside it.
 *
 * Trust: whoever reads one of the files can sign a second history of the log, until no auditor accepts that key any more.
 */
import { rename } from "node:fs/promises";
import { type Entropy, messageOf } from "@wattseal/base";
import { createEd25519KeyFile } from "@wattseal/lct-keys";
import { type LogKeys, verifyLogHead } from "@wattseal/tlog";
import { CliError } from "../errors.js";
import { exists } from "../state/files.js";
import type { Layout } from "../state/layout.js";
import { receiptLogOf } from "../state/receipt-log.js";
import { openStoreOf } from "./federation.js";

/** Makes the log's next key, which workers sign under too from their next start on. Done again, it changes nothing. */
export async function beginLogRotation(layout: Layout, entropy: Entropy): Promise<LogKeys> {
  const { receiptLogKey, nextReceiptLogKey } = layout.federation;
  if (!(await exists(receiptLogKey))) {
    throw new CliError(
      "usage",
      `There is no ${receiptLogKey}: the federation's first start makes it`,
    );
  }
  if (!(await exists(nextReceiptLogKey))) {
    (await createEd25519KeyFile(nextReceiptLogKey, entropy)).dispose();
  }
  return receiptLogOf(layout);
}

/**
 * The next key takes the place of the old one, whose file is gone then. Throws CliError `usage` where no rotation is under
 * way, or where the store's newest head is under the old key alone: with the new one alone no worker would go on from it.
 */
export async function finishLogRotation(layout: Layout): Promise<LogKeys> {
  const { receiptLogKey, nextReceiptLogKey } = layout.federation;
  if (!(await exists(nextReceiptLogKey))) {
    throw new CliError(
      "usage",
      `There is no ${nextReceiptLogKey}: begin with wattseal federation rotate --receipt-log, and finish once every auditor has the new key`,
    );
  }
  const { name, publicKeys } = await receiptLogOf(layout);
  const next = { name, publicKeys: publicKeys.slice(1) };
  await requireSigned(layout, next);
  await rename(nextReceiptLogKey, receiptLogKey);
  return next;
}

async function requireSigned(layout: Layout, next: LogKeys): Promise<void> {
  const note = await newestHead(layout);
  if (note === undefined) return;
  try {
    verifyLogHead(note, next);
  } catch (cause) {
    throw new CliError(
      "usage",
      `The newest head of the receipt log is not signed with the next key: start every worker with receipts-next.pem first (${messageOf(cause)})`,
      { cause },
    );
  }
}

async function newestHead(layout: Layout): Promise<string | undefined> {
  const store = await openStoreOf(layout);
  try {
    return (await store.receiptLog()).note;
  } finally {
    await store.close();
  }
}
