/** Ends the LCTs of packs whose forks are kept, whoever kept them, once signatures prove them. */
import { type LogFields, type Logger, messageOf, sha256, toHex } from "@wattseal/base";
import type { TrustedKeys } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import type { FederationStore, ForkEvidence } from "../store/port.js";
import { judgeKept, type KeptLogs, type KeptVerdict } from "../worker/kept-fork.js";
import type { FinalState } from "./port.js";
import type { Standing } from "./standing.js";

export interface KeptForksOptions {
  /** Ends them. */
  readonly standing: Standing;
  readonly logs: KeptLogs & Pick<FederationStore, "forkedPacks" | "forks">;
  readonly authorityKeys: TrustedKeys;
  readonly logger: Logger;
}

export class KeptForks implements Standing {
  readonly #options: KeptForksOptions;
  /** Told of, and left alone. */
  readonly #unproven = new Set<string>();

  constructor(options: KeptForksOptions) {
    this.#options = options;
  }

  finalState(pack: PackName): FinalState | undefined {
    return this.#options.standing.finalState(pack);
  }

  statement(pack: PackName): Promise<Uint8Array | undefined> {
    return this.#options.standing.statement(pack);
  }

  /** A worker in this process has kept it; but what it compared with is in the store, which others may write. */
  async slash({ pack }: ForkEvidence): Promise<void> {
    if (this.finalState(pack) === undefined) await this.#judgePack(pack);
  }

  /**
   * All: also of a worker that died between keeping a proof and acting on it, that has no key to act with, or whose stored
   * log did not reach as far. Throws what the stores throw.
   */
  async judge(): Promise<void> {
    for (const pack of await this.#options.logs.forkedPacks()) {
      if (this.finalState(pack) === undefined) await this.#judgePack(pack);
    }
  }

  async #judgePack(pack: PackName): Promise<void> {
    const { standing, logs, logger } = this.#options;
    const kept = await logs.forks(pack);
    const unproven = new Map<string, LogFields>();
    for (const fork of kept) {
      const { kind, size } = fork;
      const evidence = toHex(sha256(fork.payload));
      const name = `${pack} ${kind} ${size} ${evidence}`;
      if (this.#unproven.has(name)) continue;
      const verdict = await this.#verdict(fork, kept);
      if (verdict.kind === "proven") return standing.slash(fork, verdict.document);
      if (verdict.kind === "open") continue;
      unproven.set(name, { pack, kind, size, evidence, error: verdict.why });
    }
    for (const [name, fields] of unproven) {
      this.#unproven.add(name);
      logger.error("registry.fork-unproven", fields);
    }
  }

  async #verdict(fork: ForkEvidence, kept: readonly ForkEvidence[]): Promise<KeptVerdict> {
    try {
      return await judgeKept(fork, { ...this.#options, kept });
    } catch (error) {
      const isOfStore = error instanceof FederationError && error.code !== "store-corrupt";
      if (isOfStore) throw error;
      return { kind: "unproven", why: messageOf(error) };
    }
  }
}
