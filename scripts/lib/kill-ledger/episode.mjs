// One pack's life of kill -9: whatever was acknowledged is there afterwards, once, and every start succeeds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { toHex } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { TlogError } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { count } from "../kill/counts.mjs";
import { seeded } from "../kill/random.mjs";
import { logOf } from "./pack.mjs";

/** Exit status of a command that refused for what there is. */
const NOTHING_TO_PRUNE = 2;
const CHILD = fileURLToPath(new URL("./child.mjs", import.meta.url));
const PROGRAM = fileURLToPath(
  new URL("../../../packages/wattseal/bin/wattseal.mjs", import.meta.url),
);

/** @typedef {import("./tally.mjs").Tally} Tally */

/**
 * Throws, and leaves the folder for inspection, as soon as something is lost, doubled or forked, or a start fails.
 *
 * @param {number} kills
 * @param {number} seed
 * @returns {Promise<Tally>}
 */
export async function episode(kills, seed) {
  const folder = mkdtempSync(join(tmpdir(), "wattseal-kill-"));
  const life = new Life(folder, seeded(seed));
  try {
    await life.begin();
    for (let kill = 0; kill < kills; kill += 1) await life.kill();
    await life.end();
  } catch (cause) {
    const place = `seed ${seed}, folder ${folder}`;
    throw new Error(`${cause instanceof Error ? cause.message : cause} (${place})`, { cause });
  }
  rmSync(folder, { recursive: true, force: true });
  return life.tally;
}

class Life {
  /** @type {Tally} */
  tally = { kills: {}, caught: {}, acknowledged: 0, heads: 0 };
  #folder;
  #state;
  #record;
  #random;
  #floor = 0;
  /** ms from spawning a child until it runs, about. */
  #startUp = 1_000;
  /** Leaf hashes of acknowledged entries by index, and roots of signed heads by size, hex. @type {Map<number, string>} */
  #leaves = new Map();
  /** @type {Map<number, string>} */
  #roots = new Map();

  /**
   * @param {string} folder
   * @param {(below: number) => number} random
   */
  constructor(folder, random) {
    this.#folder = folder;
    this.#state = join(folder, "state");
    this.#record = join(folder, "acknowledged");
    this.#random = random;
  }

  async begin() {
    await this.#program(
      "init",
      "--demo",
      "--tpm",
      "none",
      "--state",
      this.#state,
      "--modules",
      "1",
    );
    const started = Date.now();
    await this.#run(1);
    this.#startUp = Date.now() - started;
  }

  /** Starts something, and kills it at a random point of its life. */
  async kill() {
    const what = this.#random(8);
    if (what === 0) await this.#killBackup();
    else if (what <= 2) await this.#killPrune();
    else {
      await this.#killed(this.#spawn(CHILD, this.#arguments(0)));
      count(this.tally.kills, "gateway ledger");
    }
    for (const name of this.#unfinished()) count(this.tally.caught, name);
    await this.#check();
  }

  /** A copy of a log that goes on being written: it is one when it is whole, and never before. */
  async #killBackup() {
    const copy = join(this.#folder, "copy");
    const writer = this.#spawn(CHILD, this.#arguments(0));
    await pause(this.#startUp);
    await this.#killed(this.#spawn(PROGRAM, ["ledger", "backup", copy, "--state", this.#state]));
    await this.#killed(writer);
    count(this.tally.kills, "backup");
    count(this.tally.kills, "gateway ledger");
    await this.#checkCopy(copy);
    rmSync(copy, { recursive: true, force: true });
  }

  /** Of a stopped gateway's log, up to a random entry: what stays is what it was. */
  async #killPrune() {
    const log = await LogStore.openReadOnly({ directory: logOf(this.#state) });
    const before = String(log.firstEntry + this.#random(log.durableSize - log.firstEntry) + 1);
    const args = ["ledger", "prune", "--state", this.#state, "--before", before];
    await this.#killed(this.#spawn(PROGRAM, args), NOTHING_TO_PRUNE);
    count(this.tally.kills, "prune");
  }

  /** @param {string} copy */
  async #checkCopy(copy) {
    try {
      const log = await LogStore.openReadOnly({ directory: copy });
      this.#account();
      for (const [index, leaf] of this.#leaves) {
        if (index < log.durableSize) requireSame(log, index, leaf);
      }
    } catch (thrown) {
      if (!(thrown instanceof TlogError)) throw thrown;
      if (thrown.code !== "unfinished" && thrown.code !== "missing") throw thrown;
      count(this.tally.caught, "backup");
    }
  }

  /** A last life that ends by itself, and an audit of everything. */
  async end() {
    await this.#run(3);
    const log = await this.#check();
    requireOnce(log);
    for (const [index, leaf] of this.#leaves) requireSame(log, index, leaf);
    for (const [size, root] of this.#roots) {
      if (size < log.firstEntry) continue;
      if (toHex(log.root(size)) !== root) throw new Error(`the head of size ${size} is of a fork`);
    }
    const trust = join(this.#state, "gateway", "trust.json");
    await this.#program("ledger", "audit", logOf(this.#state), "--trust", trust);
    this.tally.acknowledged = this.#leaves.size;
    this.tally.heads = this.#roots.size;
  }

  /** @param {number} rounds */
  async #run(rounds) {
    const child = this.#spawn(CHILD, this.#arguments(rounds));
    const [status] = await once(child, "close");
    if (status !== 0) throw new Error(`a start failed: ${output(child)}`);
    this.#account();
  }

  /** @param {number} rounds none: until it is killed */
  #arguments(rounds) {
    return [this.#state, this.#record, String(this.#random(2 ** 31)), String(rounds)];
  }

  /**
   * @param {import("node:child_process").ChildProcess} child
   * @param {number} [allowed] status with which it may have ended by itself meanwhile, beside success
   */
  async #killed(child, allowed = 0) {
    const closed = once(child, "close");
    await Promise.race([pause(this.#random(2 * this.#startUp)), closed]);
    child.kill("SIGKILL");
    const [status] = await closed;
    if (status !== null && status !== 0 && status !== allowed)
      throw new Error(`it failed by itself: ${output(child)}`);
  }

  /** What the kill left half done, by the names of the files that had none yet. */
  #unfinished() {
    const draft = readdirSync(join(this.#state, "gateway", "signer")).filter((name) =>
      name.endsWith(".draft"),
    );
    const temporary = join(logOf(this.#state), "tmp");
    const names = existsSync(temporary) ? readdirSync(temporary) : [];
    return [...draft.map(() => "signer state"), ...names.map(kindOf)];
  }

  /** Holds the log against what this life acknowledged since the last time. */
  async #check() {
    const log = await LogStore.openReadOnly({ directory: logOf(this.#state) });
    if (log.opened.cut !== undefined) count(this.tally.caught, "journal record");
    for (const [index, leaf] of this.#account()) requireSame(log, index, leaf);
    if (log.firstEntry > this.#floor) count(this.tally.caught, "pruned");
    this.#floor = log.firstEntry;
    return log;
  }

  /** Takes over the child's record. @returns {ReadonlyMap<number, string>} leaves acknowledged since the last time */
  #account() {
    const text = existsSync(this.#record) ? readFileSync(this.#record, "utf8") : "";
    rmSync(this.#record, { force: true });
    /** @type {Map<number, string>} */
    const news = new Map();
    for (const [what, number, hash = ""] of text.split("\n").map((line) => line.split(" "))) {
      const at = Number(number);
      if (what === "durable") enter(this.#leaves, at, hash, "entry");
      if (what === "durable") news.set(at, hash);
      if (what === "signed") enter(this.#roots, at, hash, "head of size");
    }
    return news;
  }

  /**
   * @param {string} script
   * @param {readonly string[]} args
   */
  #spawn(script, args) {
    const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        outputs.set(child, output(child) + text);
      });
    }
    return child;
  }

  /** @param {readonly string[]} args */
  async #program(...args) {
    const child = this.#spawn(PROGRAM, args);
    const [status] = await once(child, "close");
    if (status !== 0) throw new Error(`wattseal ${args.join(" ")}: ${output(child)}`);
  }
}

/** @type {WeakMap<import("node:child_process").ChildProcess, string>} */
const outputs = new WeakMap();
const output = (/** @type {import("node:child_process").ChildProcess} */ child) =>
  outputs.get(child) ?? "";

/**
 * @param {Map<number, string>} known
 * @param {number} at
 * @param {string} hash
 * @param {string} what
 */
function enter(known, at, hash, what) {
  if ((known.get(at) ?? hash) !== hash) throw new Error(`${what} ${at} was given out twice`);
  known.set(at, hash);
}

/**
 * @param {import("@wattseal/tlog/store").StoredLog} log
 * @param {number} index
 * @param {string} leaf
 */
function requireSame(log, index, leaf) {
  if (index < log.firstEntry) return;
  if (index >= log.durableSize) throw new Error(`entry ${index} was acknowledged and is lost`);
  if (toHex(log.leafHash(index)) !== leaf) throw new Error(`entry ${index} is another one now`);
}

/**
 * An interval's digest is random here: the same bytes are the same interval.
 *
 * @param {import("@wattseal/tlog/store").StoredLog} log
 */
function requireOnce(log) {
  const seen = new Set();
  for (let index = log.firstEntry; index < log.durableSize; index += 1) {
    if (decodeEntry(log.entry(index)).type !== "energy.interval") continue;
    const leaf = toHex(log.leafHash(index));
    if (seen.has(leaf)) throw new Error(`entry ${index} is there twice`);
    seen.add(leaf);
  }
}

/** @param {string} name of a file without its place */
function kindOf(name) {
  if (name.startsWith("tile-entries-")) return "entry bundle";
  if (name.startsWith("tile-")) return "hash tile";
  const [kind = name] = name.split(".");
  return kind;
}
