import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type RetiredTpmIdentity, retireTpmIdentity, tpmFolder } from "@wattseal/lct-keys";
import { TlogError } from "@wattseal/tlog";
import { lockDirectory } from "@wattseal/tlog/store";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError, EXIT } from "../errors.js";
import { answers } from "../ports/socket-path.js";
import { signerSocketOf } from "../roles/signer.js";
import { exists } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { pendingFile } from "../state/pack-identity.js";
import { openTpm, type TpmAddress, tpmOfSetting, tpmSetting } from "../tpm/address.js";
import { writeOut } from "../view/output.js";
import { requireYes } from "./consent.js";

export interface RetireOptions {
  readonly state: string;
  /** Default: the state folder's. */
  readonly tpm?: TpmAddress;
  readonly yes: boolean;
  readonly yesTheLctEnds: boolean;
  readonly json: boolean;
}

const NONE: RetiredTpmIdentity = { handles: [], halves: [] };

/** `wattseal identity retire`: for a folder whose gateway and signer do not run. Called again, it goes on where it was cut. */
export async function retireIdentity(options: RetireOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const { gateway } = layout;
  const recorded = await isRecorded(layout);
  const issued = await exists(gateway.document);
  const pending = await exists(pendingFile(layout));
  if (!recorded && (issued || !pending)) throw await nothingRecorded(layout);
  if ((issued || pending) && !options.yesTheLctEnds) throw speaksForLct(layout, issued);
  const tpm = recorded ? await tpmOf(options, layout) : undefined;
  const release = await whileStopped(layout);
  try {
    const plan = `The keys and counters that ${gateway.signer} records are taken out of the TPM${tpm === undefined ? "" : ` (${tpmSetting(tpm)})`}, for good`;
    if (!options.yes) await requireYes({ plan, question: "Remove them", done: "removed" });
    const retired = tpm === undefined ? NONE : await takeOut(tpm, gateway.signer);
    await rm(pendingFile(layout), { force: true });
    await writeOut(said(options, layout, retired, issued));
  } finally {
    await release();
  }
  return EXIT.ok;
}

async function isRecorded({ gateway }: Layout): Promise<boolean> {
  const files = ["tpm.cbor", "tpm.plan"].map((name) => exists(join(gateway.signer, name)));
  return (await Promise.all(files)).includes(true);
}

async function nothingRecorded({ gateway }: Layout): Promise<CliError> {
  const inFile = await exists(join(gateway.signer, "anchor.pem"));
  const where = inFile ? ": the keys of this folder are files" : "";
  return new CliError("state-missing", `${gateway.signer} records nothing in a TPM${where}.`);
}

/** A registry may have issued what was lost on its way here. */
function speaksForLct({ gateway }: Layout, issued: boolean): CliError {
  const what = issued
    ? `${gateway.document} was issued for these keys`
    : `A registry may have issued a document for these keys: wattseal init asks it again with the same --state`;
  return new CliError(
    "usage",
    `${what}. Without them nobody signs for that LCT ever again; say --yes-the-lct-ends to remove them all the same.`,
  );
}

async function tpmOf({ tpm }: RetireOptions, layout: Layout): Promise<TpmAddress> {
  const { gateway, tpm: directory } = layout;
  if (tpm !== undefined) return tpm;
  const config = (await exists(gateway.config)) ? await configOf(layout) : undefined;
  const setting = config && tpmOfSetting(config.signer.tpm, gateway.directory, directory);
  if (setting !== undefined) return setting;
  if (await exists(directory)) return { type: "emulator", directory };
  throw new CliError("usage", "Name the TPM that init was given: --tpm device or swtpm:PATH.");
}

function configOf({ gateway }: Layout) {
  const given = { environment: process.env, flags: {} };
  return loadConfig({ schema: gatewaySchema, path: gateway.config, ...given });
}

/** Keeps a gateway from its log and a signer from a new epoch. Throws CliError `usage` where one of them runs. */
async function whileStopped(layout: Layout): Promise<() => Promise<void>> {
  const { gateway } = layout;
  if (await exists(gateway.config)) {
    const { path } = signerSocketOf(layout, await configOf(layout));
    if (await answers(path)) throw runs("signer", path);
  }
  const releases: (() => Promise<void>)[] = [];
  const release = async () => {
    for (const each of releases) await each();
  };
  for (const [directory, who] of [
    [gateway.log, "gateway"] as const,
    [gateway.signer, "signer"] as const,
  ]) {
    if (!(await exists(directory))) continue;
    try {
      releases.push(await lockDirectory(directory));
    } catch (cause) {
      await release();
      throw cause instanceof TlogError && cause.code === "locked" ? runs(who, directory) : cause;
    }
  }
  return release;
}

function runs(who: "gateway" | "signer", where: string): CliError {
  return new CliError("usage", `The ${who} of this folder runs (${where}). Stop it first.`);
}

async function takeOut(address: TpmAddress, signer: string): Promise<RetiredTpmIdentity> {
  const tpm = await openTpm(address);
  try {
    return await retireTpmIdentity(tpm, {}, tpmFolder(signer));
  } finally {
    await tpm.close();
  }
}

function said(
  { json }: RetireOptions,
  { root }: Layout,
  { handles, halves }: RetiredTpmIdentity,
  issued: boolean,
): string {
  const removed = handles.map((handle) => `0x${handle.toString(16).padStart(8, "0")}`);
  if (json) return `${JSON.stringify({ state: root, removed, halves })}\n`;
  const next = issued
    ? "Its document stays, and nothing signs for it any more: have the registry void it, and make a new identity with another --state."
    : `No identity is left in ${root}: wattseal init can make another one there.`;
  return [
    `removed    ${removed.length === 0 ? "nothing: it was gone from this TPM" : removed.join(", ")}`,
    ...(halves.length === 0 ? [] : [`halves     ${halves.join(", ")}`]),
    next,
    "",
  ].join("\n");
}
