/**
 * A pack's identity, from nothing or from where an interrupted call left it: keys in a TPM or in a file, an LCT from a
 * registry, a device half. Nothing that is there is overwritten.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type LctId, type Logger, lctId } from "@wattseal/base";
import { encodePackPairing } from "@wattseal/device-keys";
import type { RegistryClient } from "@wattseal/federation";
import {
  type Applicant,
  createSoftwareAnchor,
  decodeEnrolmentChallenge,
  enrol,
  openP256KeyFile,
  provision,
  type Registry,
  removeDrafts,
  softwareApplicant,
  tpmApplicant,
  tpmFolder,
} from "@wattseal/lct-keys";
import { type LctDocument, type TrustedKeys, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { CliError } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { openLocalSigner } from "../roles/local-signer.js";
import { settingOf } from "../roles/signer.js";
import { openTpm, type TpmAddress, tpmSetting } from "../tpm/address.js";
import { exists, makeFolder, writeWhole } from "./files.js";
import type { Layout } from "./layout.js";

export interface PackIdentityOptions {
  readonly layout: Layout;
  /** Undefined: the anchor is a file. */
  readonly tpm: TpmAddress | undefined;
  /** That make up a boot. */
  readonly pcrs: readonly number[];
  /** P-256, 65 bytes: approves boots. */
  readonly updateKey: Uint8Array | undefined;
  /** Between the endorsement key's certificate and its maker's root, DER. */
  readonly intermediates: readonly Uint8Array[];
  readonly registry: RegistryClient;
  readonly context: readonly string[];
  readonly succeeds: LctId | undefined;
  /** Whose word on this pack's identity is taken. */
  readonly authorities: TrustedKeys;
  readonly logger: Logger;
}

export async function makePackIdentity(options: PackIdentityOptions): Promise<LctDocument> {
  const { layout, authorities } = options;
  const { gateway } = layout;
  for (const folder of [gateway.directory, gateway.signer, gateway.genesis, gateway.boot]) {
    await makeFolder(folder);
  }
  await removeDrafts(gateway.signer);
  if (!(await exists(gateway.document))) {
    const document = (await alreadyEnrolled(options)) ?? (await enrolled(options));
    await writeWhole(gateway.document, document.bytes, 0o644);
  }
  // The document is durable: nothing is pending, also where an earlier call was cut just here.
  await rm(pendingFile(layout), { force: true });
  const document = verifyLctDocument(await readFile(gateway.document), authorities);
  if (!(await exists(gateway.pairings))) await writeFirstPairing(options, document);
  return document;
}

/** The id of what this pack proved to be: what it asks for where the answer was lost. */
export const pendingFile = ({ gateway }: Layout) => join(gateway.directory, "lct.pending");

async function alreadyEnrolled({
  layout,
  registry,
  authorities,
}: PackIdentityOptions): Promise<LctDocument | undefined> {
  const pending = await readFile(pendingFile(layout), "utf8").catch(() => undefined);
  if (pending === undefined) return undefined;
  const lct = lctId(pending.trim());
  const standing = await registry.standing(lct);
  if (standing?.document === undefined) return undefined;
  const document = verifyLctDocument(standing.document, authorities);
  if (document.lct === lct) return document;
  throw new CliError("unreachable", `asked for ${lct}, the registry gives ${document.lct}`);
}

async function enrolled(options: PackIdentityOptions): Promise<LctDocument> {
  const { layout, context, succeeds, authorities, registry } = options;
  let shown = "";
  const noted: Registry = {
    async request(bytes) {
      const challenge = await registry.request(bytes);
      shown = decodeEnrolmentChallenge(challenge).lct;
      return challenge;
    },
    // Only here: before it was checked, what a registry shows may be another pack's.
    async activate(id, bytes) {
      await writeWhole(pendingFile(layout), `${shown}\n`, 0o644);
      return registry.activate(id, bytes);
    },
  };
  const wish = { kind: "pack", context, authorities, ...(succeeds && { succeeds }) } as const;
  return asApplicant(options, async (applicant) => {
    const { document } = await enrol(applicant, noted, wish);
    return document;
  });
}

async function asApplicant<T>(
  { layout, tpm: address, pcrs, updateKey, intermediates }: PackIdentityOptions,
  work: (applicant: Applicant) => Promise<T>,
): Promise<T> {
  const { signer } = layout.gateway;
  if (address === undefined) {
    const file = join(signer, "anchor.pem");
    if (!(await exists(file))) await createSoftwareAnchor(signer, systemEntropy);
    const anchor = await openP256KeyFile(file);
    try {
      return await work(softwareApplicant(anchor));
    } finally {
      anchor.dispose();
    }
  }
  const tpm = await openTpm(address);
  try {
    const identity = await provision(tpm, { pcrs, updateKey }, tpmFolder(signer));
    return await work(tpmApplicant(tpm, identity, { intermediates }));
  } finally {
    await tpm.close();
  }
}

/** A half, and a record that pairs it with no module yet: commissioning adds them. */
async function writeFirstPairing(
  { layout, tpm, logger }: PackIdentityOptions,
  document: LctDocument,
): Promise<void> {
  const config = { signer: { socket: "", token: "", tpm: tpmSetting(tpm) } };
  const signer = await openLocalSigner(settingOf({ layout, config, document, logger }));
  try {
    const kept = signer.service.halves.find(({ publicKey }) => publicKey !== undefined);
    const { publicKey, reference } = kept ?? (await signer.service.createHalf());
    if (publicKey === undefined) {
      throw new CliError(
        "config",
        `${reference} in ${layout.gateway.signer} is damaged: remove it`,
      );
    }
    const { packHash } = document;
    const pairing = { packHash, packHalf: { publicKey, reference }, modules: [] };
    await writeWhole(layout.gateway.pairings, encodePackPairing(pairing), 0o644);
  } finally {
    await signer.close();
  }
}
