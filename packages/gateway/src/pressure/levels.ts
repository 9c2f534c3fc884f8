import { FULL_RESOLUTION } from "@wattseal/energy-ledger";
import type { Space } from "./space.js";

/** How much a pack has to give way for want of space. */
export type Level = "room" | "short" | "scarce";

/** UTC minutes of an interval where nothing else gives way: a tenth of the entries, and a sixtieth. */
export const MINUTES = { room: FULL_RESOLUTION, short: 10, scarce: 60 } as const satisfies Record<
  Level,
  number
>;

/** On a small file system the reserve is this part of it. */
const MOST_PART = 10;
/** It is over when there is a quarter more than the reserve: what gave way must not come back at once. */
const RELIEF = 1.25;

/** Bytes of which the rest is held against: what was asked for, on a small file system a tenth of that. */
export function reserveOf(asked: number, { total }: Space): number {
  return Math.floor(Math.min(asked, total / MOST_PART));
}

/** Bytes at which there is room again. */
export function reliefOf(reserve: number): number {
  return Math.ceil(RELIEF * reserve);
}

/** Below the reserve it is short, below half of it scarce; only with a quarter more than the reserve there is room again. */
export function levelOf(free: number, reserve: number, before: Level): Level {
  if (free >= reliefOf(reserve)) return "room";
  if (before === "scarce" || 2 * free < reserve) return "scarce";
  return free < reserve ? "short" : before;
}
