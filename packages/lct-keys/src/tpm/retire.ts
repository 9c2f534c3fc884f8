/** Takes an identity out of its TPM: exactly what was made for it, by Name. */
import { bytesEqual } from "@wattseal/base";
import {
  AuthValue,
  createPrimary,
  evictControl,
  flush,
  isRefusal,
  nameOf,
  nvIncrement,
  nvReadPublic,
  nvUndefineSpace,
  RH,
  type Tpm,
  type Use,
} from "@wattseal/tpm2";
import { LctKeysError } from "../verify/errors.js";
import { permanent, type TpmAccess, transact } from "./access.js";
import { protectByEndorsement } from "./endorsement.js";
import { forgetTpmIdentity, openTpmIdentity, openTpmPlan, type TpmFolder } from "./folder.js";
import type { TpmIdentity, TpmPlan } from "./identity.js";
import { nameAt } from "./places.js";
import type { HierarchyAuths } from "./provision.js";
import { requireSameTpm } from "./same-tpm.js";
import { isSealedHalf } from "./sealed-half.js";
import { attestationKey, counterAt, storageRoot } from "./templates.js";

/** What may stand at a handle as ours; a counter of that Name is, if this value authorises its use. */
interface Own {
  readonly handle: number;
  readonly names: readonly Uint8Array[];
  readonly auth: AuthValue;
}

function ofIdentity(identity: TpmIdentity): Own[] {
  const { root, attestationKey: key, anchor, counter, boot, auth } = identity;
  const all = [root, key, anchor, counter, ...(boot === undefined ? [] : [boot.version])];
  return all.map(({ handle, name }) => ({ handle, names: [name], auth }));
}

/** A plan knows its primary keys by what gives them again. */
async function ofPlan(tpm: Tpm, plan: TpmPlan, owner: Use, endorsement: Use): Promise<Own[]> {
  const { places, unique, anchor } = plan;
  const auth = new AuthValue(plan.auth);
  const primary = async (
    handle: number,
    hierarchy: Use,
    publicArea: TpmIdentity["endorsement"],
  ) => {
    const made = await createPrimary(tpm, hierarchy, { publicArea });
    await flush(tpm, made.handle);
    return { handle, names: [made.name], auth };
  };
  const counter = (handle: number) => {
    const { fresh, written } = counterAt(handle);
    return { handle, names: [fresh.name, written.name], auth };
  };
  return [
    await primary(places.root, owner, storageRoot(unique)),
    await primary(places.attestationKey, endorsement, attestationKey(unique)),
    { handle: places.anchor, names: anchor === undefined ? [] : [nameOf(anchor.publicArea)], auth },
    counter(places.counter),
    counter(places.version),
  ];
}

/** Whether it was there, and ours. */
async function remove(tpm: Tpm, owner: Use, own: Own): Promise<boolean> {
  const { handle, names } = own;
  const found = await nameAt(tpm, handle);
  if (found === undefined || !names.some((name) => bytesEqual(name, found))) return false;
  if (handle >>> 24 === 1) return removeCounter(tpm, owner, own);
  await evictControl(tpm, owner, { handle, name: found }, handle);
  return true;
}

/** A counter's Name says where it is, not whose: another identity's at the same place has the same. It counts for its own. */
async function removeCounter(tpm: Tpm, owner: Use, { handle, auth }: Own): Promise<boolean> {
  const index = await nvReadPublic(tpm, handle);
  try {
    const counted = await nvIncrement(tpm, { ...index, auth }, index);
    await nvUndefineSpace(tpm, owner, counted);
    return true;
  } catch (thrown) {
    if (!isRefusal(thrown, "bad-auth")) throw thrown;
    return false;
  }
}

/** In a TPM that was cleared there is less to remove; in another one nothing, and the record would be lost for this one. */
async function requireOwn(
  access: TpmAccess,
  identity: TpmIdentity,
  { endorsement }: HierarchyAuths,
): Promise<void> {
  try {
    await requireSameTpm(access, identity, endorsement);
  } catch (thrown) {
    if (!(thrown instanceof LctKeysError && thrown.code === "tpm-cleared")) throw thrown;
  }
}

/** What a removal took away. */
export interface RetiredTpmIdentity {
  /** Persistent handles and NV indices that are free again. */
  readonly handles: readonly number[];
  /** Names of the files of sealed halves. */
  readonly halves: readonly string[];
}

/**
 * Removes the keys and counters of the identity in this folder, also of one that was only begun, then the sealed halves
 * and the record: whatever was signed stays verifiable, and nothing can be signed or unsealed any more. What else stands
 * in the TPM stays. A call that was cut is repeated. Throws LctKeysError `tpm-replaced`, `key-…`; TpmError, DecodeError.
 */
export async function retireTpmIdentity(
  access: TpmAccess,
  auths: HierarchyAuths,
  folder: TpmFolder,
): Promise<RetiredTpmIdentity> {
  const identity = await openTpmIdentity(folder);
  const plan = await openTpmPlan(folder);
  if (identity !== undefined) await requireOwn(access, identity, auths);
  const owner = permanent(RH.owner, auths.owner);
  const endorsement = permanent(RH.endorsement, auths.endorsement);
  const handles: number[] = [];
  await transact(access, undefined, async (tpm) => {
    await protectByEndorsement(tpm, auths.endorsement);
    const own = identity === undefined ? [] : ofIdentity(identity);
    if (plan !== undefined) own.push(...(await ofPlan(tpm, plan, owner, endorsement)));
    for (const each of own) if (await remove(tpm, owner, each)) handles.push(each.handle);
  });
  const halves = (await folder.names()).filter(isSealedHalf);
  for (const name of halves) await folder.remove(name);
  await forgetTpmIdentity(folder);
  return { handles, halves };
}
