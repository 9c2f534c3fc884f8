/** Signers whose anchor is a file: the demonstration's, the tests', and that of a machine without a TPM. */
import type { Clock, Entropy } from "@wattseal/base";
import type { LctDocument } from "../verify/document.js";
import { EpochSigner } from "./epoch-signer.js";
import { LocalSigner, type LocalSignerOptions } from "./local-signer.js";
import { signDay } from "./ocmf.js";
import type { OcmfSigner, Signer } from "./port.js";
import type { ContinuedLog } from "./recovery.js";
import { SoftwareAnchor } from "./software-anchor.js";
import { type StateFiles, stateFilesIn } from "./state-files.js";

export interface SoftwareFolder {
  /** Holds `anchor.pem`. */
  readonly directory: string;
  /** Of `directory`; default: the disk's. */
  readonly files?: StateFiles | undefined;
  /** Verified; its anchor is the one in the directory. */
  readonly document: LctDocument;
  readonly entropy: Entropy;
  /** Where device halves are kept: new ones in the first. Default: `directory`. */
  readonly halfFolders?: readonly string[] | undefined;
}

function openAnchor(folder: SoftwareFolder): Promise<SoftwareAnchor> {
  return SoftwareAnchor.open({ ...folder, files: folder.files ?? stateFilesIn(folder.directory) });
}

/** Throws `key-…`, `anchor-mismatch`. */
export async function openSoftwareSigner(
  options: SoftwareFolder & Omit<LocalSignerOptions, "anchor">,
): Promise<LocalSigner> {
  return LocalSigner.open({ ...options, anchor: await openAnchor(options) });
}

export interface SoftwareEpochOptions extends SoftwareFolder {
  readonly softwareVersion: string;
  /** The log's UTC, and whether it is synchronised now. */
  readonly clock: Clock;
  readonly synchronised: boolean;
  /** What is durable of the log that the epoch continues: at least the LCT document. */
  readonly log: ContinuedLog;
}

/** One epoch and nothing beside it: no device halves are opened. Throws as `SignerService.begin` does. */
export async function beginSoftwareEpoch(options: SoftwareEpochOptions): Promise<Signer> {
  const { directory, document, files = stateFilesIn(directory) } = options;
  const anchor = await openAnchor(options);
  const ocmf: OcmfSigner["ocmf"] = (day) => signDay({ directory, document, anchor }, day);
  return EpochSigner.begin(
    { ...options, files, anchor, starts: undefined, ocmf, onFirst: () => {} },
    options,
  );
}

/** Signs with the software anchor of a folder, and without an epoch: what the signer's process does while it runs. */
export function softwareOcmfSigner(folder: SoftwareFolder): OcmfSigner {
  return { ocmf: async (day) => signDay({ ...folder, anchor: await openAnchor(folder) }, day) };
}
