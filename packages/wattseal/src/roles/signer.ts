/** The signer of a gateway: in its own process, or in the one behind the configured socket. */
import { resolve } from "node:path";
import { bytesEqual, type Logger } from "@wattseal/base";
import type { PackCustody } from "@wattseal/device-keys";
import {
  type EpochStart,
  type HalfStatus,
  LctKeysError,
  RemoteSigner,
  type Signer,
  type SignerService,
} from "@wattseal/lct-keys";
import {
  type Binding,
  type EpochState,
  encodeAttestationFile,
  type LctDocument,
} from "@wattseal/lct-keys/verify";
import type { GatewayConfig } from "../config/gateway-schema.js";
import { CliError } from "../errors.js";
import { steadyClock } from "../ports/system.js";
import type { Layout } from "../state/layout.js";
import { readSignerToken } from "../state/signer-token.js";
import { tpmOfSetting } from "../tpm/address.js";
import { type LocalSetting, openLocalSigner } from "./local-signer.js";

/** Of a state folder whose gateway names none; relative to the gateway's folder. */
const SIGNER_SOCKET = "../run/signer.sock";

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
      return { tpm: config.signer.tpm, binding, epoch, halves: service.halves ?? [] };
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
  if (options.config.signer.socket !== "") return openRemote(options);
  const { service, close } = await openLocalSigner(settingOf(options));
  return opened(service, options, close);
}

/** The signer of a state folder. */
export function settingOf({ layout, config, document, logger }: SignerRoleOptions): LocalSetting {
  const { directory, signer, boot } = layout.gateway;
  return {
    directory: signer,
    document,
    boot,
    tpm: tpmOfSetting(config.signer.tpm, directory, layout.tpm),
    halfFolders: [signer, directory],
    logger,
  };
}

/** Where the signer of this folder is served, and the file of the token that admits to it. */
export function signerSocketOf({ gateway }: Layout, { signer }: Pick<GatewayConfig, "signer">) {
  return {
    path: resolve(gateway.directory, signer.socket === "" ? SIGNER_SOCKET : signer.socket),
    token: resolve(gateway.directory, signer.token),
  };
}

/** One that is away is waited for: entries are journalled meanwhile, and signed when it comes. */
async function openRemote(options: SignerRoleOptions): Promise<OpenSigner> {
  const { layout, config, document, logger } = options;
  const { path, token } = signerSocketOf(layout, config);
  const service = new RemoteSigner({
    path,
    token: await readSignerToken(token, process.env["CREDENTIALS_DIRECTORY"]),
    clock: steadyClock(),
    lct: document.lct,
  });
  try {
    await service.connect();
  } catch (error) {
    if (!(error instanceof LctKeysError)) throw error;
    logger.warn("signer.away", { socket: path, error: error.message });
  }
  return opened(service, options, () => service.close());
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
  const kept = service.halves?.some(
    (half) => half.publicKey === undefined || bytesEqual(half.publicKey, publicKey),
  );
  if (kept === false) {
    throw new CliError(
      "config",
      `the signer does not keep the device half "${reference}" that ${record} names`,
    );
  }
  return { publicKey, dh: (peer) => service.dh(publicKey, peer) };
}
