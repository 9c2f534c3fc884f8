/**
 * What packs have of their logs no more: a gateway that pruned answers from where its log begins. What lies before that
 * comes from a copy, or not at all. The pack's word, and no more than that: whoever has a copy proves it wrong. Of a pack of
 * which nothing is stored it is anybody's word, who can publish in its name.
 */
import type { Logger } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import type { Message } from "./judge.js";
import type { Delivery } from "./ports.js";

/** Entries `from` up to, not including, `to`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** As an answer said it. `verified`: its head is under a key of the pack's, which nobody can tell before entry 0 has come. */
export interface SaidGap extends Gap {
  readonly verified: boolean;
}

const MOST = 4096;
/** Of 15 digits, as a statement of missing entries has them. */
const LARGEST = 999_999_999_999_999;

export class Gaps {
  readonly #logger: Logger;
  readonly #asked = new Map<PackName, { readonly id: number; readonly from: number }>();
  readonly #gaps = new Map<PackName, SaidGap>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get found(): ReadonlyMap<PackName, SaidGap> {
    return new Map(this.#gaps);
  }

  /** A request was sent. */
  asked(pack: PackName, id: number, from: number): void {
    put(this.#asked, pack, { id, from });
  }

  /** An answer came that does not begin where the log here ends; `size`: of its head. */
  answered(
    { pack }: Delivery,
    message: Message,
    { size, verified }: { readonly size: number; readonly verified: boolean },
  ): void {
    const asked = this.#asked.get(pack);
    if ("origin" in message || asked?.id !== message.id || message.prevSize <= asked.from) return;
    if (message.prevSize > Math.min(size, LARGEST)) return;
    const gap = { from: asked.from, to: message.prevSize, verified };
    if (this.#gaps.get(pack)?.to !== gap.to) {
      this.#logger.error("federation.pack-gap", { pack, ...gap });
    }
    put(this.#gaps, pack, gap);
  }

  grown(pack: PackName, size: number): void {
    if (size >= (this.#gaps.get(pack)?.to ?? Number.POSITIVE_INFINITY)) this.#gaps.delete(pack);
  }
}

/** The one that was longest not heard of goes. */
function put<T>(map: Map<PackName, T>, pack: PackName, value: T): void {
  map.delete(pack);
  map.set(pack, value);
  const [oldest] = map.keys();
  if (map.size > MOST && oldest !== undefined) map.delete(oldest);
}
