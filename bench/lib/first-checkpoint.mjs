import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fromHex, millis, silentLogger } from "@wattseal/base";
import { LocalSigner, openSoftwareSigner, RemoteSigner } from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { median } from "./measure.mjs";
import { options, run } from "./swtpm.mjs";
import { identityIn } from "./tpm-identity.mjs";
import { continuedLog, nextHead } from "./tree.mjs";

const ROUNDS = 7;
/** Of a TPM that takes its time. */
const SLOW_ROUNDS = 2;
const PROGRAM = fileURLToPath(new URL("../../packages/wattseal/bin/wattseal.mjs", import.meta.url));
const clock = { now: () => millis(Date.now()), at: () => () => {} };

/**
 * From the opening of the anchor to the epoch's first signed head, device half opened, in ms. Each goes on from the one
 * before, as starts do.
 *
 * @param {number} rounds
 * @param {() => Promise<import("@wattseal/lct-keys").SignerService & { close(): Promise<void> }>} open
 * @param {() => Promise<unknown>} [ended]
 */
async function starts(rounds, open, ended = () => Promise.resolve()) {
  const times = [];
  for (let round = 0, size = 2; round <= rounds; round += 1, size += 2) {
    const before = performance.now();
    const service = await open();
    const epoch = await service.begin({ log: continuedLog(size), clock, synchronised: true });
    await epoch.sign(nextHead(size + 1));
    const ms = performance.now() - before;
    if (round > 0) times.push(ms);
    await service.close();
    await ended();
  }
  return median(times);
}

/**
 * @param {import("@wattseal/tpm2").Transport} transport
 * @param {string} directory
 * @param {number} rounds
 */
async function inTpm(transport, directory, rounds) {
  const identity = identityIn(transport, directory);
  const { anchor, document, openAnchor } = await identity.open();
  await anchor.createHalf();
  await anchor.close();
  const of = { directory, document, entropy: options.entropy, softwareVersion: "benchmark" };
  const ms = await starts(rounds, async () =>
    LocalSigner.open({ ...of, anchor: await openAnchor(), clock, logger: silentLogger }),
  );
  await identity.undo();
  identity.clean();
  return ms;
}

/**
 * @param {string} state of a demonstration
 * @returns {Promise<RemoteSigner | undefined>} undefined while nobody serves
 */
async function connected(state) {
  const gateway = join(state, "gateway");
  try {
    const token = fromHex(readFileSync(join(gateway, "signer.token"), "utf8").trim());
    const path = join(state, "run", "signer.sock");
    const service = new RemoteSigner({ path, token, clock, lct: documentOf(gateway).lct });
    await service.connect();
    return service;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} state
 * @param {"swtpm" | "none"} tpm
 */
async function demonstration(state, tpm) {
  rmSync(state, { recursive: true, force: true });
  await run(process.execPath, [PROGRAM, "init", "--demo", "--state", state, "--tpm", tpm]);
}

/** @param {string} gateway */
function documentOf(gateway) {
  return verifyLctDocument(readFileSync(join(gateway, "lct.cose")), "self-consistent");
}

/**
 * The same of `wattseal signer`, from its process's start, over its socket; and within this process, where the keys are
 * files.
 *
 * @param {string} state
 * @param {"swtpm" | "none"} tpm
 */
async function ofProcess(state, tpm) {
  await demonstration(state, tpm);
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let child;
  const ended = async () => {
    if (child === undefined || child.exitCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    await closed;
  };
  try {
    return await starts(
      ROUNDS,
      async () => {
        child = spawn(process.execPath, [PROGRAM, "signer", "--state", state], { stdio: "ignore" });
        for (;;) {
          const service = await connected(state);
          if (service !== undefined) return service;
          if (child.exitCode !== null) throw new Error(`wattseal signer ended: ${child.exitCode}`);
          await pause(5);
        }
      },
      ended,
    );
  } finally {
    await ended();
    rmSync(state, { recursive: true, force: true });
  }
}

/** @param {string} state */
async function inFiles(state) {
  await demonstration(state, "none");
  const gateway = join(state, "gateway");
  const directory = join(gateway, "signer");
  const document = documentOf(gateway);
  const of = { directory, document, entropy: options.entropy, softwareVersion: "benchmark" };
  const halfFolders = [directory, gateway];
  const ms = await starts(ROUNDS, () =>
    openSoftwareSigner({ ...of, halfFolders, clock, logger: silentLogger }),
  );
  rmSync(state, { recursive: true, force: true });
  return ms;
}

async function processAlone() {
  const times = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = performance.now();
    await run(process.execPath, [PROGRAM, "--version"]);
    if (round > 0) times.push(performance.now() - before);
  }
  return median(times);
}

/**
 * What a start takes until the epoch's first head is signed and its device half open: medians, in ms.
 *
 * @param {import("@wattseal/tpm2").Transport} transport
 * @param {{ transport: import("@wattseal/tpm2").Transport, ms: number }} slow
 * @param {string} scratch
 */
export async function firstCheckpointFigures(transport, slow, scratch) {
  const state = join(scratch, "first");
  const rows = [
    { what: "keys in files", value: await inFiles(state) },
    { what: "emulated TPM", value: await inTpm(transport, state, ROUNDS) },
    {
      what: `TPM that takes ${slow.ms} ms a command`,
      value: await inTpm(slow.transport, state, SLOW_ROUNDS),
    },
    {
      what: "`wattseal signer` from its process's start, keys in files",
      value: await ofProcess(state, "none"),
    },
    {
      what: "`wattseal signer` from its process's start, emulated TPM started too",
      value: await ofProcess(state, "swtpm"),
    },
    { what: "`wattseal --version`, a process alone", value: await processAlone() },
  ];
  return rows.map((row) => ({ ...row, unit: "ms" }));
}
