/**
 * A federation's witness keys, and their succession: `witness.pem`, and while the key changes `witness-next.pem` beside it.
 *
 * Trust: whoever reads one of the files can cosign what this witness never saw, until nobody accepts that key any more.
 */
import { rename } from "node:fs/promises";
import { bytesEqual, type Entropy } from "@wattseal/base";
import { createEd25519KeyFile, openEd25519KeyFile } from "@wattseal/lct-keys";
import type { NoteSigner, Witness } from "@wattseal/tlog";
import { decodeTrust, encodeTrust, type Trust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { exists, readRequired, writeWhole } from "../state/files.js";
import type { Layout } from "../state/layout.js";
import { noteSigner, publicKeyIn } from "../state/note-keys.js";

/** The witness's key, and the one that follows while there is one; both have to be in the trust file under one name. */
export async function openWitnessKeys(
  { federation }: Layout,
  trust: Trust,
): Promise<{ readonly witnessKey: NoteSigner; readonly nextWitnessKey: NoteSigner | undefined }> {
  const key = await openEd25519KeyFile(federation.witnessKey);
  const witness = witnessOf(trust, key.publicKey);
  if (witness === undefined) {
    throw new CliError(
      "config",
      `${federation.trust} does not name the key in ${federation.witnessKey} as a witness`,
    );
  }
  const witnessKey = noteSigner(witness.name, key);
  if (!(await exists(federation.nextWitnessKey))) return { witnessKey, nextWitnessKey: undefined };
  const next = await openEd25519KeyFile(federation.nextWitnessKey);
  if (!hasKey(witness, next.publicKey)) {
    throw new CliError(
      "config",
      `${federation.trust} does not name the key in ${federation.nextWitnessKey} as one of ${witness.name}. Begin again: wattseal federation rotate`,
    );
  }
  return { witnessKey, nextWitnessKey: noteSigner(witness.name, next) };
}

/**
 * Makes the witness's next key, and names it in the federation's trust file; both are used from its next start on. Done
 * again, it goes on where it was interrupted, and changes nothing where nothing is left to do.
 */
export async function beginRotation(layout: Layout, entropy: Entropy): Promise<Witness> {
  const { federation } = layout;
  const { trust, witness } = await ownWitness(layout);
  if (!(await exists(federation.nextWitnessKey))) {
    const made = await createEd25519KeyFile(federation.nextWitnessKey, entropy);
    made.dispose();
  }
  const next = await publicKeyIn(federation.nextWitnessKey);
  if (hasKey(witness, next)) return witness;
  return writeWitness(layout, trust, { ...witness, publicKeys: [...witness.publicKeys, next] });
}

/**
 * The next key takes the place of the old one, whose file is gone then. Done again, it goes on where it was interrupted.
 * Throws CliError `usage` where no rotation is under way.
 */
export async function finishRotation(layout: Layout): Promise<Witness> {
  const { federation } = layout;
  const { trust, witness } = await ownWitness(layout);
  const isUnderWay = await exists(federation.nextWitnessKey);
  if (!isUnderWay && witness.publicKeys.length === 1) {
    throw new CliError(
      "usage",
      `There is no ${federation.nextWitnessKey}: begin with wattseal federation rotate, and finish once every gateway and auditor has the new key`,
    );
  }
  if (isUnderWay) {
    const next = await publicKeyIn(federation.nextWitnessKey);
    if (!hasKey(witness, next)) {
      throw new CliError("usage", "The rotation has only half begun: wattseal federation rotate");
    }
    await rename(federation.nextWitnessKey, federation.witnessKey);
  }
  const publicKeys = [await publicKeyIn(federation.witnessKey)];
  return writeWitness(layout, trust, { ...witness, publicKeys });
}

/** Who the key in `witness.pem` is of. */
async function ownWitness({ federation }: Layout) {
  const trust = decodeTrust(await readRequired(federation.trust));
  const witness = witnessOf(trust, await publicKeyIn(federation.witnessKey));
  if (witness !== undefined) return { trust, witness };
  throw new CliError(
    "config",
    `${federation.trust} does not name the key in ${federation.witnessKey} as a witness`,
  );
}

async function writeWitness(
  { federation }: Layout,
  trust: Trust,
  changed: Witness,
): Promise<Witness> {
  const witnesses = trust.witnesses.map((witness) =>
    witness.name === changed.name ? changed : witness,
  );
  await writeWhole(federation.trust, encodeTrust({ ...trust, witnesses }), 0o644);
  return changed;
}

function witnessOf(trust: Trust, publicKey: Uint8Array): Witness | undefined {
  return trust.witnesses.find((witness) => hasKey(witness, publicKey));
}

function hasKey({ publicKeys }: Witness, publicKey: Uint8Array): boolean {
  return publicKeys.some((key) => bytesEqual(key, publicKey));
}
