/**
 * How often an anchor may begin an epoch whose counter wears out: 20 starts, refilled 6 an hour (design: identity, Epochs).
 *
 * Trust: who can write the signer's directory can fill the bucket; it spares the NV cells, and guards nothing else.
 */
import {
  bytesEqual,
  type Clock,
  concatBytes,
  DecodeError,
  decodeCbor,
  encodeCbor,
  Fields,
  sha256,
} from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { Turns } from "./turns.js";

/** A durable small file, whole or not at all. */
export interface SmallFile {
  /** Undefined where there is none. */
  read(): Promise<Uint8Array | undefined>;
  write(content: Uint8Array): Promise<void>;
}

const START_MS = 3_600_000 / 6;
const FULL_MS = 20 * START_MS;
const TAG = "wattseal-starts-1";
const CHECK_LENGTH = 32;

/** What has gathered since, as ms of refilling; `at` is the machine's UTC, ms. */
interface Level {
  readonly ms: number;
  readonly at: number;
}

export class StartBucket {
  readonly #file: SmallFile;
  readonly #clock: Clock;
  readonly #turns = new Turns();

  /** `clock`: the machine's, over its restarts. */
  constructor(file: SmallFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Throws `epoch-rationed` with `retryAfterMs` while no start is left. */
  require(): Promise<void> {
    return this.#turns.run(async () => requireStart(await this.#level()));
  }

  /** ms until the next start is paid for, 0 where it is. What has gathered is durable before it returns. */
  nextStartMs(): Promise<number> {
    return this.#turns.run(async () => {
      const level = await this.#level();
      await this.#file.write(encodeLevel(level));
      return missingMs(level);
    });
  }

  /** Spends one start, durably before it returns. */
  take(): Promise<void> {
    return this.#turns.run(async () => {
      const level = await this.#level();
      requireStart(level);
      await this.#file.write(encodeLevel({ ms: level.ms - START_MS, at: level.at }));
    });
  }

  /** A clock set back refills nothing, and goes on from where it now stands; what cannot be read is an empty bucket. */
  async #level(): Promise<Level> {
    const now: number = this.#clock.now();
    const content = await this.#file.read();
    if (content === undefined) return { ms: FULL_MS, at: now };
    const kept = decodeLevel(content);
    if (kept !== undefined && now >= kept.at) {
      return { ms: Math.min(FULL_MS, kept.ms + now - kept.at), at: now };
    }
    const level = { ms: kept?.ms ?? 0, at: now };
    await this.#file.write(encodeLevel(level));
    return level;
  }
}

const missingMs = ({ ms }: Level): number => Math.max(0, START_MS - ms);

function requireStart(level: Level): void {
  const retryAfterMs = missingMs(level);
  if (retryAfterMs === 0) return;
  throw new LctKeysError(
    "epoch-rationed",
    `this anchor has begun 20 epochs in a short time, and its counter wears out; the next may begin in ${Math.ceil(retryAfterMs / 1000)} s`,
    { retryAfterMs },
  );
}

function encodeLevel({ ms, at }: Level): Uint8Array {
  const record = encodeCbor([TAG, ms, at]);
  return concatBytes(record, sha256(record));
}

function decodeLevel(content: Uint8Array): Level | undefined {
  const what = "start bucket";
  const end = Math.max(0, content.length - CHECK_LENGTH);
  const record = content.subarray(0, end);
  if (!bytesEqual(sha256(record), content.subarray(end))) return undefined;
  try {
    const fields = new Fields(decodeCbor(record, { what }), what, 3);
    fields.oneOf(0, "version tag", [TAG]);
    return {
      ms: fields.integer(1, "level", { least: 0, most: FULL_MS }),
      at: fields.millis(2, "time"),
    };
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined;
    throw thrown;
  }
}
