import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { millis, silentLogger } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import {
  createSoftwareAnchor,
  createSoftwareHalf,
  Ed25519SecretKey,
  issueLctDocument,
  openSoftwareSigner,
  RemoteSigner,
  SignerServer,
} from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { formatFigures, formatTable } from "./lib/table.mjs";
import { continuedLog, nextHead } from "./lib/tree.mjs";

const ROUNDS = 5;
const CALLS = 200;
/** Heads in one call: as many as the gateway lets one durable write cover. */
const AT_ONCE = 64;

const entropy = { bytes: (/** @type {number} */ length) => new Uint8Array(randomBytes(length)) };

/**
 * Time for the call limits and nothing else: as if the calls came as fast as they are allowed to.
 *
 * @returns {import("@wattseal/base").Clock}
 */
function hurriedClock() {
  let now = Date.now();
  return {
    now: () => {
      now += 25;
      return millis(now);
    },
    at: () => () => {},
  };
}

/**
 * What it costs to have the signer in a process of its own: both ends of the socket are in this process, so that a
 * CPU-second holds the work of both.
 *
 * @param {string} scratch
 */
export async function signer(scratch) {
  const folder = join(scratch, "signer");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const anchor = await createSoftwareAnchor(folder, entropy);
  const { publicKey: half } = await createSoftwareHalf(folder, entropy);
  const document = verifyLctDocument(
    issueLctDocument(Ed25519SecretKey.generate(entropy), {
      kind: "pack",
      class: "responsive",
      anchor: { type: "p256", publicKey: anchor },
      binding: "software",
      strengthBps: 4_000,
      context: ["benchmark"],
      created: millis(Date.now()),
      witnesses: [],
      mrh: [],
    }),
    "self-consistent",
  );
  const service = await openSoftwareSigner({
    directory: folder,
    document,
    entropy,
    softwareVersion: "benchmark",
    clock: hurriedClock(),
    logger: silentLogger,
  });
  const path = join(folder, "s.sock");
  const token = entropy.bytes(32);
  const clock = hurriedClock();
  const server = await SignerServer.listen({ service, path, token, clock, logger: silentLogger });
  const remote = new RemoteSigner({ path, token, clock: hurriedClock(), lct: document.lct });
  try {
    const peer = DeviceHalf.generate(entropy).publicKey;
    const here = await measure(service, 0, half, peer);
    const there = await measure(remote, here.size, half, peer);
    const peerName = "in this process";
    const row = (/** @type {"one" | "many" | "dh"} */ which, /** @type {string} */ what) => ({
      what,
      rate: there[which].perCpuSecond,
      peer: peerName,
      peerRate: here[which].perCpuSecond,
    });
    const wall = (/** @type {"one" | "many" | "dh"} */ which, /** @type {string} */ what) => [
      { what: `${what}, through the socket`, value: there[which].perSecond, unit: "a second" },
      { what: `${what}, ${peerName}`, value: here[which].perSecond, unit: "a second" },
    ];
    const table = formatTable("Signer behind its socket, both ends counted", "answer", [
      row("one", "head signed, one a call"),
      row("many", `head signed, ${AT_ONCE} a call`),
      row("dh", "shared secret of a device half"),
    ]);
    const figures = formatFigures(
      "Signer, one call after the other, flushes to the disk included",
      [
        ...wall("one", "heads signed, one a call"),
        ...wall("many", `heads signed, ${AT_ONCE} a call`),
        ...wall("dh", "shared secrets"),
      ],
    );
    return `${table}\n${figures}`;
  } finally {
    await remote.close();
    await server.close();
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import("@wattseal/lct-keys").SignerService} service
 * @param {number} before heads signed until now
 * @param {Uint8Array} half
 * @param {Uint8Array} peer
 */
async function measure(service, before, half, peer) {
  let size = before + 1;
  const now = millis(Date.now());
  const epoch = await service.begin({
    log: continuedLog(size),
    clock: { now: () => now, at: () => () => {} },
    synchronised: true,
  });
  const next = () => {
    size += 1;
    return nextHead(size);
  };
  // Trees are the log's work, not the signer's: made beforehand.
  const one = await rateOf(
    () => Array.from({ length: CALLS }, next),
    async (heads) => {
      for (const head of heads) await epoch.sign(head);
      return heads.length;
    },
  );
  const many = await rateOf(
    () => Array.from({ length: 20 }, () => Array.from({ length: AT_ONCE }, next)),
    async (calls) => {
      for (const heads of calls) await epoch.sign(...heads);
      return calls.length * AT_ONCE;
    },
  );
  const dh = await rateOf(
    () => CALLS,
    async (calls) => {
      for (let call = 0; call < calls; call += 1) await service.dh(half, peer);
      return calls;
    },
  );
  return { one, many, dh, size };
}

/**
 * The median of some rounds, after one to warm up.
 *
 * @template T
 * @param {() => T} prepare not counted
 * @param {(input: T) => Promise<number>} work says how many it did
 */
async function rateOf(prepare, work) {
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const input = prepare();
    const cpu = process.cpuUsage();
    const start = performance.now();
    const done = await work(input);
    const seconds = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(cpu);
    if (round > 0)
      rounds.push({ perSecond: done / seconds, perCpuSecond: done / ((user + system) / 1e6) });
  }
  const median = (/** @type {readonly number[]} */ values) =>
    [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  return {
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    perCpuSecond: median(rounds.map(({ perCpuSecond }) => perCpuSecond)),
  };
}
