import { bytesEqual, type Entropy, type Logger } from "@wattseal/base";
import {
  createEd25519KeyFile,
  type Ed25519SecretKey,
  LctKeysError,
  openEd25519KeyFile,
} from "@wattseal/lct-keys";
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
  const key = (await exists(path))
    ? await openEd25519KeyFile(path)
    : await makeKey(path, entropy, logger);
  return {
    name: receiptLogName(witness),
    publicKey: key.publicKey,
    sign: (message) => key.sign(message),
  };
}

/** Of several workers that start in one folder at once, one makes it. */
async function makeKey(path: string, entropy: Entropy, logger: Logger): Promise<Ed25519SecretKey> {
  try {
    const key = await createEd25519KeyFile(path, entropy);
    logger.warn("federation.receipt-log-key-made", { path });
    return key;
  } catch (error) {
    if (error instanceof LctKeysError && error.code === "key-exists") {
      return openEd25519KeyFile(path);
    }
    throw error;
  }
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
