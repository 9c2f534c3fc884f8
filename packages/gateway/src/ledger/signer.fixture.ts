/** A signer in a process of its own, as its client sees it: it comes, goes, and dies in the middle of a call. */
import { LctKeysError, type Signer } from "@wattseal/lct-keys";
import type { ContinuedLog } from "./energy-log-options.js";

export class FarSigner {
  readonly #begin: (log: ContinuedLog) => Promise<Signer>;
  /** Why it does not answer. */
  away: LctKeysError | undefined;
  /** It signs, makes that durable, and dies before it answers. */
  diesSigning = false;
  /** What happens while it begins an epoch. */
  beginning: () => Promise<void> = async () => {};
  /** It begins an epoch, and dies before it answers. */
  diesBeginning = false;
  begun = 0;
  asked = 0;

  constructor(begin: (log: ContinuedLog) => Promise<Signer>) {
    this.#begin = begin;
  }

  readonly open = async (log: ContinuedLog): Promise<Signer> => {
    this.asked += 1;
    this.#answer();
    const signer = await this.#begin(log);
    await this.beginning();
    if (this.diesBeginning) {
      this.diesBeginning = false;
      throw this.#die();
    }
    this.begun += 1;
    const epoch = this.begun;
    const sign: Signer["sign"] = async (...requests) => {
      this.#answer();
      if (epoch !== this.begun) throw unreachable();
      const notes = await signer.sign(...requests);
      if (!this.diesSigning) return notes;
      this.diesSigning = false;
      throw this.#die();
    };
    return {
      identity: () => signer.identity(),
      ocmf: (day) => signer.ocmf(day),
      nextStartMs: async () => {
        this.#answer();
        return signer.nextStartMs();
      },
      close: () => signer.close(),
      epochEvidence: signer.epochEvidence,
      get lastSigned() {
        return signer.lastSigned;
      },
      sign,
    };
  };

  /** Its process is gone, and its epoch's key with it. */
  #die(): LctKeysError {
    this.begun += 1;
    this.away = unreachable();
    return this.away;
  }

  die(): void {
    this.#die();
  }

  #answer(): void {
    if (this.away !== undefined) throw this.away;
  }
}

export function unreachable(): LctKeysError {
  return new LctKeysError("signer-unreachable", "no signer answers");
}

export function rationed(retryAfterMs: number): LctKeysError {
  return new LctKeysError("epoch-rationed", "no start is left", { retryAfterMs });
}
