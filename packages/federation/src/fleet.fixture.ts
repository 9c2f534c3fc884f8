/** Packs with real keys and a real signed log, a witness, a clock that tests move. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cancel, type Clock, type Entropy, millis, sha256, utf8 } from "@wattseal/base";
import { type Entry, encodeEntry } from "@wattseal/energy-ledger";
import { Ed25519SecretKey, issueLctDocument, P256SecretKey } from "@wattseal/lct-keys";
import {
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  type LctDocument,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import {
  consistencyProof,
  Frontier,
  type LogKeys,
  leafHash,
  type NoteSigner,
  nodeHash,
  rootAt,
  signCheckpoint,
} from "@wattseal/tlog";
import {
  type Batch,
  encodeBatch,
  encodeResponse,
  type PackName,
  packName,
  takeResponse,
} from "@wattseal/uplink";

export const START = millis(1_760_000_000_000);

export function seededEntropy(seed: string): Entropy {
  let counter = 0;
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        counter += 1;
        bytes.set(sha256(utf8(`${seed} ${counter}`)).subarray(0, length - at), at);
      }
      return bytes;
    },
  };
}

export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "wattseal-federation-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const AUTHORITY = Ed25519SecretKey.generate(seededEntropy("authority"));
const witnessKey = Ed25519SecretKey.generate(seededEntropy("witness"));
export const WITNESS: NoteSigner = {
  name: "wattseal-federation/test",
  publicKey: witnessKey.publicKey,
  sign: (bytes) => witnessKey.sign(bytes),
};

const logKey = Ed25519SecretKey.generate(seededEntropy("receipt log"));
/** Signs the receipt log's heads. */
export const RECEIPT_LOG: NoteSigner = {
  name: `${WITNESS.name}/receipts`,
  publicKey: logKey.publicKey,
  sign: (bytes) => logKey.sign(bytes),
};

/** The receipt log as an auditor has it who accepts these keys. */
export function receiptLogOf(...keys: readonly NoteSigner[]): LogKeys {
  return { name: RECEIPT_LOG.name, publicKeys: keys.map(({ publicKey }) => publicKey) };
}

/** Time stands still until `advance`; tasks run in their order, each followed by what it set off. */
export class TestClock implements Clock {
  #now: number = START;
  #tasks: { readonly time: number; readonly task: () => void }[] = [];

  now() {
    return millis(this.#now);
  }

  at(time: number, task: () => void): Cancel {
    const entry = { time, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const due = this.#tasks.filter(({ time }) => time <= end).sort((a, b) => a.time - b.time)[0];
      if (due === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.time);
      due.task();
    }
    this.#now = end;
    await settled();
  }
}

/** Everything that waits for promises alone has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

interface Epoch {
  readonly index: number;
  readonly key: Ed25519SecretKey;
}

/** One pack and its log, signed as a gateway would sign it. */
export class TestPack {
  readonly document: LctDocument;
  readonly name: PackName;
  readonly leaves: Uint8Array[] = [];
  evidence: Uint8Array = new Uint8Array(0);
  readonly #anchor: P256SecretKey;
  readonly #entropy: Entropy;
  readonly #hashes: Uint8Array[] = [];
  readonly #epochs: Epoch[] = [];
  #time: number = START;

  /** Document and first epoch are in the log. Packs of one seed are clones of each other. */
  constructor(
    seed = "pack",
    authority = AUTHORITY,
    epochSeed = "first",
    binding: LctDocument["binding"] = "software",
  ) {
    this.#entropy = seededEntropy(`${seed} epochs ${epochSeed}`);
    this.#anchor = P256SecretKey.generate(seededEntropy(seed));
    const sign1 = issueLctDocument(authority, {
      kind: "pack",
      class: "responsive",
      anchor: { type: "p256", publicKey: this.#anchor.publicKey },
      binding,
      strengthBps: 4000,
      context: ["fleet test"],
      created: START,
      witnesses: [],
      mrh: [],
    });
    this.document = verifyLctDocument(sign1, [authority.publicKey]);
    this.name = packName(this.document.label);
    this.append({ type: "lct.document", timeMs: START, body: { sign1 } });
    this.beginEpoch();
  }

  get size(): number {
    return this.leaves.length;
  }

  /** Of the last entry. */
  get time() {
    return millis(this.#time);
  }

  get origin(): string {
    return this.document.origin;
  }

  append(entry: Entry): void {
    this.appendBytes(encodeEntry(entry));
  }

  appendBytes(leaf: Uint8Array): void {
    this.leaves.push(leaf);
    this.#hashes.push(leafHash(leaf));
  }

  /** Draws a key and appends epoch.begin. */
  beginEpoch(counter = this.#epochs.length + 1): void {
    const key = Ed25519SecretKey.generate(this.#entropy);
    const bodyBytes = encodeEpochBody({
      lct: this.document.lct,
      epoch: counter,
      publicKey: key.publicKey,
      softwareVersion: "0.1.0",
      treeSize: this.size,
      treeRoot: this.root(),
      time: millis(this.#time),
      synchronised: true,
    });
    this.evidence = encodeEpochEvidence({
      bodyBytes,
      signature: this.#anchor.sign(epochSignedBytes(bodyBytes)),
      quote: undefined,
      nvCertify: undefined,
    });
    this.#epochs.push({ index: this.size, key });
    const { evidence } = this;
    this.append({ type: "epoch.begin", timeMs: millis(this.#time), body: { evidence } });
  }

  /** Appends `count` entries that every ledger takes, told apart by `mark`. */
  work(count: number, mark = 0): void {
    for (let i = 0; i < count; i += 1) {
      this.#time += 1000;
      this.append({
        type: "ops.clock",
        timeMs: millis(this.#time),
        body: { sync: "synchronised", source: "test", step: mark },
      });
    }
  }

  #read = (level: number, index: number): Uint8Array => {
    if (level === 0) return this.#hashes[index]!;
    return nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1));
  };

  root(size = this.size): Uint8Array {
    return rootAt(size, this.#read);
  }

  frontier(size = this.size): Frontier {
    const frontier = new Frontier();
    for (const hash of this.#hashes.slice(0, size)) frontier.append(hash);
    return frontier;
  }

  #epochAt(size: number): Ed25519SecretKey | undefined {
    return this.#epochs.findLast(({ index }) => index < size)?.key;
  }

  keyAt(size: number): Uint8Array | undefined {
    return this.#epochAt(size)?.publicKey;
  }

  note(size = this.size, root = this.root(size)): string {
    const key = this.#epochAt(size) ?? this.#epochs[0]!.key;
    return signCheckpoint(
      { size, root },
      { name: this.origin, publicKey: key.publicKey, sign: (bytes) => key.sign(bytes) },
    );
  }

  batch(from: number, to = this.size, change: Partial<Batch> = {}): Uint8Array {
    return encodeBatch({
      origin: this.origin,
      prevSize: from,
      leaves: this.leaves.slice(from, to),
      checkpoint: this.note(to),
      ...change,
    });
  }

  /** What answers to requests are made from. */
  get source() {
    return {
      entry: (i: number) => this.leaves[i]!,
      consistencyProof: (from: number, to: number) => consistencyProof(from, to, this.#read),
    };
  }

  response(from: number, size = this.size): Uint8Array {
    const checkpoint = { size, note: this.note(size), bytes: 0 };
    return encodeResponse(takeResponse(this.source, { kind: "response", id: 1, from, checkpoint }));
  }
}
