/** Entry 0 and the epochs of one pack's log: who may sign its checkpoints from where on. */
import type { Entry } from "@wattseal/energy-ledger";
import {
  EpochChain,
  type LctDocument,
  type TrustedKeys,
  type VerifiedEpoch,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import { Refused } from "./refused.js";

export interface BegunEpoch {
  /** Of its epoch.begin entry. */
  readonly index: number;
  readonly epoch: VerifiedEpoch;
}

export interface EpochTrust {
  readonly pack: PackName;
  readonly authorityKeys: TrustedKeys;
}

/** A value: following more entries makes a new one. */
export class PackEpochs {
  readonly #chain: EpochChain | undefined;
  readonly begun: readonly BegunEpoch[];

  private constructor(chain: EpochChain | undefined, begun: readonly BegunEpoch[]) {
    this.#chain = chain;
    this.begun = begun;
  }

  static readonly none = new PackEpochs(undefined, []);

  get document(): LctDocument | undefined {
    return this.#chain?.document;
  }

  get current(): VerifiedEpoch | undefined {
    return this.#chain?.current;
  }

  /** The last epoch that begins below `size`. */
  at(size: number): VerifiedEpoch | undefined {
    return this.begun.findLast(({ index }) => index < size)?.epoch;
  }

  /**
   * After `entries`, of which the first stands at `first`. `rootBefore(index)` is the root of the tree of `index`
   * leaves. Throws Refused `untrusted`, DecodeError, LctKeysError `epoch-*`.
   */
  follow(
    entries: readonly Entry[],
    first: number,
    trust: EpochTrust,
    rootBefore: (index: number) => Uint8Array,
  ): PackEpochs {
    const begins = entries.some(({ type }) => type === "epoch.begin");
    if (first > 0 && !begins) return this;
    const chain =
      first === 0 ? new EpochChain(requireDocument(entries[0], trust)) : this.#copyChain();
    const begun = [...this.begun];
    for (const [i, entry] of entries.entries()) {
      if (entry.type !== "epoch.begin") continue;
      const index = first + i;
      const at = { treeSize: index, treeRoot: rootBefore(index), time: entry.timeMs };
      if (chain.begin(entry.body.evidence, at) === "began" && chain.current !== undefined) {
        begun.push({ index, epoch: chain.current });
      }
    }
    return new PackEpochs(chain, begun);
  }

  /** Throws LctKeysError `epoch-missing`, `checkpoint-signature`, `checkpoint-size`. */
  verifyCheckpoint(note: string): void {
    this.#require().verifyCheckpoint(note);
  }

  isSigner(note: string): boolean {
    try {
      this.verifyCheckpoint(note);
      return true;
    } catch {
      return false;
    }
  }

  #copyChain(): EpochChain {
    const chain = this.#require();
    const evidence = chain.current?.evidence;
    return evidence === undefined
      ? new EpochChain(chain.document)
      : EpochChain.resume(chain.document, evidence);
  }

  #require(): EpochChain {
    if (this.#chain === undefined) {
      throw new Refused("untrusted", "entry 0 of this log is not known yet");
    }
    return this.#chain;
  }
}

function requireDocument(entry: Entry | undefined, { pack, authorityKeys }: EpochTrust) {
  if (entry?.type !== "lct.document") {
    throw new Refused("untrusted", `entry 0 is ${entry?.type ?? "missing"}, not lct.document`);
  }
  const document = verifyLctDocument(entry.body.sign1, authorityKeys);
  if (document.label !== pack || !document.lct.startsWith("lct:pack:")) {
    throw new Refused("untrusted", `entry 0 is the document of ${document.lct}, not of ${pack}`);
  }
  return document;
}
