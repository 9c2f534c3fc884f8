/** ISO 11898-1 §10.4.2.3: data lengths of an FD frame above 8 bytes. */
const FD_LENGTHS = [12, 16, 20, 24, 32, 48, 64] as const;

export const CLASSIC_MAX = 8;
export const FD_MAX = 64;

/** The shortest FD data length that holds `bytes` (0-64). */
function fdLength(bytes: number): number {
  if (bytes <= CLASSIC_MAX) return bytes;
  return FD_LENGTHS.find((length) => length >= bytes) ?? FD_MAX;
}

export function isFrameLength(bytes: number, fd: boolean): boolean {
  return fd ? bytes <= FD_MAX && fdLength(bytes) === bytes : bytes <= CLASSIC_MAX;
}

/** Length of `bytes` padded so that they fill whole frames. */
export function paddedLength(bytes: number, fd: boolean): number {
  const size = fd ? FD_MAX : CLASSIC_MAX;
  const rest = bytes % size;
  if (rest === 0) return bytes;
  return bytes - rest + (fd ? fdLength(rest) : size);
}
