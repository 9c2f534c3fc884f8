/** The signer of a state folder, in this process: its anchor in a TPM or in a file. */
import { bytesEqual, type Logger } from "@wattseal/base";
import type { PackCustody } from "@wattseal/device-keys";
import {
  bootApprovalsIn,
  type EpochStart,
  type HalfStatus,
  LocalSigner,
  type LocalSignerOptions,
  openSoftwareSigner,
  type Signer,
  type SignerService,
  TpmAnchor,
  tpmFolder,
} from "@wattseal/lct-keys";
import {
  type Binding,
  type EpochState,
  encodeAttestationFile,
  type LctDocument,
} from "@wattseal/lct-keys/verify";
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

/** What holds the pack's keys, and how far it vouches for the present boot. */
export interface SignerStatus {
  /** As `signer.tpm` is configured. */
  readonly tpm: string;
  readonly binding: Binding;
  /** Undefined before the first one. */
  readonly epoch: { readonly epoch: number; readonly state: EpochState } | undefined;
  readonly halves: readonly HalfStatus[];
}

export interface OpenSigner {
  readonly service: SignerService;
  begin(start: EpochStart): Promise<Signer>;
  status(): SignerStatus;
  /** An attestation file over a nonce of 16 to 64 bytes. */
  attest(nonce: Uint8Array): Promise<Uint8Array>;
  /** Ends the epoch, and the emulated TPM where there is one. */
  close(): Promise<void>;
}

function opened(
  service: SignerService,
  { config, document }: SignerRoleOptions,
  close: () => Promise<void>,
): OpenSigner {
  let current: Signer | undefined;
  return {
    service,
    async begin(start) {
      current = await service.begin(start);
      return current;
    },
    status() {
      const { binding } = document;
      const begun = current?.identity();
      const epoch = begun && { epoch: begun.epoch, state: begun.state };
      return { tpm: config.signer.tpm, binding, epoch, halves: service.halves };
    },
    async attest(nonce) {
      const said = await service.attest(nonce);
      return encodeAttestationFile({ document: document.bytes, nonce, ...said });
    },
    close,
  };
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
  return opened(service, options, () => service.close());
}

async function inTpm(
  options: SignerRoleOptions,
  of: Omit<LocalSignerOptions, "anchor">,
  address: TpmAddress,
): Promise<OpenSigner> {
  const { layout, logger } = options;
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
    return opened(service, options, async () => {
      await service.close();
      await tpm.close();
    });
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
