import { bytesEqual, type Entropy, type Logger } from "@wattseal/base";
import { createEd25519KeyFile, openEd25519KeyFile } from "@wattseal/lct-keys";
import { formatVkey, type NoteSigner } from "@wattseal/tlog";
import { decodeTrust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { exists, readRequired } from "./files.js";
import type { Layout } from "./layout.js";

/** Origin of the log of a witness's receipts. */
function receiptLogName(witness: string): string {
  return `${witness}/receipts`;
}

/**
 * The key of the receipt log's heads. A state folder of an older program has none: it is made, and told, since all workers
 * on one store need the same.
 */
export async function openReceiptLogKey(
  { federation }: Layout,
  witness: string,
  { entropy, logger }: { readonly entropy: Entropy; readonly logger: Logger },
): Promise<NoteSigner> {
  const path = federation.receiptLogKey;
  const isNew = !(await exists(path));
  const key = isNew ? await createEd25519KeyFile(path, entropy) : await openEd25519KeyFile(path);
  if (isNew) logger.warn("federation.receipt-log-key-made", { path });
  return {
    name: receiptLogName(witness),
    publicKey: key.publicKey,
    sign: (message) => key.sign(message),
  };
}

/** Its public half, as auditors pin it. Throws CliError, LctKeysError. */
export async function receiptLogVkey({ federation }: Layout): Promise<string> {
  const own = await openEd25519KeyFile(federation.witnessKey);
  const { witnesses } = decodeTrust(await readRequired(federation.trust));
  const witness = witnesses.find(({ publicKeys }) =>
    publicKeys.some((publicKey) => bytesEqual(publicKey, own.publicKey)),
  );
  if (witness === undefined) {
    throw new CliError("config", `${federation.trust} does not name the key in witness.pem`);
  }
  const { publicKey } = await openEd25519KeyFile(federation.receiptLogKey);
  return formatVkey({ name: receiptLogName(witness.name), publicKey, type: "ed25519" });
}
