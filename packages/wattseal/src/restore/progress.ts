/** Whether packs still bring what a federation lacks of them. What a pack that lacks nothing adds to its log is no part of it. */
import type { FederationStats } from "@wattseal/federation";
import type { PackName } from "@wattseal/uplink";

export type Seen = Pick<FederationStats, "latest" | "gaps" | "behind">;

export class Progress {
  /** Of a pack that was behind: what it had signed when that was first seen. It goes on signing. */
  readonly #aims = new Map<PackName, number>();
  #known = "";

  /** True where a pack was heard for the first time, or was found to lack something, or has less missing than before. */
  look({ latest, gaps, behind }: Seen): boolean {
    for (const [pack, size] of behind) {
      if (!this.#aims.has(pack)) this.#aims.set(pack, size);
    }
    let filled = 0;
    for (const [pack, aim] of this.#aims) filled += Math.min(aim, latest.get(pack)?.size ?? 0);
    const now = `${latest.size} ${gaps.size} ${this.#aims.size} ${filled}`;
    const isNew = now !== this.#known;
    this.#known = now;
    return isNew;
  }
}
