/** An anchor in a file. What it signs is marked `software`; its counter is the claims of the signer's state files. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual, type Entropy, messageOf } from "@wattseal/base";
import { createHalfFile, halfFilesIn, openHalfFile } from "../keys/half-file.js";
import { createP256KeyFile, openP256KeyFile } from "../keys/key-file.js";
import { attestSignedBytes } from "../verify/attestation.js";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { epochSignedBytes } from "../verify/evidence.js";
import type { Anchor, AnchorHalf } from "./anchor.js";
import type { StateFiles } from "./state-files.js";

const ANCHOR_FILE = "anchor.pem";

/** Makes the directory (0700) and the anchor in it; returns its public key, 65 bytes. Throws `key-exists`. */
export async function createSoftwareAnchor(
  directory: string,
  entropy: Entropy,
): Promise<Uint8Array> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const anchor = await createP256KeyFile(join(directory, ANCHOR_FILE), entropy);
  anchor.dispose();
  return anchor.publicKey;
}

/** Draws a device half and keeps it where the software anchor of that directory finds it; its file's name is its reference. */
export async function createSoftwareHalf(
  directory: string,
  entropy: Entropy,
): Promise<{ readonly publicKey: Uint8Array; readonly reference: string }> {
  const { half, reference } = await createHalfFile(directory, entropy);
  half.dispose();
  return { publicKey: half.publicKey, reference };
}

export interface SoftwareAnchorOptions {
  /** Holds `anchor.pem`. */
  readonly directory: string;
  readonly document: LctDocument;
  readonly entropy: Entropy;
  /** Whose claims are the counter. */
  readonly files: StateFiles;
  /** Where device halves are kept: new ones in the first. Default: `directory`. */
  readonly halfFolders?: readonly string[] | undefined;
}

export class SoftwareAnchor implements Anchor {
  readonly publicKey: Uint8Array;
  readonly rationed = false;
  readonly counterBase = 0;
  readonly #options: SoftwareAnchorOptions;

  private constructor(options: SoftwareAnchorOptions, publicKey: Uint8Array) {
    this.#options = options;
    this.publicKey = publicKey;
  }

  /** Throws `key-…`, `anchor-mismatch`. */
  static async open(options: SoftwareAnchorOptions): Promise<SoftwareAnchor> {
    const { directory, document } = options;
    const { anchor: enrolled, binding, lct } = document;
    const key = await openP256KeyFile(join(directory, ANCHOR_FILE));
    key.dispose();
    if (enrolled.type !== "p256" || !bytesEqual(enrolled.publicKey, key.publicKey)) {
      throw new LctKeysError("anchor-mismatch", `the anchor in ${directory} is not that of ${lct}`);
    }
    if (binding === "software") return new SoftwareAnchor(options, key.publicKey);
    throw new LctKeysError(
      "anchor-mismatch",
      `${lct} is bound to ${binding}, and a key file is not that`,
    );
  }

  async counter(): Promise<number> {
    return (await this.#options.files.claimed()).at(-1) ?? this.counterBase;
  }

  /** The claim that the signer made before has moved it already. */
  increment(): Promise<number> {
    return this.counter();
  }

  async attestEpoch(bodyBytes: Uint8Array) {
    const signature = await this.sign(epochSignedBytes(bodyBytes));
    return { signature, quote: undefined, nvCertify: undefined };
  }

  /** The key is in memory only while this runs. */
  async sign(message: Uint8Array): Promise<Uint8Array> {
    const key = await openP256KeyFile(join(this.#options.directory, ANCHOR_FILE));
    try {
      if (bytesEqual(key.publicKey, this.publicKey)) return key.sign(message);
    } finally {
      key.dispose();
    }
    throw new LctKeysError("anchor-mismatch", "another anchor has taken this one's place");
  }

  async attest(nonce: Uint8Array) {
    const signature = await this.sign(attestSignedBytes(nonce));
    return { signature, quote: undefined, nvCertify: undefined };
  }

  async confirmBoot(): Promise<void> {}

  async openHalves(): Promise<readonly AnchorHalf[]> {
    const { directory, halfFolders = [directory] } = this.#options;
    const halves: AnchorHalf[] = [];
    for (const folder of halfFolders) {
      for (const reference of await halfFilesIn(folder)) {
        halves.push(await openKept(folder, reference));
      }
    }
    return halves;
  }

  async createHalf() {
    const { directory, halfFolders = [directory], entropy } = this.#options;
    const { half, reference } = await createHalfFile(halfFolders[0] ?? directory, entropy);
    return { state: "open", publicKey: half.publicKey, reference, half } as const;
  }

  async close(): Promise<void> {}
}

async function openKept(folder: string, reference: string): Promise<AnchorHalf> {
  try {
    const half = await openHalfFile(join(folder, reference));
    return { state: "open", publicKey: half.publicKey, reference, half };
  } catch (cause) {
    return { state: "refused", publicKey: undefined, reference, reason: messageOf(cause) };
  }
}
