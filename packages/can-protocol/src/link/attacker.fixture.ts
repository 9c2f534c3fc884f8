/** Frames as anyone on the bus can send them. */
import { fromHex } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { SLOT, UID } from "./link-pair.fixture.js";

const HELLO_ID = 0x635 * 2 ** 18 + 3 * 2 ** 16 + SLOT;
export function hello(count = 0, uid: string = UID): CanFrame {
  return { id: HELLO_ID + (count % 16) * 2 ** 8, data: fromHex(uid), fd: false };
}

/** Frames of a PDU of `length` arbitrary bytes under a secured base, in classic frames. */
export function forged(base: number, fill: number, length = 24, counter = 0): CanFrame[] {
  const count = Math.ceil(length / 8);
  return Array.from({ length: count }, (_, i) => ({
    id:
      base * 2 ** 18 +
      (i === 0 ? 2 ** 17 : 0) +
      (i === count - 1 ? 2 ** 16 : 0) +
      (i % 16) * 2 ** 12 +
      (counter % 16) * 2 ** 8 +
      SLOT,
    data: Uint8Array.from({ length: 8 }, (_, at) => (fill * 31 + i * 8 + at) & 0xff),
    fd: false,
  }));
}
