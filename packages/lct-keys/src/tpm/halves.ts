/** Device halves, sealed: to the TPM and whatever boot the update key approves or, without one, to the TPM alone. */
import { bytesEqual, sha256 } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import {
  create,
  flush,
  isRefusal,
  type LoadedObject,
  load,
  loadExternal,
  policyAuthorize,
  policyNv,
  policyPcr,
  SEALED,
  sealedUnder,
  type Template,
  type Ticket,
  type Tpm,
  TpmError,
  underPolicy,
  unseal,
  verifySignature,
} from "@wattseal/tpm2";
import { ALG, objectName, p256Point } from "@wattseal/tpm2/verify";
import type { AnchorHalf } from "../signer/anchor.js";
import { type BootApproval, sealingPolicyOf, updateKeyPublic } from "../verify/boot-approval.js";
import { type TpmAccess, transact } from "./access.js";
import type { BootRefusal, BootVerdict } from "./boot.js";
import type { TpmIdentity } from "./identity.js";
import type { SealedHalf } from "./sealed-half.js";

/** Why a half stays closed. */
export type HalfRefusal = BootRefusal | "sealed-otherwise" | "unreadable";

const REASONS: Readonly<Record<HalfRefusal, string>> = {
  "approval-missing":
    "no approval of a boot of this LCT is in the boot folder: have the update key's holder approve this boot",
  "pcrs-not-approved":
    "what the machine booted is not approved: boot what was, or have the update key's holder approve this boot",
  "approval-signature":
    "the approval of this boot is not signed by the LCT's update key: have its holder sign one",
  "rolled-back":
    "a newer boot was confirmed since this one was approved: boot that, or have this one approved under a newer version",
  "version-too-far":
    "the approval's version is too far above the last confirmed one: have one signed that is at most 100 above it",
  "sealed-otherwise": "it was sealed for another update key or anchor: pair the modules again",
  unreadable:
    "it is damaged, or was sealed in another TPM: restore the file, or pair the modules again",
};

export function refusalText(refusal: HalfRefusal): string {
  return `${refusal}: ${REASONS[refusal]}`;
}

/** Seals a copy of the half's secret; it travels encrypted. */
export function sealHalf(
  access: TpmAccess,
  { root, anchor, boot, auth }: TpmIdentity,
  half: DeviceHalf,
): Promise<SealedHalf> {
  const template: Template =
    boot === undefined
      ? { publicArea: SEALED, auth }
      : { publicArea: sealedUnder(sealingPolicyOf(p256Point(anchor.publicArea), boot.updateKey)) };
  return transact(access, root, async (tpm) => {
    const sealed = half.lend((secret) => Uint8Array.from(secret));
    try {
      const { publicArea, privateArea } = await create(
        tpm,
        { ...root, auth },
        { ...template, sealed },
      );
      return { publicKey: half.publicKey, blob: { publicArea, privateArea } };
    } finally {
      sealed.fill(0);
    }
  });
}

/** A refusal of the TPM at one of the policy's conditions, or at the object; undefined for any other failure. */
function refusalOf(thrown: unknown): HalfRefusal | undefined {
  if (isRefusal(thrown, "value", "pcr-changed")) return "pcrs-not-approved";
  if (isRefusal(thrown, "signature")) return "approval-signature";
  if (isRefusal(thrown, "policy")) return "rolled-back";
  if (isRefusal(thrown, "policy-fail")) return "sealed-otherwise";
  if (isRefusal(thrown, "bad-auth")) return "unreadable";
  return undefined;
}

/** The TPM's own note that the update key signed the approval. */
async function verifiedBy(
  tpm: Tpm,
  updateKey: Uint8Array,
  signedBytes: Uint8Array,
  { signature }: BootApproval,
): Promise<Ticket> {
  const key = await loadExternal(tpm, updateKeyPublic(updateKey));
  const [r, s] = [signature.slice(0, 32), signature.slice(32)];
  const made = { scheme: "ecdsa", hash: ALG.sha256, r, s } as const;
  const ticket = await verifySignature(tpm, key, sha256(signedBytes), made);
  await flush(tpm, key.handle);
  return ticket;
}

type Opener = (tpm: Tpm, object: LoadedObject) => Promise<Uint8Array>;

async function openerUnder(
  tpm: Tpm,
  { boot, auth }: TpmIdentity,
  verdict: BootVerdict,
): Promise<Opener | HalfRefusal> {
  if (boot === undefined) return (it, object) => unseal(it, { ...object, auth });
  if ("refused" in verdict) return verdict.refused;
  const { approval, policy } = verdict;
  const { updateKey, version } = boot;
  const verified = await verifiedBy(tpm, updateKey, policy.signedBytes, approval);
  const keyName = objectName(updateKeyPublic(updateKey));
  const { approved, reference, selection, limit: value } = policy;
  return (it, object) =>
    underPolicy(
      it,
      async (session) => {
        await policyPcr(it, session, [selection], approval.pcrDigest);
        const comparison = { operation: "unsignedLessOrEqual", value } as const;
        await policyNv(it, session, { ...version, auth }, version, comparison);
        await policyAuthorize(it, session, { policy: approved, reference, keyName, verified });
      },
      (session) => unseal(it, { ...object, policy: session }),
    );
}

/** The storage root finds fault with what it is given to load: its parameters. Throws any other failure. */
function notOfThisTpm(thrown: unknown): undefined {
  if (thrown instanceof TpmError && thrown.response?.subject?.part === "parameter") return;
  throw thrown;
}

async function openOne(
  tpm: Tpm,
  { root, auth }: TpmIdentity,
  { publicKey, blob }: SealedHalf,
  open: Opener,
): Promise<DeviceHalf | HalfRefusal> {
  const object = await load(tpm, { ...root, auth }, blob).catch(notOfThisTpm);
  if (object === undefined) return "unreadable";
  const secret = await open(tpm, object);
  await flush(tpm, object.handle);
  try {
    const half = DeviceHalf.fromSecret(secret);
    if (bytesEqual(half.publicKey, publicKey)) return half;
    half.dispose();
    return "unreadable";
  } finally {
    secret.fill(0);
  }
}

async function refusable<T>(work: Promise<T>): Promise<T | HalfRefusal> {
  try {
    return await work;
  } catch (thrown) {
    const refusal = refusalOf(thrown);
    if (refusal === undefined) throw thrown;
    return refusal;
  }
}

/** Opens what can be opened in the boot that `verdict` judged; what the TPM refuses is refused, not tried again. */
export async function openHalves(
  tpm: Tpm,
  identity: TpmIdentity,
  verdict: BootVerdict,
  kept: readonly (SealedHalf & { readonly reference: string })[],
): Promise<readonly AnchorHalf[]> {
  const opener = await refusable(openerUnder(tpm, identity, verdict));
  const halves: AnchorHalf[] = [];
  for (const { publicKey, reference, blob } of kept) {
    const opened =
      typeof opener === "string"
        ? opener
        : await refusable(openOne(tpm, identity, { publicKey, blob }, opener));
    const state =
      typeof opened === "string"
        ? ({ state: "refused", reason: refusalText(opened) } as const)
        : ({ state: "open", half: opened } as const);
    halves.push({ publicKey, reference, ...state });
  }
  return halves;
}
