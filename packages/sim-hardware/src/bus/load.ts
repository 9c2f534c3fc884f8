const BUCKET_MICROS = 100_000;
const BUCKETS = 10;

/** How busy the wire was over the last full second. */
export class LoadMeter {
  readonly #busyNanos = new Array<number>(BUCKETS).fill(0);
  readonly #frames = new Array<number>(BUCKETS).fill(0);
  #bucket = 0;

  /** Something that ended at `time` and occupied the wire for `nanos`: a frame, or (0) what is left of one and its error frame. */
  add(time: number, nanos: number, frames: 0 | 1): void {
    this.#moveTo(time);
    const at = this.#bucket % BUCKETS;
    this.#busyNanos[at] = (this.#busyNanos[at] ?? 0) + nanos;
    this.#frames[at] = (this.#frames[at] ?? 0) + frames;
  }

  /** The nine tenths before this one and what there is of this one. */
  recent(time: number): { readonly busy: number; readonly framesPerSecond: number } {
    this.#moveTo(time);
    const window = (BUCKETS - 1) * BUCKET_MICROS + (time % BUCKET_MICROS);
    let nanos = 0;
    let frames = 0;
    for (let i = 0; i < BUCKETS; i += 1) {
      nanos += this.#busyNanos[i] ?? 0;
      frames += this.#frames[i] ?? 0;
    }
    return {
      busy: Math.min(1, nanos / 1000 / window),
      framesPerSecond: Math.round((frames * 1_000_000) / window),
    };
  }

  #moveTo(time: number): void {
    const bucket = Math.floor(time / BUCKET_MICROS);
    if (bucket === this.#bucket) return;
    const steps = Math.min(BUCKETS, bucket - this.#bucket);
    for (let step = 0; step < steps; step += 1) {
      this.#busyNanos[(bucket - step) % BUCKETS] = 0;
      this.#frames[(bucket - step) % BUCKETS] = 0;
    }
    this.#bucket = bucket;
  }
}
