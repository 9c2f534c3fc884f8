/** How often a client may call: what an honest gateway needs with room to spare, and no more for one that is not. */
import { type Clock, TokenBucket, type TokenBucketSize } from "@wattseal/base";
import { LctKeysError } from "../../verify/errors.js";
import type { Ask } from "./requests.js";

type Call = Ask["call"];

/**
 * - `identity`: a gateway that systemd restarts over and over; each start costs the disk, and with a TPM its counter.
 * - `sign`: a checkpoint in 10 s at rest, one in 512 entries under load, up to 64 of them in one call; a simulated
 *   pack at 30 times the speed of time makes 3 a second.
 * - `attest`: a TPM takes about half a second for each, and signs nothing else meanwhile.
 * - `dh`: two for each handshake, four while a half is rolled: 31 links that restart together need 124 at once, and
 *   may do so twice before they wait.
 * - `ocmf`: a day's record each; a pack that was off signs its days one after the other.
 * - `half`: a roll is made by people.
 * - `starts`: asked where an epoch may end, so as often as one begins; writes a small file.
 */
const LIMITS: Readonly<Record<Call, TokenBucketSize>> = {
  identity: { burst: 20, everyMs: 5_000 },
  sign: { burst: 128, everyMs: 25 },
  attest: { burst: 4, everyMs: 10_000 },
  dh: { burst: 256, everyMs: 25 },
  ocmf: { burst: 64, everyMs: 5_000 },
  half: { burst: 4, everyMs: 3_600_000 },
  starts: { burst: 20, everyMs: 5_000 },
};

/** Of one signer, whoever connects: a new connection brings no new calls. `clock` only runs. */
export class CallLimits {
  readonly #clock: Clock;
  readonly #buckets = new Map<Call, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a call. Throws `rate-limited` with `retryAfterMs`; such a call does not count. */
  take(call: Call): void {
    const { burst, everyMs } = LIMITS[call];
    const now = this.#clock.now();
    const bucket = this.#buckets.get(call) ?? new TokenBucket(LIMITS[call], now);
    this.#buckets.set(call, bucket);
    const retryAfterMs = bucket.take(now);
    if (retryAfterMs === 0) return;
    throw new LctKeysError(
      "rate-limited",
      `the signer answers ${call} ${burst} times at once, and then every ${everyMs} ms; ask again in ${retryAfterMs} ms`,
      { retryAfterMs },
    );
  }
}
