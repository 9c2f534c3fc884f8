/** The update key's side of `verify/boot-approval.ts`. */
import type { P256SecretKey } from "./keys/p256.js";
import {
  type BootChoice,
  bootPolicyOf,
  encodeBootApproval,
  verifyBootApproval,
} from "./verify/boot-approval.js";
import type { LctDocument } from "./verify/document.js";

/**
 * A boot approval for this LCT, as a `*.boot` file holds it. Throws LctKeysError `boot-approval` when the document has
 * another update key or none, RangeViolation for no version or digest.
 */
export function signBootApproval(
  updateKey: P256SecretKey,
  document: LctDocument,
  choice: BootChoice,
): Uint8Array {
  const { signedBytes } = bootPolicyOf(document, choice);
  const approval = { lct: document.lct, ...choice, signature: updateKey.sign(signedBytes) };
  verifyBootApproval(document, approval);
  return encodeBootApproval(approval);
}
