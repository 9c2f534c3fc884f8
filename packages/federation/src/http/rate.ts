/** So many requests from one address, and no more: a bucket each, of a bounded number of addresses. */
import { type Clock, TokenBucket, type TokenBucketSize } from "@wattseal/base";

export interface RateOptions extends TokenBucketSize {
  readonly clock: Pick<Clock, "now">;
  /** Beyond them the one that was longest silent is forgotten. */
  readonly addresses: number;
}

export class RateLimit {
  readonly #options: RateOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** 0: go on; else the seconds after which to try again. */
  take(address: string): number {
    const { clock, addresses } = this.#options;
    const key = networkOf(address);
    const now = clock.now();
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#options, now);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > addresses && oldest !== undefined) this.#buckets.delete(oldest);
    return Math.ceil(bucket.take(now) / 1000);
  }
}

/** An IPv6 host has a whole /64 of addresses; an IPv4 address may come mapped (RFC 4291 §2.5.5.2). */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return address.includes(":") ? prefixOf(address) : address;
}

const GROUPS = 8;
const PREFIX_GROUPS = 4;

function prefixOf(address: string): string {
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : GROUPS - before.length - after.length;
  const all = [...before, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after];
  return all.slice(0, PREFIX_GROUPS).join(":").toLowerCase();
}
