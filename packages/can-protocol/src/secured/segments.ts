import type { CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import { CLASSIC_MAX, FD_MAX, isFrameLength } from "./fd.js";
import { securedId } from "./identifier.js";

/** Longest PDU, ciphertext and tag. */
export const MAX_PDU = 4096;

/** Cuts `pdu` into frames, which share its buffer. Its length must fill whole frames. */
export function segment(
  pdu: Uint8Array,
  base: number,
  slot: number,
  counter: number,
  fd: boolean,
): readonly CanFrame[] {
  const size = fd ? FD_MAX : CLASSIC_MAX;
  const count = Math.ceil(pdu.length / size);
  const lastLength = pdu.length - (count - 1) * size;
  if (pdu.length === 0 || pdu.length > MAX_PDU || !isFrameLength(lastLength, fd)) {
    throw new CanProtocolError(
      "bad-frame",
      "usage",
      `${pdu.length} bytes do not fill whole frames`,
    );
  }
  const frames: CanFrame[] = [];
  for (let i = 0; i < count; i += 1) {
    frames.push({
      id: securedId(base, slot, counter, i, i === 0, i === count - 1),
      data: pdu.subarray(i * size, i * size + size),
      fd,
    });
  }
  return frames;
}
