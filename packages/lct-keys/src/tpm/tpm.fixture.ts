/** What the tests of this folder share: an emulated TPM with a folder beside it, an update key, and an LCT for what is in both. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { millis, sha256, silentLogger, utf8 } from "@wattseal/base";
import { pcrExtend, type Transport } from "@wattseal/tpm2";
import { entropy, LOCKOUT, Swtpm } from "@wattseal/tpm2/testing";
import { ALG, CC, p256Point } from "@wattseal/tpm2/verify";
import { issueLctDocument } from "../authority.js";
import { signBootApproval } from "../boot-approval.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { P256SecretKey } from "../keys/p256.js";
import { manualClock, tree } from "../lct-keys.fixture.js";
import { LocalSigner } from "../signer/local-signer.js";
import { type StateFiles, stateFilesIn } from "../signer/state-files.js";
import { type BootApproval, decodeBootApproval } from "../verify/boot-approval.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import type { VerifiedEpoch } from "../verify/epoch.js";
import { verifyEpoch } from "../verify/epoch.js";
import { encodeEpochBody, encodeEpochEvidence } from "../verify/evidence.js";
import type { TpmAccess } from "./access.js";
import { presentBoot } from "./boot.js";
import { type TpmFolder, tpmFolder } from "./folder.js";
import type { TpmIdentity } from "./identity.js";
import { type ProvisionOptions, provision } from "./provision.js";
import { attestationOf, TpmAnchor, type TpmAnchorOptions } from "./tpm-anchor.js";

export const updateKey = P256SecretKey.generate(entropy);
const authority = Ed25519SecretKey.generate(entropy);
/** 16 can be extended and, other than those of a firmware, reset. */
export const PCRS = [7, 16];
export const OPTIONS: ProvisionOptions = { pcrs: PCRS, updateKey: updateKey.publicKey };
const CREATED = millis(1_760_000_000_000);
const LOG = tree("log", 1_000);
const TREE = { size: 1, root: sha256(utf8("tree")) };

export function accessTo(transport: Transport): TpmAccess {
  return { transport, entropy, pause: (ms) => pause(ms) };
}

/** The document that a registry would issue for it. */
export function documentOf(
  identity: TpmIdentity,
  binding: LctDocument["binding"] = "tpm",
): LctDocument {
  const document = issueLctDocument(authority, {
    kind: "pack",
    class: "responsive",
    anchor: { type: "p256", publicKey: p256Point(identity.anchor.publicArea) },
    binding,
    strengthBps: 4_000,
    context: [],
    created: CREATED,
    witnesses: [],
    mrh: [],
    attestation: attestationOf(identity),
  });
  return verifyLctDocument(document, [authority.publicKey]);
}

export function approvalOf(
  document: LctDocument,
  version: number,
  pcrDigest: Uint8Array,
  key = updateKey,
): BootApproval {
  return decodeBootApproval(signBootApproval(key, document, { version, pcrDigest }));
}

/** A board: a TPM and a disk. */
export class Board {
  readonly swtpm: Swtpm;
  readonly directory: string;
  readonly folder: TpmFolder;
  readonly access: TpmAccess;

  private constructor(swtpm: Swtpm, directory: string) {
    this.swtpm = swtpm;
    this.directory = directory;
    this.folder = tpmFolder(directory);
    this.access = accessTo(swtpm.transport);
  }

  /** A board for as long as `work` takes. */
  static async during<T>(work: (board: Board) => Promise<T>): Promise<T> {
    const board = await Board.start();
    try {
      return await work(board);
    } finally {
      await board.remove();
    }
  }

  static async start(): Promise<Board> {
    const directory = await mkdtemp(join(tmpdir(), "wattseal-board-"));
    return new Board(await Swtpm.start(), directory);
  }

  async remove(): Promise<void> {
    await this.swtpm.remove();
    await rm(this.directory, { recursive: true, force: true });
  }

  provision(options: ProvisionOptions = OPTIONS): Promise<TpmIdentity> {
    return provision(this.access, options, this.folder);
  }

  anchor(
    document: LctDocument,
    approvals: readonly BootApproval[],
    options: Partial<TpmAnchorOptions> = {},
  ): Promise<TpmAnchor> {
    return TpmAnchor.open({
      ...this.access,
      folder: this.folder,
      document,
      approvals: () => Promise.resolve(approvals),
      rationed: false,
      ...options,
    });
  }

  async pcrDigest(): Promise<Uint8Array> {
    return (await presentBoot(this.access, PCRS)).pcrDigest;
  }

  /** The same TPM, as if its chip, or an emulator's state, were copied; its disk too, where it says so. */
  async copyTo(other: Board, { disk = false } = {}): Promise<void> {
    const state = "tpm2-00.permall";
    await other.swtpm.powerCut();
    await cp(join(this.swtpm.folder, state), join(other.swtpm.folder, state));
    await other.swtpm.powerOn();
    if (disk) await this.copyDisk(other.directory);
  }

  /** Every file of the disk, in place of what is there. */
  async copyDisk(to: string): Promise<void> {
    for (const name of await readdir(to)) await rm(join(to, name), { recursive: true });
    await cp(this.directory, to, { recursive: true });
  }

  /** Something is measured: what a firmware or kernel does at its start. */
  measure(what: string): Promise<void> {
    const digest = sha256(utf8(what));
    return this.swtpm.use((tpm) => pcrExtend(tpm, 16, [{ hash: ALG.sha256, digest }]));
  }

  /** The machine is started again, and measures this. */
  async boot(...measured: readonly string[]): Promise<void> {
    await this.swtpm.powerCut();
    await this.swtpm.powerOn();
    for (const what of measured) await this.measure(what);
  }

  /** TPM2_Clear, as a BIOS or `tpm2_clear` does it. */
  clear(): Promise<unknown> {
    return this.swtpm.use((tpm) => tpm.run({ code: CC.clear, uses: [LOCKOUT] }));
  }
}

export interface StartOptions {
  readonly document: LctDocument;
  readonly approvals: readonly BootApproval[];
  /** Entries of the log that the epoch continues; one more is signed. */
  readonly size: number;
  readonly access?: TpmAccess;
  readonly folder?: TpmFolder;
  readonly files?: StateFiles;
}

/** One start of the pack's signer on this board: its halves, an epoch, the first checkpoint; then it ends. */
export async function startSigner(board: Board, options: StartOptions) {
  const { document, approvals, size, access = board.access, folder = board.folder } = options;
  const { directory } = board;
  const { files = stateFilesIn(directory) } = options;
  const anchor = await board.anchor(document, approvals, { ...access, folder });
  const clock = manualClock();
  const own = { directory, files, anchor, document, entropy };
  const rest = { softwareVersion: "1", clock, logger: silentLogger };
  const signer = await LocalSigner.open({ ...own, ...rest });
  try {
    if (signer.halves.length === 0) await signer.createHalf();
    const epoch = await signer.begin({ log: LOG.log(size), clock, synchronised: true });
    await epoch.sign(LOG.request(size, size + 1));
    return { evidence: epoch.epochEvidence, ...epoch.identity(), halves: signer.halves };
  } finally {
    await signer.close();
  }
}

/** Begins an epoch as the signer does, and verifies its evidence as anyone would. */
export async function epochOf(anchor: TpmAnchor, document: LctDocument): Promise<VerifiedEpoch> {
  const previousCounter = await anchor.counter();
  const epoch = await anchor.increment();
  const bodyBytes = encodeEpochBody({
    lct: document.lct,
    epoch,
    publicKey: new Uint8Array(32),
    softwareVersion: "1",
    treeSize: TREE.size,
    treeRoot: TREE.root,
    time: CREATED,
    synchronised: true,
  });
  const evidence = encodeEpochEvidence({ bodyBytes, ...(await anchor.attestEpoch(bodyBytes)) });
  return verifyEpoch(evidence, {
    document,
    previousCounter,
    previousBootVersion: 0,
    treeSize: TREE.size,
    treeRoot: TREE.root,
    time: CREATED,
  });
}
