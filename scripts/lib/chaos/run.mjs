// Everything is killed at random and every connection cut, at the same time, while packs record and send.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { count } from "../kill/counts.mjs";
import { seeded } from "../kill/random.mjs";
import { FAULTS } from "./link.mjs";
import { open } from "./scene.mjs";
import { verdictOn } from "./verdict.mjs";
import { Witnessed } from "./witnessed.mjs";

const LIFE_MS = 1_000;
const GONE_MS = 400;
const FAULT_MS = 800;
const QUIET_MS = 2_500;
/** How often a gateway is stopped until it leaves with everything witnessed: a receipt may have been on its way. */
const STOPS = 10;

/** @typedef {import("../deploy/deployment.mjs").Kind} Kind */
/** @typedef {import("./tally.mjs").Tally} Tally */

/**
 * Throws, and leaves the folder for inspection, as soon as anything is lost, doubled or cannot be verified.
 *
 * @param {Kind} kind
 * @param {number} kills of each that can be killed
 * @param {number} seed
 * @returns {Promise<Tally>}
 */
export async function chaos(kind, kills, seed) {
  const state = mkdtempSync(join(tmpdir(), "wattseal-chaos-"));
  /** @type {(() => Promise<unknown>)[]} */
  const closing = [];
  /** @type {Tally} */
  let tally;
  try {
    const scene = await open(kind, state, (close) => void closing.push(close));
    const storm = new Storm(scene, seeded(seed));
    await storm.rage(kills);
    await storm.settle();
    tally = {
      kind,
      kills: storm.kills,
      cuts: storm.cuts,
      ...(await verdictOn(scene, storm.witnessed)),
    };
  } catch (cause) {
    const place = `seed ${seed}, folder ${state}`;
    throw new Error(`${cause instanceof Error ? cause.message : cause} (${place})`, { cause });
  } finally {
    for (const close of closing.reverse()) await close();
  }
  // until all of it has ended, something is written there
  rmSync(state, { recursive: true, force: true });
  return tally;
}

class Storm {
  /** @type {import("../kill/counts.mjs").Counts} */ kills = {};
  /** @type {import("../kill/counts.mjs").Counts} */ cuts = {};
  /** What receipts cover, as the gateways have it. */
  witnessed;
  #scene;
  #random;
  #isOver = false;

  /**
   * @param {import("./scene.mjs").Scene} scene
   * @param {(below: number) => number} random
   */
  constructor(scene, random) {
    this.#scene = scene;
    this.#random = random;
    this.witnessed = new Witnessed(
      scene.packs.map(({ folder }) => folder),
      () => this.#requireAlive(),
    );
  }

  /** @param {number} kills of each */
  async rage(kills) {
    const { mortals, links } = this.#scene;
    await this.witnessed.progress();
    const cutting = Promise.all(links.map((link) => this.#cut(link)));
    try {
      const killing = Object.entries(mortals).map(([what, members]) =>
        this.#kill(what, members, kills),
      );
      await Promise.all(killing);
    } finally {
      this.#isOver = true;
      await cutting;
    }
  }

  /** Nothing is killed or cut any more: the gateways end with everything witnessed. */
  async settle() {
    await this.witnessed.progress("all");
    for (const gateway of this.#scene.gateways) {
      for (let stops = 1; (await gateway.stop()) !== 0; stops += 1) {
        if (stops === STOPS)
          throw new Error(
            `${gateway.name} does not get its receipts:\n${gateway.log.slice(-2000)}`,
          );
        await gateway.up();
        await gateway.running();
      }
    }
    this.witnessed.look();
    for (const worker of this.#scene.workers) await worker.stop();
  }

  /**
   * Now one of them, now another: at work, or, every fourth time, wherever its start has come.
   *
   * @param {string} what
   * @param {readonly import("./scene.mjs").Mortal[]} members
   * @param {number} kills
   */
  async #kill(what, members, kills) {
    for (let kill = 0; kill < kills; kill += 1) {
      if (this.#random(4) > 0) await this.witnessed.progress();
      await pause(this.#random(LIFE_MS));
      const victim = members[this.#random(members.length)];
      await victim?.kill();
      await pause(this.#random(GONE_MS));
      await victim?.up();
      count(this.kills, what);
    }
  }

  /** @param {import("./link.mjs").Link} link */
  async #cut(link) {
    while (!this.#isOver) {
      await pause(this.#random(QUIET_MS));
      const fault = FAULTS[this.#random(FAULTS.length)] ?? "drop";
      await link.suffer(fault, this.#random(FAULT_MS));
      count(this.cuts, fault);
    }
  }

  #requireAlive() {
    const { gateways, workers } = this.#scene;
    for (const { problem } of [...gateways, ...workers]) {
      if (problem !== undefined) throw new Error(problem);
    }
  }
}
