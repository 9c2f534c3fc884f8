/** Whether the TPM at hand is the one that an identity was made in, and what to do where it is not. */
import { bytesEqual } from "@wattseal/base";
import { createPrimary, isRefusal, nameOf, pinned, RH, TpmError, type Use } from "@wattseal/tpm2";
import { LctKeysError } from "../verify/errors.js";
import { permanent, type TpmAccess, transact } from "./access.js";
import { endorsementTemplate } from "./endorsement.js";
import type { TpmIdentity } from "./identity.js";

const CLEARED =
  "the TPM is the same, but was cleared or its keys removed: they are gone for good. Have the registry void this LCT, and make a new identity that succeeds it";
const REPLACED =
  "this is another TPM than the one the identity was made in: put the board's own back (of an emulator: its state), or have the registry void this LCT and make a new identity that succeeds it";

/** With a value of its own that is not given, the endorsement hierarchy tells nothing: then no. */
async function hasSameEndorsement(
  access: TpmAccess,
  { endorsement }: TpmIdentity,
  auth: Use["auth"],
): Promise<boolean> {
  const publicArea = endorsementTemplate(endorsement);
  try {
    const found = await transact(access, undefined, (tpm) =>
      createPrimary(tpm, permanent(RH.endorsement, auth), { publicArea }),
    );
    return bytesEqual(found.name, nameOf(endorsement));
  } catch (thrown) {
    if (isRefusal(thrown, "bad-auth")) return false;
    throw thrown;
  }
}

/**
 * `endorsement`: the hierarchy's authorisation value, for a better answer where it has one. Throws LctKeysError
 * `tpm-cleared`, `tpm-replaced`; TpmError where the TPM does not answer.
 */
export async function requireSameTpm(
  access: TpmAccess,
  identity: TpmIdentity,
  endorsement?: Use["auth"],
): Promise<void> {
  const { handle, name } = identity.root;
  try {
    await transact(access, undefined, (tpm) => pinned(tpm, handle, name));
  } catch (cause) {
    const other = cause instanceof TpmError && cause.code === "tpm-evidence";
    if (!other && !isRefusal(cause, "handle")) throw cause;
    if (await hasSameEndorsement(access, identity, endorsement)) {
      throw new LctKeysError("tpm-cleared", CLEARED, { cause });
    }
    throw new LctKeysError("tpm-replaced", REPLACED, { cause });
  }
}
