import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { toHex } from "@wattseal/base";
import { BusServer } from "@wattseal/sim-hardware";
import { median } from "./lib/measure.mjs";
import { PackEnd, pairedModules, simulate } from "./lib/sim-pack.mjs";
import { formatPaces } from "./lib/table.mjs";

const ROUNDS = 5;
/** Simulated seconds before anything is measured: every link stands by then. */
const LINKED_BY = 30;
/** Simulated, in each round. */
const SECONDS = 120;
/** Readings of a module in a simulated second. */
const RATE_HZ = 5;

const PACKS = [
  { count: 8, fd: false },
  { count: 31, fd: false },
  { count: 8, fd: true },
  { count: 31, fd: true },
];

/**
 * Simulated seconds in a wall second: modules, bus and the pack's end of every link, without log and ledger.
 *
 * @param {string} scratch
 */
export async function sim(scratch) {
  const rows = [];
  for (const { count, fd } of PACKS) {
    const what = `${count} modules, ${fd ? "FD" : "classic"}, one process`;
    rows.push({ what, ...(await inProcess(count, fd)) });
  }
  const [near] = rows;
  const far = await overSocket(8, scratch);
  rows.push({ what: "8 modules, classic, two processes over the socket", ...far });
  const share = near === undefined ? Number.NaN : far.pace / near.pace;
  return formatPaces("Simulator, seconds in a wall second", rows, [
    `Two processes reach ${share.toPrecision(2)} of the pace of one, on this machine's cores.`,
  ]);
}

/**
 * @param {number} count
 * @param {boolean} fd
 */
async function inProcess(count, fd) {
  const pack = pairedModules(count);
  const pace = await simulate(pack, fd);
  const { simulator } = pace;
  const bus = simulator.bus.attach({ name: "pack", mailboxes: 8 });
  const end = new PackEnd(bus, simulator.kernel, pack, fd);
  const measured = await measure(pace, () => end.readings, count);
  await simulator.stop();
  return measured;
}

/**
 * @param {number} count
 * @param {string} scratch
 */
async function overSocket(count, scratch) {
  const pack = pairedModules(count);
  const pace = await simulate(pack, false);
  const { simulator } = pace;
  const directory = join(scratch, "sim");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "bus.sock");
  const server = await BusServer.listen({ kernel: simulator.kernel, bus: simulator.bus, path });
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("lib/far-pack.mjs", import.meta.url)), path],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  child.stdin.end(keysOf(pack));
  const ended = text(child.stdout);
  await server.joined();
  const measured = await measure(pace, undefined, count);
  await server.close();
  await simulator.stop();
  const readings = Number(await ended);
  if (!(readings >= ROUNDS * SECONDS * RATE_HZ * count)) throw new Error("readings were lost");
  return measured;
}

/** @param {ReturnType<typeof pairedModules>} pack */
function keysOf({ half, packHash, modules }) {
  return JSON.stringify({
    half: half.lend(toHex),
    packHash: toHex(packHash),
    modules: modules.map(({ uid, half: { publicKey } }) => ({ uid, half: toHex(publicKey) })),
  });
}

/**
 * @param {Awaited<ReturnType<typeof simulate>>} pace
 * @param {(() => number) | undefined} readings that arrived so far, where this process knows
 * @param {number} count
 */
async function measure(pace, readings, count) {
  await pace.run(LINKED_BY);
  if (!pace.simulator.modules.every(({ linked }) => linked)) throw new Error("not all are linked");
  const rounds = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const before = readings?.();
    rounds.push(await pace.run(SECONDS));
    const arrived = (readings?.() ?? 0) - (before ?? 0);
    if (readings !== undefined && arrived < SECONDS * RATE_HZ * count - count) {
      throw new Error(`only ${arrived} readings arrived`);
    }
  }
  return {
    pace: median(rounds.map(({ wallSeconds }) => SECONDS / wallSeconds)),
    wire: median(rounds.map(({ wallSeconds, wireSeconds }) => wireSeconds / wallSeconds)),
  };
}
