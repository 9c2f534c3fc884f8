// What the gateways have receipts for, as the files beside their logs tell.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { unverifiedCheckpoint } from "@wattseal/tlog";

const LOOK_MS = 50;

export class Witnessed {
  /** Every receipt that was seen, by the pack's folder and the size that it covers. @type {Map<string, Map<number, string>>} */
  receipts = new Map();
  #check;

  /**
   * @param {readonly string[]} packs folders
   * @param {() => void} check throws what makes waiting useless
   */
  constructor(packs, check) {
    for (const pack of packs) this.receipts.set(pack, new Map());
    this.#check = check;
  }

  /** Resolves when a receipt has come that covers more, for any of the packs or for each of them. @param {"any" | "all"} [of] */
  async progress(of = "any") {
    this.look();
    const before = [...this.receipts.values()].map(({ size }) => size);
    for (;;) {
      await pause(LOOK_MS);
      this.#check();
      this.look();
      const moved = [...this.receipts.values()].map(({ size }, i) => size > (before[i] ?? 0));
      if (of === "any" ? moved.includes(true) : !moved.includes(false)) return;
    }
  }

  look() {
    for (const [pack, seen] of this.receipts) {
      const log = join(pack, "gateway", "log");
      for (const name of filesIn(log).filter((file) => file.startsWith("receipt."))) {
        const text = readFileSync(join(log, name), "utf8");
        const { size } = unverifiedCheckpoint(text);
        const last = Math.max(0, ...seen.keys());
        if (size < last)
          throw new Error(`${pack}: a receipt of ${last} gave way to one of ${size}`);
        seen.set(size, text);
      }
    }
  }
}

/** @param {string} folder */
function filesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return []; // its gateway has still to make it
  }
}
