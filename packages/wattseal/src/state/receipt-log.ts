import { rename } from "node:fs/promises";
import { bytesEqual, type Entropy, type Logger } from "@wattseal/base";
import {
  createEd25519KeyFile,
  type Ed25519SecretKey,
  LctKeysError,
  openEd25519KeyFile,
} from "@wattseal/lct-keys";
import { formatVkey, type LogKeys, type NoteSigner } from "@wattseal/tlog";
import { decodeTrust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { exists, readRequired } from "./files.js";
import type { Layout } from "./layout.js";
import { noteSigner, publicKeyIn } from "./note-keys.js";

/** Origin of the log of a witness's receipts. */
function receiptLogName(witness: string): string {
  return `${witness}/receipts`;
}

/**
 * The key of the receipt log's heads, and the one that follows while there is one. A state folder of an older program has
 * none: it is made, and told, since all workers on one store need the same.
 */
export async function openReceiptLogKeys(
  { federation }: Layout,
  witness: string,
  { entropy, logger }: { readonly entropy: Entropy; readonly logger: Logger },
): Promise<{ readonly receiptLogKey: NoteSigner; readonly nextReceiptLogKey?: NoteSigner }> {
  const { receiptLogKey: path, nextReceiptLogKey: nextPath } = federation;
  const name = receiptLogName(witness);
  const key = (await exists(path))
    ? await openEd25519KeyFile(path)
    : await makeKey(path, entropy, logger);
  const next = (await exists(nextPath)) ? await openEd25519KeyFile(nextPath) : undefined;
  const receiptLogKey = noteSigner(name, key);
  return next === undefined
    ? { receiptLogKey }
    : { receiptLogKey, nextReceiptLogKey: noteSigner(name, next) };
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

/** For a store that is rebuilt: its log of receipts went with it, and under its keys another one would contradict it. */
export async function setLogKeysAside({ federation }: Layout, logger: Logger): Promise<void> {
  for (const path of [federation.nextReceiptLogKey, federation.receiptLogKey]) {
    if (!(await exists(path))) continue;
    const aside = await freeName(`${path}.before-rebuild`);
    await rename(path, aside);
    logger.warn("rebuild.receipt-log-key-replaced", { path, aside });
  }
}

async function freeName(path: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    if (!(await exists(`${path}-${n}`))) return `${path}-${n}`;
  }
}

/** The log's origin and the public halves of its keys, as auditors pin them. Throws CliError, LctKeysError. */
export async function receiptLogOf({ federation }: Layout): Promise<LogKeys> {
  const own = await publicKeyIn(federation.witnessKey);
  const { witnesses } = decodeTrust(await readRequired(federation.trust));
  const witness = witnesses.find(({ publicKeys }) =>
    publicKeys.some((publicKey) => bytesEqual(publicKey, own)),
  );
  if (witness === undefined) {
    throw new CliError("config", `${federation.trust} does not name the key in witness.pem`);
  }
  const { receiptLogKey, nextReceiptLogKey } = federation;
  const files = (await exists(nextReceiptLogKey))
    ? [receiptLogKey, nextReceiptLogKey]
    : [receiptLogKey];
  const publicKeys = await Promise.all(files.map(publicKeyIn));
  return { name: receiptLogName(witness.name), publicKeys };
}

/** C2SP vkey text of each of its keys. */
export function logVkeys({ name, publicKeys }: LogKeys): readonly string[] {
  return publicKeys.map((publicKey) => formatVkey({ name, publicKey, type: "ed25519" }));
}
