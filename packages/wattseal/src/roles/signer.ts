/** The signer of a state folder, in this process: its anchor in a TPM or in a file. */
import { bytesEqual, type Logger } from "@wattseal/base";
import type { PackCustody } from "@wattseal/device-keys";
import {
  bootApprovalsIn,
  LocalSigner,
  type LocalSignerOptions,
  openSoftwareSigner,
  type SignerService,
  TpmAnchor,
  tpmFolder,
} from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { GatewayConfig } from "../config/schema.js";
import { CliError } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import type { Layout } from "../state/layout.js";
import { openTpm, type TpmAddress, tpmOfSetting } from "../tpm/address.js";
import { VERSION } from "../version.js";

export interface SignerRoleOptions {
  readonly layout: Layout;
  readonly config: Pick<GatewayConfig, "signer">;
  /** Verified. */
  readonly document: LctDocument;
  readonly logger: Logger;
}

export interface OpenSigner {
  readonly service: SignerService;
  /** Ends the epoch, and the emulated TPM where there is one. */
  close(): Promise<void>;
}

/** Throws LctKeysError, TpmError and CliError, each with what to do. */
export async function openSigner(options: SignerRoleOptions): Promise<OpenSigner> {
  const { layout, config, document, logger } = options;
  const tpm = tpmOfSetting(config.signer.tpm, layout.gateway.directory, layout.tpm);
  const { signer: directory } = layout.gateway;
  const of = {
    directory,
    document,
    entropy: systemEntropy,
    softwareVersion: `wattseal ${VERSION}`,
    clock: systemClock(),
    logger,
  };
  if (tpm !== undefined) return inTpm(options, of, tpm);
  const halfFolders = [layout.gateway.directory, directory];
  const service = await openSoftwareSigner({ ...of, halfFolders });
  return { service, close: () => service.close() };
}

async function inTpm(
  { layout, logger }: SignerRoleOptions,
  of: Omit<LocalSignerOptions, "anchor">,
  address: TpmAddress,
): Promise<OpenSigner> {
  const { directory, document } = of;
  const tpm = await openTpm(address);
  try {
    const anchor = await TpmAnchor.open({
      ...tpm,
      folder: tpmFolder(directory),
      document,
      approvals: () => bootApprovalsIn(layout.gateway.boot, logger),
      rationed: address.type === "device",
    });
    const service = await LocalSigner.open({ ...of, anchor });
    const close = async () => {
      await service.close();
      await tpm.close();
    };
    return { service, close };
  } catch (error) {
    await tpm.close();
    throw error;
  }
}

/**
 * The half that a pairing record names, behind the signer. A refused one is there too: links under it stay down, and the
 * signer says why. Throws CliError `config` where the signer has no such half.
 */
export function custodyOf(
  service: SignerService,
  named: { readonly reference: string; readonly publicKey: Uint8Array },
  record: string,
): PackCustody {
  const { publicKey, reference } = named;
  const kept = service.halves.some(
    (half) => half.publicKey === undefined || bytesEqual(half.publicKey, publicKey),
  );
  if (!kept) {
    throw new CliError(
      "config",
      `the signer does not keep the device half "${reference}" that ${record} names`,
    );
  }
  return { publicKey, dh: (peer) => service.dh(publicKey, peer) };
}
