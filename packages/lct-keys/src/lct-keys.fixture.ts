/** What the tests of this package share: a clock that stands still, entropy from a seed, trees, a pack and its epochs. */
import { type Clock, type Entropy, type Millis, millis, sha256, utf8 } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import {
  consistencyProof,
  type HashReader,
  leafHash,
  nodeHash,
  rootAt,
  signCheckpoint,
  TlogError,
} from "@wattseal/tlog";
import { issueLctDocument } from "./authority.js";
import { Ed25519SecretKey } from "./keys/ed25519.js";
import { P256SecretKey } from "./keys/p256.js";
import type { Anchor, AnchorHalf } from "./signer/anchor.js";
import type { StateFiles } from "./signer/state-files.js";
import { attestSignedBytes } from "./verify/attestation.js";
import { type LctDocument, verifyLctDocument } from "./verify/document.js";
import {
  type EpochBody,
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
} from "./verify/evidence.js";
import type { LctGenesis } from "./verify/genesis.js";
import type { OcmfDay } from "./verify/ocmf.js";

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

export interface ManualClock extends Clock {
  set(time: number): void;
}

export function manualClock(start: Millis = START): ManualClock {
  let now = start;
  return {
    now: () => now,
    at: () => () => {},
    set(time) {
      now = millis(time);
    },
  };
}

/** A log's hashes, recomputed naively. */
export class TestTree {
  readonly #leaves: Uint8Array[];

  constructor(texts: readonly string[]) {
    this.#leaves = texts.map((text) => leafHash(utf8(text)));
  }

  #read: HashReader = (level, index) => {
    if (level === 0) return this.#leaves[index]!;
    return nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1));
  };

  get size(): number {
    return this.#leaves.length;
  }

  root(size = this.size): Uint8Array {
    return rootAt(size, this.#read);
  }

  proof(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, this.#read);
  }

  request(from: number, to: number) {
    return { size: to, root: this.root(to), consistency: this.proof(from, to) };
  }

  /** As a signer sees a log of the first `size` leaves. */
  log(
    size: number,
    more: { lastCounter?: number; bootVersion?: number; head?: string; receipt?: string } = {},
  ) {
    return {
      size,
      root: this.root(size),
      lastCounter: more.lastCounter ?? 0,
      bootVersion: more.bootVersion ?? 0,
      head: more.head,
      receipt: more.receipt,
      consistencyProof: (from: number, to: number) => this.proof(from, to),
    };
  }
}

/** `shared` leaves common to every tree, then leaves of this one's own. */
export function tree(name: string, size: number, shared = size): TestTree {
  return new TestTree(
    Array.from({ length: size }, (_, i) => (i < shared ? `entry ${i}` : `entry ${i} of ${name}`)),
  );
}

export interface TestPack {
  readonly authority: Ed25519SecretKey;
  readonly anchor: P256SecretKey;
  readonly document: LctDocument;
}

export function genesisOf(anchor: Uint8Array, change: Partial<LctGenesis> = {}) {
  return {
    kind: "pack",
    class: "responsive",
    anchor: { type: "p256", publicKey: anchor },
    binding: "software",
    strengthBps: 4_000,
    context: ["fleet test"],
    created: START,
    witnesses: [],
    mrh: [],
    ...change,
  } as const;
}

export function testPack(seed = "pack", change: Partial<LctGenesis> = {}): TestPack {
  const entropy = seededEntropy(seed);
  const authority = Ed25519SecretKey.generate(entropy);
  const anchor = P256SecretKey.generate(entropy);
  const bytes = issueLctDocument(authority, genesisOf(anchor.publicKey, change));
  return { authority, anchor, document: verifyLctDocument(bytes, [authority.publicKey]) };
}

export function epochBody(
  pack: TestPack,
  key: Ed25519SecretKey,
  change: Partial<EpochBody> = {},
): EpochBody {
  return {
    lct: pack.document.lct,
    epoch: 1,
    publicKey: key.publicKey,
    softwareVersion: "0.1.0",
    treeSize: 1,
    treeRoot: tree("log", 1).root(),
    time: START,
    synchronised: true,
    ...change,
  };
}

export function evidenceOf(
  pack: TestPack,
  body: EpochBody,
  statements: Partial<Parameters<typeof encodeEpochEvidence>[0]> = {},
): Uint8Array {
  const bodyBytes = encodeEpochBody(body);
  const signature = pack.anchor.sign(epochSignedBytes(bodyBytes));
  return encodeEpochEvidence({
    bodyBytes,
    signature,
    quote: undefined,
    nvCertify: undefined,
    ...statements,
  });
}

export function noteOf(
  pack: { readonly document: Pick<LctDocument, "origin"> },
  key: Ed25519SecretKey,
  head: { size: number; root: Uint8Array },
): string {
  return signCheckpoint(head, {
    name: pack.document.origin,
    publicKey: key.publicKey,
    sign: (bytes) => key.sign(bytes),
  });
}

/** State files in memory; `before` and `after` run around every step and may throw, as a disk or a crash would. */
export class MemoryStateFiles implements StateFiles {
  readonly files = new Map<number, Uint8Array>();
  before: (step: string) => void | Promise<void> = () => {};
  after: (step: string) => void | Promise<void> = () => {};

  async #step<T>(name: string, effect: () => T): Promise<T> {
    await this.before(name);
    const result = effect();
    await this.after(name);
    return result;
  }

  /** Whether the lock keeps others out, as it does not between containers. */
  locking = true;
  #locked = false;

  /** Gone with its holder, as a process's is: also where the step after it failed. */
  async lock() {
    const release = async () => {
      this.#locked = false;
    };
    await this.before("lock");
    if (this.#locked && this.locking) throw new TlogError("locked", "another one has it");
    this.#locked = true;
    try {
      await this.after("lock");
    } catch (crash) {
      await release();
      throw crash;
    }
    return release;
  }

  claimed() {
    return this.#step("claimed", () => [...this.files.keys()].sort((a, b) => a - b));
  }

  claim(epoch: number) {
    return this.#step("claim", () => {
      if (this.files.has(epoch)) return false;
      this.files.set(epoch, new Uint8Array(0));
      return true;
    });
  }

  read(epoch: number) {
    return this.#step("read", () => {
      const content = this.files.get(epoch);
      if (content === undefined) throw new Error("no such file");
      return content;
    });
  }

  write(epoch: number, content: Uint8Array) {
    return this.#step("write", () => void this.files.set(epoch, content));
  }

  remove(epoch: number) {
    return this.#step("remove", () => void this.files.delete(epoch));
  }
}

/** An anchor with a counter of its own, as a TPM has; steps as those of MemoryStateFiles. */
export class CountingAnchor implements Anchor {
  readonly publicKey: Uint8Array;
  rationed = false;
  readonly counterBase: number;
  value: number;
  confirmed = 0;
  /** Steps begun. */
  calls = 0;
  halves: readonly AnchorHalf[] = [];
  before: (step: string) => void | Promise<void> = () => {};
  after: (step: string) => void | Promise<void> = () => {};
  readonly #key: P256SecretKey;

  constructor(key: P256SecretKey, counterBase = 0) {
    this.#key = key;
    this.publicKey = key.publicKey;
    this.counterBase = counterBase;
    this.value = counterBase;
  }

  async #step<T>(name: string, effect: () => T): Promise<T> {
    this.calls += 1;
    await this.before(name);
    const result = effect();
    await this.after(name);
    return result;
  }

  counter() {
    return this.#step("counter", () => this.value);
  }

  increment() {
    return this.#step("increment", () => {
      this.value += 1;
      return this.value;
    });
  }

  attestEpoch(body: Uint8Array): ReturnType<Anchor["attestEpoch"]> {
    return this.#step("attest epoch", () => ({
      signature: this.#key.sign(epochSignedBytes(body)),
      quote: undefined,
      nvCertify: undefined,
    }));
  }

  sign(message: Uint8Array) {
    return this.#step("sign", () => this.#key.sign(message));
  }

  attest(nonce: Uint8Array) {
    return this.#step("attest", () => ({
      signature: this.#key.sign(attestSignedBytes(nonce)),
      quote: undefined,
      nvCertify: undefined,
    }));
  }

  confirmBoot() {
    return this.#step("confirm boot", () => {
      this.confirmed += 1;
    });
  }

  async openHalves() {
    return this.halves;
  }

  async createHalf() {
    const half = DeviceHalf.generate(seededEntropy("half"));
    return { state: "open", reference: "half", publicKey: half.publicKey, half } as const;
  }

  async close() {}
}

/** The note of the one head that was asked for. */
export async function only(notes: Promise<readonly string[]>): Promise<string> {
  const [note, ...others] = await notes;
  if (note === undefined || others.length > 0) throw new Error("not one note");
  return note;
}

/** The code of what `act` throws; "nothing" when it throws nothing. */
export function codeOf(act: () => unknown): string {
  try {
    act();
    return "nothing";
  } catch (thrown) {
    return codeOfThrown(thrown);
  }
}

export function codeOfThrown(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : String(thrown);
}

export function* flips(bytes: Uint8Array): Generator<{ bit: number; flipped: Uint8Array }> {
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const flipped = new Uint8Array(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield { bit, flipped };
  }
}

/** 20 November 2026, with 5 mWh that no register holds. */
export function dayOf(change: Partial<OcmfDay> = {}): OcmfDay {
  const start = Date.UTC(2026, 10, 20);
  return {
    page: 12,
    start,
    begin: { time: start - 1, synchronised: true, inMwh: 500_000, outMwh: 1 },
    end: { time: start + 86_400_000, synchronised: true, inMwh: 12_345_678, outMwh: 1 },
    leftOut: { inMwh: 5, outMwh: 0, resets: 0 },
    softwareVersion: "0.1.0",
    first: 7,
    last: 99,
    root: new Uint8Array(32).fill(0xab),
    ...change,
  };
}
