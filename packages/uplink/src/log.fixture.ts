/** A signed log in memory: what a gateway's log offers, with one Ed25519 key for all sizes. */
import { generateKeyPairSync, sign } from "node:crypto";
import { originOf, utf8 } from "@wattseal/base";
import {
  type Checkpoint,
  consistencyProof,
  cosign,
  Frontier,
  leafHash,
  type NoteSigner,
  nodeHash,
  rootAt,
  signCheckpoint,
} from "@wattseal/tlog";
import {
  type Batch,
  type Destination,
  leafBytes,
  type OwnLog,
  type PackName,
  packName,
} from "./index.js";

export const PACK: PackName = packName("abcdefghijklmnopqrstuvwxyz234567");
export const ORIGIN = originOf(PACK);

export function noteSigner(name: string): NoteSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "jwk" }).x ?? "";
  return {
    name,
    publicKey: new Uint8Array(Buffer.from(raw, "base64url")),
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}

export const WITNESS = noteSigner("wattseal-federation/test");
export const DESTINATION: Destination = destinationOf(WITNESS);

/** As a pack pins it. */
export function destinationOf({ name, publicKey }: NoteSigner): Destination {
  return { name, publicKeys: [publicKey] };
}

export class SignedLog implements OwnLog {
  readonly signer: NoteSigner;
  readonly entries: Uint8Array[] = [];
  readonly #hashes: Uint8Array[] = [];

  constructor(signer = noteSigner(ORIGIN)) {
    this.signer = signer;
  }

  static of(count: number, signer?: NoteSigner): SignedLog {
    const log = new SignedLog(signer);
    log.append(...Array.from({ length: count }, (_, i) => utf8(`entry ${i}`)));
    return log;
  }

  append(...entries: readonly Uint8Array[]): void {
    this.entries.push(...entries);
    this.#hashes.push(...entries.map(leafHash));
  }

  get size(): number {
    return this.entries.length;
  }

  #read = (level: number, index: number): Uint8Array => {
    if (level === 0) return this.#hashes[index] ?? new Uint8Array(32);
    return nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1));
  };

  root(size: number): Uint8Array {
    return rootAt(size, this.#read);
  }

  keyAt(): Uint8Array {
    return this.signer.publicKey;
  }

  entry(index: number): Uint8Array {
    return this.entries[index] ?? new Uint8Array(0);
  }

  consistencyProof(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, this.#read);
  }

  note(size = this.size): string {
    return signCheckpoint({ size, root: this.root(size) }, this.signer);
  }

  checkpoint(size = this.size): Checkpoint {
    return { origin: this.signer.name, size, root: this.root(size) };
  }

  batch(from: number, to = this.size): Batch {
    return {
      origin: this.signer.name,
      prevSize: from,
      leaves: this.entries.slice(from, to),
      checkpoint: this.note(to),
    };
  }

  receipt(size = this.size, time = 1_700_000_000): string {
    return cosign(this.note(size), { ...WITNESS, time });
  }

  frontier(size: number): Frontier {
    const frontier = new Frontier();
    for (const hash of this.#hashes.slice(0, size)) frontier.append(hash);
    return frontier;
  }

  pending(from: number, to: number) {
    return { size: to, note: this.note(to), bytes: leafBytes(this.entries.slice(from, to)) };
  }
}
