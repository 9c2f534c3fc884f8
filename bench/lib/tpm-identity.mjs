import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  attestationOf,
  Ed25519SecretKey,
  issueLctDocument,
  P256SecretKey,
  presentBoot,
  provision,
  retireTpmIdentity,
  signBootApproval,
  TpmAnchor,
  tpmFolder,
} from "@wattseal/lct-keys";
import { decodeBootApproval, encodeEpochBody, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { p256Point } from "@wattseal/tpm2/verify";
import { median } from "./measure.mjs";
import { options } from "./swtpm.mjs";

const ROUNDS = 15;
const TOOL_ROUNDS = 5;
const PCRS = [0, 7];
const CREATED = 1_760_000_000_000;

/**
 * A pack's identity in a TPM, enrolled and with its boot approved: what the product does with it.
 *
 * @param {import("@wattseal/tpm2").Transport} transport
 * @param {string} directory emptied
 */
export function identityIn(transport, directory) {
  const access = { ...options, transport };
  const updateKey = P256SecretKey.generate(options.entropy);
  const authority = Ed25519SecretKey.generate(options.entropy);
  const folder = tpmFolder(directory);
  const clean = () => {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  };
  clean();
  const make = () => provision(access, { pcrs: PCRS, updateKey: updateKey.publicKey }, folder);
  return {
    make,
    undo: () => retireTpmIdentity(access, {}, folder),
    /** The anchor, an epoch's body to be stated, and the anchor opened as each start does. */
    async open() {
      const identity = await make();
      const bytes = issueLctDocument(authority, {
        kind: "pack",
        class: "responsive",
        anchor: { type: "p256", publicKey: p256Point(identity.anchor.publicArea) },
        binding: "software",
        strengthBps: 4_000,
        context: [],
        created: /** @type {import("@wattseal/base").Millis} */ (CREATED),
        witnesses: [],
        mrh: [],
        attestation: attestationOf(identity),
      });
      const document = verifyLctDocument(bytes, "self-consistent");
      const { pcrDigest } = await presentBoot(access, PCRS);
      const approval = decodeBootApproval(
        signBootApproval(updateKey, document, { version: 1, pcrDigest }),
      );
      const approvals = () => Promise.resolve([approval]);
      const openAnchor = () =>
        TpmAnchor.open({ ...access, folder, document, approvals, rationed: false });
      const body = encodeEpochBody({
        lct: document.lct,
        epoch: 2,
        publicKey: new Uint8Array(32),
        softwareVersion: "1",
        treeSize: 1,
        treeRoot: new Uint8Array(32),
        time: document.created,
        synchronised: true,
      });
      return { anchor: await openAnchor(), body, document, openAnchor };
    },
    clean,
  };
}

/** The same keys and counters, protected by nothing. */
const TOOL_STEPS = [
  ["createek", "-G", "ecc", "-c", "ek.ctx", "-u", "ek.pub"],
  ["flushcontext", "-t"],
  ["createprimary", "-C", "o", "-G", "ecc", "-c", "root.ctx"],
  ["evictcontrol", "-C", "o", "-c", "root.ctx", "0x81000010"],
  ["flushcontext", "-t"],
  ["createprimary", "-C", "e", "-G", "ecc", "-c", "ak.ctx"],
  ["evictcontrol", "-C", "o", "-c", "ak.ctx", "0x81000011"],
  ["flushcontext", "-t"],
  ["create", "-C", "0x81000010", "-G", "ecc", "-u", "anchor.pub", "-r", "anchor.priv"],
  ["load", "-C", "0x81000010", "-u", "anchor.pub", "-r", "anchor.priv", "-c", "anchor.ctx"],
  ["evictcontrol", "-C", "o", "-c", "anchor.ctx", "0x81000012"],
  ["flushcontext", "-t"],
  ...["0x1800010", "0x1800011"].flatMap((index) => [
    ["nvdefine", index, "-C", "o", "-s", "8", "-a", "authread|authwrite|no_da|nt=counter"],
    ["nvincrement", index, "-C", index],
    ["nvread", index, "-C", index, "-s", "8"],
  ]),
];
const TOOL_CLEANING = [
  ...["0x81000010", "0x81000011", "0x81000012"].map((it) => ["evictcontrol", "-C", "o", "-c", it]),
  ...["0x1800010", "0x1800011"].map((index) => ["nvundefine", index, "-C", "o"]),
];

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/**
 * @param {number} rounds
 * @param {() => Promise<number>} round
 */
async function medianOf(rounds, round) {
  await round();
  const times = [];
  for (let i = 0; i < rounds; i += 1) times.push(await round());
  return median(times);
}

/**
 * Each figure is the median of some rounds, in ms.
 *
 * @param {Awaited<ReturnType<typeof import("./swtpm.mjs").startSwtpm>>} swtpm
 * @param {string} scratch
 */
export async function identityFigures(swtpm, scratch) {
  const identity = identityIn(swtpm.transport, join(scratch, "tpm-identity"));
  const created = await medianOf(ROUNDS, async () => {
    const ms = await timed(identity.make);
    await identity.undo();
    return ms;
  });
  const byTools = await medianOf(TOOL_ROUNDS, async () => {
    let ms = 0;
    for (const [name = "", ...args] of TOOL_STEPS) {
      const step = await timed(() => swtpm.tool(name, ...args));
      if (name !== "flushcontext") ms += step;
    }
    for (const [name = "", ...args] of TOOL_CLEANING) await swtpm.tool(name, ...args);
    return ms;
  });
  const { anchor, body } = await identity.open();
  const halves = async () => {
    for (const each of await anchor.openHalves()) if (each.state === "open") each.half.dispose();
  };
  const epoch = async () => {
    await anchor.increment();
    await anchor.attestEpoch(body);
  };
  const sealed = await timed(() => anchor.createHalf());
  const rows = [
    { what: "identity made: three keys, two counters, their record", value: created },
    { what: "the same keys and counters by tpm2-tools, a process a step", value: byTools },
    { what: "device half drawn, sealed and written", value: sealed },
    {
      what: "epoch begun: counter raised, evidence with quote and counter certification",
      value: await medianOf(ROUNDS, () => timed(epoch)),
    },
    {
      what: "device half opened under an approved boot",
      value: await medianOf(ROUNDS, () => timed(halves)),
    },
    {
      what: "challenge answered",
      value: await medianOf(ROUNDS, () => timed(() => anchor.attest(body.subarray(0, 32)))),
    },
  ];
  await anchor.close();
  await identity.undo();
  identity.clean();
  return rows.map((row) => ({ ...row, unit: "ms" }));
}
