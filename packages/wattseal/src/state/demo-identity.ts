/** The demonstration pack's identity: its anchor in an emulated TPM or in a file, enrolled by an authority beside it. */
import { join } from "node:path";
import type { Clock, Entropy } from "@wattseal/base";
import {
  createP256KeyFile,
  createSoftwareAnchor,
  createSoftwareHalf,
  type Ed25519SecretKey,
  enrol,
  formatP256PublicKey,
  type HardwareRoots,
  openP256KeyFile,
  presentBoot,
  provision,
  signBootApproval,
  softwareApplicant,
  type TpmAccess,
  TpmAnchor,
  type TpmFolder,
  tpmApplicant,
  tpmFolder,
} from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import { openTpm, type TpmAddress } from "../tpm/address.js";
import { demoRegistry } from "./demo-registry.js";
import { makeFolder, writeWhole } from "./files.js";
import type { Layout } from "./layout.js";

export interface DemoIdentityOptions {
  readonly layout: Layout;
  readonly fleet: string;
  /** Undefined: the anchor is a file. */
  readonly tpm: TpmAddress | undefined;
  /** Makers whose certificates its authority takes for hardware's, and what leads to them, DER; none as a rule. */
  readonly makers?: {
    readonly roots: HardwareRoots;
    readonly intermediates: readonly Uint8Array[];
  };
  readonly entropy: Entropy;
  readonly clock: Clock;
}

export interface DemoIdentity {
  readonly document: LctDocument;
  /** The pack's device half, as its pairing record is to name it. */
  readonly half: { readonly publicKey: Uint8Array; readonly reference: string };
}

/** An emulator has nothing to measure: its PCRs are what they are after each start. */
const PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
const FIRST_VERSION = 1;

export async function makeDemoIdentity(
  options: DemoIdentityOptions,
  authority: Ed25519SecretKey,
): Promise<DemoIdentity> {
  const { layout, tpm } = options;
  const made =
    tpm === undefined ? await inFile(options, authority) : await inTpm(options, authority, tpm);
  await writeWhole(layout.gateway.document, made.document.bytes, 0o644);
  return made;
}

function wishOf({ fleet }: DemoIdentityOptions, authority: Ed25519SecretKey) {
  const grant = { kind: "pack", context: [`fleet ${fleet}`], succeeds: undefined } as const;
  return {
    grant,
    wish: { kind: "pack", context: [], authorities: [authority.publicKey] },
  } as const;
}

async function inFile(
  options: DemoIdentityOptions,
  authority: Ed25519SecretKey,
): Promise<DemoIdentity> {
  const { layout, entropy } = options;
  const { signer, directory } = layout.gateway;
  await createSoftwareAnchor(signer, entropy);
  const anchor = await openP256KeyFile(join(signer, "anchor.pem"));
  try {
    const { grant, wish } = wishOf(options, authority);
    const registry = demoRegistry(authority, grant, options);
    const { document } = await enrol(softwareApplicant(anchor), registry, wish);
    return { document, half: await createSoftwareHalf(directory, entropy) };
  } finally {
    anchor.dispose();
  }
}

async function inTpm(
  options: DemoIdentityOptions,
  authority: Ed25519SecretKey,
  address: TpmAddress,
): Promise<DemoIdentity> {
  const { layout, entropy } = options;
  const updateKey = await createP256KeyFile(layout.authority.updateKey, entropy);
  await writeWhole(
    `${layout.authority.updateKey}.pub`,
    formatP256PublicKey(updateKey.publicKey),
    0o644,
  );
  const tpm = await openTpm(address);
  try {
    const folder = tpmFolder(layout.gateway.signer);
    const identity = await provision(tpm, { pcrs: PCRS, updateKey: updateKey.publicKey }, folder);
    const { grant, wish } = wishOf(options, authority);
    const registry = demoRegistry(authority, grant, options);
    const applicant = tpmApplicant(tpm, identity, options.makers);
    const { document } = await enrol(applicant, registry, wish);
    const { pcrDigest } = await presentBoot(tpm, PCRS);
    const approval = signBootApproval(updateKey, document, { version: FIRST_VERSION, pcrDigest });
    await makeFolder(layout.gateway.boot);
    await writeWhole(join(layout.gateway.boot, `${FIRST_VERSION}.boot`), approval, 0o644);
    return { document, half: await sealedHalf(tpm, folder, document) };
  } finally {
    updateKey.dispose();
    await tpm.close();
  }
}

/** Sealed under whatever boot the update key approves. */
async function sealedHalf(
  access: TpmAccess,
  folder: TpmFolder,
  document: LctDocument,
): Promise<DemoIdentity["half"]> {
  const approvals = async () => [];
  const anchor = await TpmAnchor.open({ ...access, folder, document, approvals, rationed: false });
  try {
    const { half, publicKey, reference } = await anchor.createHalf();
    half.dispose();
    return { publicKey, reference };
  } finally {
    await anchor.close();
  }
}
