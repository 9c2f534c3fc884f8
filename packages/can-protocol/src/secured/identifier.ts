/**
 * Identifiers of the secured link:
 * `[28:18] base · [17] first · [16] last · [15:12] segment mod 16 · [11:8] counter mod 16 · [7:0] slot`.
 * Even base pack to module, odd base module to pack. No deployed module's hardware mask admits the range.
 */
import type { FrameClass } from "../link/types.js";

const FIRST_BASE = 0x630;
const LAST_BASE = 0x637;
const FIRST_BIT = 1 << 17;
const LAST_BIT = 1 << 16;

/** Position in this list · 2 + 0x630 = base, pack to module. */
const CLASSES = ["urgent", "normal", "handshake", "bulk"] as const satisfies readonly FrameClass[];
const CLASS_BASE: Readonly<Record<FrameClass, number>> = {
  urgent: 0x630,
  normal: 0x632,
  handshake: 0x634,
  bulk: 0x636,
};

export type LinkDirection = "to-module" | "to-pack";

export function baseFor(cls: FrameClass, direction: LinkDirection): number {
  return CLASS_BASE[cls] | (direction === "to-pack" ? 1 : 0);
}

/** `segment` and `counter` are taken modulo 16. */
export function securedId(
  base: number,
  slot: number,
  counter: number,
  segment: number,
  first: boolean,
  last: boolean,
): number {
  return (
    (base << 18) |
    (first ? FIRST_BIT : 0) |
    (last ? LAST_BIT : 0) |
    ((segment & 15) << 12) |
    ((counter % 16) << 8) |
    slot
  );
}

export const isSecured = (id: number) => id >>> 18 >= FIRST_BASE && id >>> 18 <= LAST_BASE;
export const baseOf = (id: number) => id >>> 18;
export const isToModule = (id: number) => (id & (1 << 18)) === 0;
export const isFirst = (id: number) => (id & FIRST_BIT) !== 0;
export const isLast = (id: number) => (id & LAST_BIT) !== 0;
export const segmentBits = (id: number) => (id >>> 12) & 15;
export const counterBits = (id: number) => (id >>> 8) & 15;
export const slotOf = (id: number) => id & 0xff;
/** Of a secured identifier. */
export const classOf = (id: number): FrameClass => CLASSES[(id >>> 19) & 3] ?? "bulk";
