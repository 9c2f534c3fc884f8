import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Entropy, millis } from "@wattseal/base";
import type { BusListener, CanFrame } from "@wattseal/can-protocol";
import type { WallClock } from "./time/wall-clock.js";

export const START = millis(1_750_000_000_000);
export const START_MICROS = START * 1000;

/** Wall time that passes by sleeping alone. */
export class VirtualWall implements WallClock {
  time = 0;
  readonly sleeps: number[] = [];

  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number): Promise<void> {
    this.sleeps.push(milliseconds);
    this.time += milliseconds;
  }
}

/** Repeatable bytes: never outside tests. */
export function seededEntropy(seed: string): Entropy {
  let calls = 0;
  return {
    bytes(length) {
      calls += 1;
      const out = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        const block = createHash("sha256").update(`${seed}/${calls}/${at}`).digest();
        out.set(block.subarray(0, Math.min(32, length - at)), at);
      }
      return out;
    },
  };
}

export const classic = (id: number, ...data: number[]): CanFrame => ({
  id,
  data: Uint8Array.from(data),
  fd: false,
});

/** A listener that ignores what it is not told to look at. */
export const listener = (parts: Partial<BusListener>): BusListener => ({
  frame: () => {},
  sent: () => {},
  error: () => {},
  state: () => {},
  ...parts,
});

export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "wattseal-sim-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A recording beside the checkout, or undefined where it is absent. */
export function recordedFile(name: string): { readonly url: URL; readonly present: boolean } {
  const url = new URL(`../../../../shared/data/${name}`, import.meta.url);
  return { url, present: existsSync(url) };
}

export const bytesOf = (url: URL): Uint8Array => readFileSync(url);

/** Lets the event loop turn. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await nextTurn();
}
