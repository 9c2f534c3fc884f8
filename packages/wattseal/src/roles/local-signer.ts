/** The signer where its keys are: its anchor in a TPM or in a file. */
import type { Logger } from "@wattseal/base";
import {
  bootApprovalsIn,
  LocalSigner,
  type LocalSignerOptions,
  openSoftwareSigner,
  TpmAnchor,
  tpmFolder,
} from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import { systemClock, systemEntropy } from "../ports/system.js";
import { openTpm, type TpmAddress } from "../tpm/address.js";
import { VERSION } from "../version.js";

export interface LocalSetting {
  /** Of the anchor, the device halves and the durable state. */
  readonly directory: string;
  /** Verified; of the anchor in the folder. */
  readonly document: LctDocument;
  /** Folder of approved boots. */
  readonly boot: string;
  /** Undefined: the anchor is a file. */
  readonly tpm: TpmAddress | undefined;
  /** Where a software anchor's halves are kept: new ones in the first. */
  readonly halfFolders: readonly string[];
  readonly logger: Logger;
}

export interface OpenLocalSigner {
  readonly service: LocalSigner;
  /** Ends the epoch, and the emulated TPM where there is one. */
  close(): Promise<void>;
}

/** Throws LctKeysError and TpmError, each with what to do. */
export async function openLocalSigner(setting: LocalSetting): Promise<OpenLocalSigner> {
  const { directory, document, tpm, halfFolders, logger } = setting;
  const of = {
    directory,
    document,
    entropy: systemEntropy,
    softwareVersion: `wattseal ${VERSION}`,
    clock: systemClock(),
    logger,
  };
  if (tpm !== undefined) return inTpm(setting, of, tpm);
  const service = await openSoftwareSigner({ ...of, halfFolders });
  return { service, close: () => service.close() };
}

async function inTpm(
  { boot, logger }: LocalSetting,
  of: Omit<LocalSignerOptions, "anchor">,
  address: TpmAddress,
): Promise<OpenLocalSigner> {
  const tpm = await openTpm(address);
  try {
    const anchor = await TpmAnchor.open({
      ...tpm,
      folder: tpmFolder(of.directory),
      document: of.document,
      approvals: () => bootApprovalsIn(boot, logger),
      rationed: address.type === "device",
    });
    const service = await LocalSigner.open({ ...of, anchor });
    return {
      service,
      async close() {
        await service.close();
        await tpm.close();
      },
    };
  } catch (error) {
    await tpm.close();
    throw error;
  }
}
