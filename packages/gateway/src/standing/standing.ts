/**
 * What this pack hears of its own LCT's ending. Whoever can publish on its status topic can keep that back, and make it check
 * some signatures; believed is a statement that an authority signed which this pack obeys.
 */
import { type Clock, type LctId, type Logger, messageOf, TokenBucket } from "@wattseal/base";
import { decodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import { type TrustedKeys, verifyAuthority } from "@wattseal/lct-keys/verify";
import type { LogWriter } from "../ledger/log-writer.js";

export interface StandingOptions {
  readonly pack: LctId;
  readonly authorityKeys: TrustedKeys;
  /** The final state that the log has; undefined while it has none. */
  readonly ended: () => LctState | undefined;
  readonly writer: Pick<LogWriter, "inTurn" | "record">;
  /** Time that only runs. */
  readonly steady: Pick<Clock, "now">;
  readonly logger: Logger;
  /** Once, when the log takes the statement; for people. */
  readonly onEnded: (detail: string) => void;
}

/** Longest statement (docs/registry.md, Messages). */
const MOST_BYTES = 1_024;
const FINAL: readonly LctState[] = ["void", "slashed", "retired"];

export class Standing {
  readonly #options: StandingOptions;
  readonly #room: TokenBucket;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#room = new TokenBucket({ burst: 4, everyMs: 10_000 }, options.steady.now());
  }

  /** Each start of a pack that has ended says so. */
  start(): void {
    const { ended, logger } = this.#options;
    const state = ended();
    if (state !== undefined) logger.error("pack.ended", { state });
  }

  /** One message of the status topic: entered once as lct.status, if it says that this LCT has ended. */
  receive(bytes: Uint8Array): void {
    const { pack, ended, writer, steady, logger, onEnded } = this.#options;
    if (ended() !== undefined || this.#room.take(steady.now()) > 0) return;
    let status: ReturnType<typeof statusIn>;
    try {
      status = statusIn(bytes, this.#options.authorityKeys);
    } catch (error) {
      logger.warn("pack.status-refused", { error: messageOf(error) });
      return;
    }
    const { lct, state, since, reason } = status;
    if (lct !== pack || !FINAL.includes(state)) {
      logger.warn("pack.status-refused", { error: `says ${state} of ${lct}` });
      return;
    }
    const sign1 = bytes.slice();
    writer.inTurn(() => {
      // Two federations may tell of it, and each again.
      if (ended() !== undefined || !writer.record({ type: "lct.status", body: { sign1 } })) return;
      logger.error("pack.ended", { state, since, reason });
      onEnded(`${state}: ${reason}`);
    });
  }
}

/** Throws DecodeError, LctKeysError. */
function statusIn(bytes: Uint8Array, authorityKeys: TrustedKeys) {
  const { payload } = verifyAuthority(bytes.subarray(0, MOST_BYTES), authorityKeys);
  return decodeAs(statusPayload, payload, "LCT status");
}
