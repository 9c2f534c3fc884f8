/** A serial line, or whatever stands for one. */
export interface BytePort {
  write(bytes: Uint8Array): void;
  /** Once, before anything comes. */
  listen(listener: BytePortListener): void;
  /** Idempotent; nothing is told afterwards. */
  close(): void;
}

export interface BytePortListener {
  data(chunk: Uint8Array): void;
  /** It is gone, for this reason. */
  end(reason: string): void;
}
